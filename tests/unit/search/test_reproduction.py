"""How near a training comes to the trial that it repeats."""

from collections.abc import Callable
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from hpsearch.errors import InputError
from hpsearch.search import attributes as attr
from hpsearch.search.history import record
from hpsearch.search.lookup import load_study
from hpsearch.search.reproduction import compare, last_epoch, other_surroundings
from hpsearch.search.study import OpenStudy

CURVE = {1: 0.5, 2: 0.75, 3: 0.625}


def trial(state: TrialState = TrialState.COMPLETE, **more: Any) -> FrozenTrial:
    value = 0.75 if state == TrialState.COMPLETE else None
    return create_trial(state=state, value=value, intermediate_values=CURVE, **more)


def test_equal_to_the_last_bit() -> None:
    found = compare(trial(), CURVE, 0.75)
    assert found.identical
    assert (found.then, found.now, found.compared) == (0.75, 0.75, 3)
    assert (found.largest, found.largest_at) == (0.0, None)


def test_the_largest_difference_and_its_epoch() -> None:
    found = compare(trial(), {1: 0.5, 2: 0.625, 3: 0.5, 4: 1.0}, 1.0)
    assert not found.identical
    assert (found.largest, found.largest_at) == (0.125, 2)
    assert (found.compared, found.epochs_then, found.epochs_now) == (3, 3, 4)
    assert (found.then, found.now) == (0.75, 1.0)


def test_fewer_epochs_are_not_identical() -> None:
    found = compare(trial(), {1: 0.5, 2: 0.75}, 0.75)
    assert found.largest == 0.0
    assert not found.identical


def test_a_pruned_trial_is_compared_at_its_last_epoch() -> None:
    found = compare(trial(TrialState.PRUNED), CURVE, 0.75)  # whose best epoch is another one
    assert (found.then, found.now) == (0.625, 0.625)
    assert found.identical


def test_a_trial_that_reported_nothing_has_nothing_to_compare() -> None:
    found = compare(create_trial(state=TrialState.FAIL), {1: 0.5}, 0.5)
    assert (found.then, found.now, found.largest, found.identical) == (None, 0.5, None, False)


@pytest.mark.parametrize(
    ("state", "failure", "last"),
    [
        (TrialState.COMPLETE, None, None),
        (TrialState.PRUNED, None, 3),
        (TrialState.FAIL, "interrupted", 3),
        (TrialState.FAIL, "diverged", None),
    ],
)
def test_a_trial_that_was_cut_is_trained_as_far(
    state: TrialState, failure: str | None, last: int | None
) -> None:
    attrs = {} if failure is None else {"failure": failure}
    assert last_epoch(trial(state, user_attrs=attrs)) == last


def test_a_trial_that_is_not_over_is_refused() -> None:
    with pytest.raises(InputError, match="has not ended; choose another trial"):
        last_epoch(trial(TrialState.RUNNING))


def test_what_is_other_here_is_named(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study()
    here = {"host": "box", "cpu": "fast", "os": "Linux", "versions": {"keras": "3"}}
    here |= {"cores": 2, "memory": 1, "gpus": []}
    record(study, ["run"], here | {"host": "other"})
    record(study, ["run"], here | {"versions": {"keras": "2"}})
    owned = trial(user_attrs={"worker": "box:1", "device": "CPU"})
    data = {"fingerprint": "f" * 64, "split_fingerprint": "s"}
    same = other_surroundings(study, owned, here, device="CPU", data=data)
    assert same == ["keras: 2 -> 3"]
    owned = trial(user_attrs={"worker": "other:1", "device": "CPU"})
    data = {"fingerprint": "0"}
    assert other_surroundings(study, owned, here, device="GPU 0", data=data) == [
        "host: other -> box", "device: CPU -> GPU 0", f"data fingerprint: {'f' * 64} -> 0"
    ]  # fmt: skip


def test_a_run_with_another_split_is_compared_with_none(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study()
    versions = study.optuna.user_attrs[attr.VERSIONS_KEY]
    here = {"host": "box", "cpu": "fast", "os": "Linux", "versions": versions}
    data = {"fingerprint": "f" * 64, "split_fingerprint": "its own"}
    facts = {**study.data, "split_fingerprint": "the study's"}
    study.optuna.set_user_attr(attr.DATASET_KEY, facts)
    study = load_study(study.storage, study.name)
    refit = trial(user_attrs={attr.CHANGES_KEY: {"dataset": {"include_validation": True}}})
    for owned, told in ((trial(), ["split: the study's -> its own"]), (refit, [])):
        assert other_surroundings(study, owned, here, device="CPU", data=data) == told
