"""What samplers and pruners see of a study."""

from collections.abc import Sequence

import optuna
import pytest
from optuna.study import Study
from optuna.trial import TrialState

from hpsearch.search.sampling.view import newest_and_best, view

DONE = (TrialState.COMPLETE, TrialState.PRUNED)


def study_of(values: Sequence[float | None], direction: str = "maximize") -> Study:
    """Trials of these values; None: pruned. The last one is running."""
    study = optuna.create_study(direction=direction)
    for value in values:
        trial = study.ask()
        if value is None:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, value)
    study.ask()
    return study


def test_a_view_is_the_study_with_other_trials() -> None:
    study = study_of([0.1, None, 0.3])
    seen = view(study, study.trials[1:])
    assert seen.direction == study.direction
    assert seen.user_attrs == {}
    assert [t.number for t in seen.get_trials()] == [1, 2, 3]
    assert [t.number for t in seen.get_trials(states=DONE)] == [1, 2]
    assert [t.number for t in seen._get_trials(states=(TrialState.RUNNING,), use_cache=True)] == [3]
    assert len(study.trials) == 4


@pytest.mark.parametrize(
    ("direction", "kept"), [("maximize", [0, 2, 4, 5, 6]), ("minimize", [1, 3, 4, 5, 6])]
)
def test_the_best_and_the_newest_stay_and_what_runs(direction: str, kept: list[int]) -> None:
    study = study_of([0.9, 0.1, 0.8, 0.2, None, 0.5], direction)
    assert len(newest_and_best(study, 6, 0).get_trials()) == 7
    seen = newest_and_best(study, 2, 1)
    assert [t.number for t in seen.get_trials()] == [kept[0], 4, 5, 6]
    assert [t.number for t in newest_and_best(study, 2, 2).get_trials()] == kept


def test_trials_that_failed_are_no_memory() -> None:
    study = study_of([0.9, 0.1])
    study.tell(2, state=TrialState.FAIL)
    assert [t.number for t in newest_and_best(study, 1, 0).get_trials()] == [1]
