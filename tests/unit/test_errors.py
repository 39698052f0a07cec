"""Errors: their exit codes are a contract with scripts."""

import pytest

from hpsearch import errors
from hpsearch.errors import Failure, TrialFailedError, uses_place


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("NoTrialError", 1),
        ("InputError", 2),
        ("UnreachableError", 3),
        ("ProgramError", 4),
    ],
)
def test_exit_codes(name: str, code: int) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, errors.HpsearchError)
    assert kind("x").exit_code == code


def test_exit_codes_of_signals() -> None:
    assert (errors.EXIT_OK, errors.EXIT_SIGINT, errors.EXIT_SIGTERM) == (0, 130, 143)


def test_what_the_configuration_is_to_blame_for_counts() -> None:
    assert {failure.value for failure in Failure if failure.counts} == {
        "diverged", "out_of_memory", "timeout", "crashed"
    }  # fmt: skip
    assert {failure.value for failure in Failure if not failure.counts} == {
        "interrupted", "too_large", "data_error", "program_error", "adopted"
    }  # fmt: skip


def test_a_failed_trial_is_no_error_for_users() -> None:
    error = TrialFailedError(Failure.DIVERGED, "NaN", epoch=3)
    assert (error.failure, error.epoch, str(error)) == (Failure.DIVERGED, 3, "NaN")
    assert not isinstance(error, errors.HpsearchError)


@pytest.mark.parametrize("failure", ["of a later version", "", 7, ["a"], {"a": 1}, None])
def test_a_class_of_another_program_does_not_count(failure: object) -> None:
    assert Failure.known(failure) is None
    assert not uses_place(failure)
