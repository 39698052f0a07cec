"""How long a whole search will take."""

from collections.abc import Callable
from typing import Any

import pytest

from hpsearch.cli.check import in_words
from hpsearch.services.estimate import Estimate, estimate
from hpsearch.study_file import StudyFile

MakeFile = Callable[..., StudyFile]


def model(name: str, seconds: float | None) -> dict[str, Any]:
    """A model as ``check --json`` has it; None: it could not be trained."""
    failure = None if seconds is not None else "out_of_memory"
    begin = {"smallest": 3.0, "middle": 1.0}.get(name, 2.0)
    return {
        "model": name, "seconds_per_epoch": seconds, "seconds_to_start": seconds and begin,
        "failure": failure,
    }  # fmt: skip


MODELS = [model("smallest", 0.5), model("middle", 1.0), model("largest", 4.0)]


def reckoned(file: StudyFile, *models: dict[str, Any], workers: int = 2) -> Estimate:
    found = estimate(file, models or MODELS, workers=workers, started=5.0)
    assert found is not None
    return found


def test_workers_take_the_trials_in_turns(make_file: MakeFile) -> None:
    file = make_file(budget={"trials": 5}, training={"epochs": 10})
    found = reckoned(file)
    # Three rounds; each begins in a second and has ten epochs.
    assert found.seconds == 5 + 3 * (1 + 10 * 1.0)
    assert (found.least, found.most) == (5 + 3 * (1 + 10 * 0.5), 5 + 3 * (1 + 10 * 4.0))
    assert reckoned(file, workers=5).seconds == 5 + 1 + 10
    assert in_words(found) == (
        "time: about 38 s for 5 trials of at most 10 epochs with 2 workers (23 s to 2 min 08 s,"
        " from the smallest to the largest model); pruning and early stopping shorten it"
    )


def test_the_timeout_is_never_exceeded(make_file: MakeFile) -> None:
    file = make_file(budget={"trials": 100, "timeout": "5m"}, training={"epochs": 10})
    found = reckoned(file)
    assert found.seconds == found.timeout == 300
    assert in_words(found).startswith("time: 5 min 00 s, the timeout; 100 trials")
    within = reckoned(make_file(budget={"trials": 5, "timeout": "5m"}, training={"epochs": 10}))
    assert in_words(within).startswith("time: about 38 s for 5 trials")
    assert in_words(within).endswith("; at most 5 min 00 s, the timeout")


def test_what_could_not_be_trained_is_left_out(make_file: MakeFile) -> None:
    file = make_file(budget={"trials": 1}, training={"epochs": 1})
    small, lost = model("smallest", 0.5), model("middle", None)
    found = reckoned(file, small, lost, model("largest", None))
    assert found.seconds == found.least == found.most == 5 + 3 + 0.5
    assert in_words(found) == (
        "time: about 9 s for 1 trial of at most 1 epoch with 2 workers; pruning and early"
        " stopping shorten it"
    )
    assert estimate(file, [lost], workers=1, started=5.0) is None


def test_a_grid_may_have_fewer_points_than_the_budget_has_trials(make_file: MakeFile) -> None:
    space = {"layers": {"type": "int", "low": 1, "high": 3}}
    file = make_file(space=space, sampler={"type": "grid"}, budget={"trials": 50})
    assert reckoned(file).trials == 3


@pytest.mark.parametrize("workers", [1, 3])
def test_it_is_plain_for_json(make_file: MakeFile, workers: int) -> None:
    found = reckoned(make_file(), workers=workers).plain()
    assert found["workers"] == workers
    assert found.keys() == {
        "trials", "epochs", "workers", "seconds", "least", "most", "timeout"
    }  # fmt: skip
