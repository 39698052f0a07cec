"""What a run says before its workers start, and with what it ends."""

from collections.abc import Callable
from pathlib import Path

import pytest
from optuna.trial import FrozenTrial, TrialState

from hpsearch.errors import Failure
from hpsearch.search import budget, claims
from hpsearch.search.study import OpenStudy
from hpsearch.services.search import Settings, _conclusion, _left, reading_time


def test_a_long_study_says_that_it_is_read_first() -> None:
    assert reading_time(0) is None
    assert reading_time(1_000) is None
    said = reading_time(10_000)
    assert said is not None
    assert "10,000 trials" in said
    assert "15 s" in said


def test_the_command_is_what_makes_the_same_search() -> None:
    settings = Settings(trials=7, overrides=["dataset.path=a b"])
    typed = settings.typed(Path("/some/where/my file.toml"))
    assert " ".join(typed) == ("hpsearch run 'my file.toml' --trials 7 --set 'dataset.path=a b'")


def test_no_trial_is_left_of_a_study_that_is_over(
    open_study: Callable[..., OpenStudy], finish: Callable[..., object]
) -> None:
    study = open_study(budget={"trials": 3, "plateau": 1})
    assert _left(study) == 3
    finish(study)
    assert _left(study) == 2
    finish(study)  # no better one
    assert _left(study) == 0


@pytest.mark.parametrize("stopped", [0, 130])
def test_the_exit_code_is_of_how_it_ended(
    open_study: Callable[..., OpenStudy], finish: Callable[..., FrozenTrial], stopped: int
) -> None:
    study = open_study(budget={"trials": 2})
    finish(study, 0.5, TrialState.PRUNED)
    found = _conclusion(study, stopped)
    assert (found.over, found.best, found.exit_code) == (None, None, stopped or 1)
    assert found.is_cut_off is (stopped > 0)
    finish(study, 0.75)
    found = _conclusion(study, stopped)
    assert found.best is not None
    assert (found.over, found.best["number"], found.exit_code) == ("trials", 1, stopped)
    assert not found.is_cut_off


def test_failures_in_a_row_are_counted_by_their_class(
    open_study: Callable[..., OpenStudy], finish: Callable[..., FrozenTrial]
) -> None:
    study = open_study(budget={"trials": 50})
    finish(study, 0.75)
    budget.begin_run(study)
    for number in range(50):
        if budget.ending(study):
            break
        trial = claims.claim(study)
        assert trial is not None
        failure = Failure.TIMEOUT if number == 0 else Failure.DIVERGED
        claims.fail(study, trial.number, failure, "x")
    found = _conclusion(study, 0)
    assert (found.over, found.exit_code) == ("failures", 4)
    assert next(iter(found.failures)) == "diverged"
    assert found.failures["timeout"] == 1


def test_what_the_last_trial_failed_of_is_told_where_none_completed(
    open_study: Callable[..., OpenStudy], finish: Callable[..., FrozenTrial]
) -> None:
    study = open_study(budget={"trials": 3})
    for message in ("val_a is nan", "val_b is nan"):
        trial = claims.claim(study)
        assert trial is not None
        claims.fail(study, trial.number, Failure.DIVERGED, message)
    assert _conclusion(study, 0).failed == "trial 1 diverged: val_b is nan"
    finish(study, 0.5)
    assert not _conclusion(study, 0).failed
