"""What trials keep on the disk: the best weights, checkpoints of what is not over, no more."""

from collections.abc import Callable

import pytest
from averaged import ensemble
from optuna.trial import FrozenTrial

from hpsearch.home import CHECKPOINTS, WEIGHTS, Home
from hpsearch.outputs.leftovers import tidy, weights_file
from hpsearch.search import claims
from hpsearch.search.ensemble import keep_ensemble
from hpsearch.search.study import OpenStudy
from hpsearch.space import suggest_config


def leave(home: Home, number: int, *names: str) -> None:
    """Put files into a trial's folder."""
    folder = home.trial_run("study", number)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def left(home: Home, name: str) -> set[int]:
    """Which trials' folders hold a file."""
    return {int(file.parent.name[-5:]) for file in home.study_runs("study").glob(f"*/{name}")}


@pytest.mark.parametrize(
    ("metric", "kept"), [("val_accuracy", {1, 3}), ("val_loss", {0, 2})], ids=["max", "min"]
)
def test_only_the_best_weights_stay(
    open_study: Callable[..., OpenStudy],
    finish: Callable[..., FrozenTrial],
    home: Home,
    metric: str,
    kept: set[int],
) -> None:
    study = open_study(objective={"metric": metric})
    for number, value in enumerate((0.1, 0.9, 0.1, 0.8, 0.5)):
        finish(study, value)
        leave(home, number, WEIGHTS, "curves.csv")
    assert weights_file(home, "study", 3).exists()
    tidy(study, home, keep=5)
    assert left(home, WEIGHTS) == {0, 1, 2, 3, 4}
    for _ in range(2):
        tidy(study, home, keep=2)
    assert left(home, WEIGHTS) == kept
    assert left(home, "curves.csv") == {0, 1, 2, 3, 4}


def test_the_weights_of_an_ensemble_stay(
    open_study: Callable[..., OpenStudy], finish: Callable[..., FrozenTrial], home: Home
) -> None:
    study = open_study()
    for number, value in enumerate((0.1, 0.9, 0.2, 0.8, 0.5)):
        finish(study, value)
        leave(home, number, WEIGHTS)
    keep_ensemble(study, ensemble((0, False, 1, 0.5), (1, False, 2, 0.25), (2, True, 3, 0.25)))
    tidy(study, home, keep=2)
    assert left(home, WEIGHTS) == {0, 1, 3}


def test_checkpoints_stay_as_long_as_their_trial_may_go_on(
    open_study: Callable[..., OpenStudy], finish: Callable[..., FrozenTrial], home: Home
) -> None:
    study = open_study()
    finish(study)
    for number in (1, 2, 3, 4):  # cut off, taken up again, cut off again: 5 waits
        trial = claims.claim(study)
        assert trial is not None
        suggest_config(study.file.space, trial)
        assert claims.interrupt(study, number)
    for number in (0, 1, 2, 4):  # the third time before it had a checkpoint
        leave(home, number, *CHECKPOINTS, ".partial.checkpoint.npz")
    tidy(study, home)
    for name in (*CHECKPOINTS, ".partial.checkpoint.npz"):
        assert left(home, name) == {2, 4}
    finish(study)  # 5 comes to its end
    tidy(study, home)
    assert left(home, CHECKPOINTS[0]) == left(home, CHECKPOINTS[1]) == set()


def test_what_was_written_by_a_trial_that_was_taken_away_goes(
    open_study: Callable[..., OpenStudy], home: Home
) -> None:
    study = open_study()
    trial = claims.claim(study)
    assert trial is not None
    suggest_config(study.file.space, trial)
    leave(home, 0, WEIGHTS, f".partial.{WEIGHTS}")
    tidy(study, home)
    assert left(home, WEIGHTS) == left(home, f".partial.{WEIGHTS}") == {0}  # it runs
    assert claims.interrupt(study, 0)
    tidy(study, home)
    assert left(home, WEIGHTS) == left(home, f".partial.{WEIGHTS}") == set()


def test_what_is_not_ours_stays(open_study: Callable[..., OpenStudy], home: Home) -> None:
    study = open_study()
    tidy(study, home)  # no folder yet
    leave(home, 7, WEIGHTS, CHECKPOINTS[0])  # begun after we looked
    other = home.study_runs("study") / "trial-best"
    other.mkdir()
    (other / WEIGHTS).touch()
    tidy(study, home)
    assert left(home, CHECKPOINTS[0]) == {7}
    assert (other / WEIGHTS).exists()


def test_what_cannot_be_removed_stays_without_an_error(
    open_study: Callable[..., OpenStudy], finish: Callable[..., FrozenTrial], home: Home
) -> None:
    study = open_study()
    finish(study)
    (home.trial_run("study", 0) / CHECKPOINTS[0]).mkdir(parents=True)  # a folder, not a file
    leave(home, 0, CHECKPOINTS[1])
    tidy(study, home)
    assert left(home, CHECKPOINTS[1]) == set()
