"""From what an ensemble is chosen, and what is refused before TensorFlow is started."""

from collections.abc import Callable
from pathlib import Path

import fakes
import pytest
from optuna.trial import FrozenTrial

from hpsearch.errors import InputError, NoTrialError
from hpsearch.home import WEIGHTS, Home
from hpsearch.objective import Objective
from hpsearch.search.confirmation import ensure_confirmation_study, queue, seeds
from hpsearch.search.leaders import leaders
from hpsearch.search.shapes import Kind
from hpsearch.search.study import OpenStudy
from hpsearch.services.ensemble import candidates, ensemble
from hpsearch.services.progress import Silent
from hpsearch.services.workspace import Workspace

Open = Callable[..., OpenStudy]
Finish = Callable[..., FrozenTrial]


class Told(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines = list[str]()

    def say(self, text: str) -> None:
        self.lines.append(text)


def kept(home: Home, study: OpenStudy, number: int) -> Path:
    """The kept weights of a trial."""
    folder = home.trial_run(study.name, number)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).touch()
    return folder / WEIGHTS


def run_all(study: OpenStudy, home: Home, *kinds: Kind) -> list[Path]:
    """Two confirmation runs of each kind; their weights, by number."""
    runs = ensure_confirmation_study(study)
    for kind in kinds:
        epochs = 3 if kind is Kind.REFIT else None
        queue(runs, study, leaders(study, 1), seeds(study, 2), kind, epochs)
    job = Objective(study=runs, parts=fakes.parts(), home=home, trainer=fakes.train)
    while job.run_one():
        pass
    return [kept(home, runs, trial.number) for trial in runs.trials()]


def test_the_best_trials_come_first_and_then_the_runs(
    open_study: Open, finish: Finish, home: Home
) -> None:
    study = open_study()
    for value in (0.25, 0.75, 0.5):
        finish(study, value)
    best, second = kept(home, study, 1), kept(home, study, 2)
    runs = run_all(study, home, Kind.SEED)
    found = candidates(study, home, Silent())
    assert [one.weights for one in found] == [best, second, *runs]


def test_weights_that_an_earlier_ensemble_kept_are_chosen_from_too(
    open_study: Open, finish: Finish, home: Home
) -> None:
    study = open_study()
    for number in range(8):
        finish(study, 1 - number / 10)
    own = [kept(home, study, number) for number in (0, 6)]
    assert [one.weights for one in candidates(study, home, Silent())] == own


def test_runs_that_saw_validation_examples_are_left_out(
    open_study: Open, finish: Finish, home: Home
) -> None:
    study, told = open_study(), Told()
    for value in (0.25, 0.75):
        finish(study, value)
    own = [kept(home, study, 1), kept(home, study, 0)]
    run_all(study, home, Kind.SPLIT, Kind.REFIT)
    assert [one.weights for one in candidates(study, home, told)] == own
    (line,) = told.lines
    assert line.startswith("Left out: 2 confirmation runs with new validation splits")


def test_with_folds_no_run_has_seen_what_it_is_asked_about(
    open_study: Open, finish: Finish, home: Home
) -> None:
    study = open_study(dataset={"source": "digits", "validation": {"folds": 3}})
    finish(study, 0.75)
    own = kept(home, study, 0)
    runs = run_all(study, home, Kind.SPLIT)
    assert [one.weights for one in candidates(study, home, Silent())] == [own, *runs]


def test_one_network_is_no_ensemble(open_study: Open, finish: Finish, home: Home) -> None:
    study = open_study()
    with pytest.raises(NoTrialError):
        candidates(study, home, Silent())
    finish(study)
    with pytest.raises(InputError, match=r"none of its 1 network has weights in .* needs two"):
        candidates(study, home, Silent())
    kept(home, study, 0)
    with pytest.raises(InputError, match=r"To train more: hpsearch confirm study"):
        candidates(study, home, Silent())


def test_a_confirmation_study_has_no_ensemble(open_study: Open, finish: Finish, home: Home) -> None:
    study = open_study()
    finish(study)
    ensure_confirmation_study(study)
    with pytest.raises(InputError, match="is the confirmation study of study; give study instead"):
        ensemble("study.confirm", Workspace(home=home), Silent())


def test_an_ensemble_has_two_members_at_least(home: Home) -> None:
    with pytest.raises(InputError, match="members = 1: an ensemble has two at least"):
        ensemble("study", Workspace(home=home), Silent(), most=1)
