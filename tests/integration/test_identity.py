"""A worker that was away for long writes nothing into what is no longer its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from conftest import clear
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import Trial, TrialState

from hpsearch.errors import Failure, StudyGoneError
from hpsearch.search import budget
from hpsearch.search.opening import open_storage
from hpsearch.search.storage import LeaseLostError, Storage
from hpsearch.search.study import OpenStudy, delete, load_study, open_or_create
from hpsearch.study_file import StudyFile
from hpsearch.workers.identity import identity, worker_name
from hpsearch.workers.lease import mend

DATASET = {"fingerprint": "f" * 64, "input_shape": [8], "class_names": ["0", "1", "2"]}

NOBODY = 2**22 + 1
"""The pid of no process: more than there may be."""

WRITES: dict[str, Callable[[OpenStudy, Trial], Any]] = {
    "report": lambda _, trial: trial.report(0.9, 1),
    "parameter": lambda _, trial: trial.suggest_float("x", 0.0, 1.0),
    "user attribute": lambda _, trial: trial.set_user_attr("who", "late"),
    "system attribute": lambda study, trial: study.storage.set_trial_system_attr(
        trial._trial_id, "who", "late"
    ),
    "attributes": lambda study, trial: study.storage.annotate(trial._trial_id, {"who": "late"}),
    "value": lambda study, trial: study.storage.set_trial_state_values(
        trial._trial_id, TrialState.COMPLETE, [0.9]
    ),
    "tell": lambda study, trial: study.optuna.tell(trial, 0.9, skip_if_finished=True),
    "pruned": lambda study, trial: study.optuna.tell(
        trial, state=TrialState.PRUNED, skip_if_finished=True
    ),
    "beat": lambda study, trial: study.storage.beat(trial._trial_id),
    "failure": lambda study, trial: budget.fail(study, trial.number, Failure.DIVERGED, "NaN"),
    "interruption": lambda study, trial: budget.interrupt(study, trial.number),
    "redrawing": lambda study, trial: budget.redraw(study, trial.number, "too large"),
    "failure by key": lambda study, trial: study.storage.fail(
        trial._trial_id, Failure.DIVERGED, "NaN"
    ),
}
"""All that a worker writes about a trial that it runs."""


@dataclass
class Meanwhile:
    """What others do to the storage while a worker is suspended."""

    url: str
    file: StudyFile
    storage: Storage

    def make(self) -> OpenStudy:
        study, _ = open_or_create(self.storage, self.file, DATASET)
        return study

    def claim(self, study: OpenStudy) -> None:
        """Another worker starts a trial."""
        self.storage.owner = identity()
        trial = budget.claim(study)
        assert trial is not None
        trial.report(0.1, 1)
        self.storage.owner = Storage.owner

    def take(self) -> None:
        """Take the trial away, and go on with it."""
        study = load_study(self.storage, "study")
        assert mend(study) == [0]
        self.claim(study)

    def remove(self) -> None:
        delete([load_study(self.storage, "study")], None)

    def replace(self) -> None:
        """Remove the study, and make another one of that name with the same keys."""
        clear(self.url)
        self.claim(self.make())


@pytest.fixture
def meanwhile(url: str, make_file: Callable[..., StudyFile]) -> Iterator[Meanwhile]:
    storage = open_storage(url)
    yield Meanwhile(url, make_file(sampler={"type": "random"}), storage)
    storage.close()


@pytest.fixture
def suspended(meanwhile: Meanwhile) -> Iterator[OpenStudy]:
    """The study as a worker has opened it that has claimed a trial and sleeps since then."""
    meanwhile.make()
    storage = open_storage(meanwhile.url)
    storage.owner = identity() | {"worker": worker_name(NOBODY)}
    study = load_study(storage, "study")
    study.stay()
    yield study
    storage.close()


def there(meanwhile: Meanwhile) -> list[Any]:
    """All that others have in the storage."""
    found: list[Any] = []
    for name in meanwhile.storage.study_names():
        study = load_study(meanwhile.storage, name)
        found += study.trials()
        found += [(p.number, p.beat, p.owner) for p in meanwhile.storage.pulses(study.study_id)]
    return found


@pytest.mark.parametrize("happened", [Meanwhile.take, Meanwhile.remove, Meanwhile.replace])
def test_nothing_is_written_into_what_is_not_ours(
    suspended: OpenStudy, meanwhile: Meanwhile, happened: Callable[[Meanwhile], None]
) -> None:
    trial = budget.claim(suspended)
    assert trial is not None
    keys = suspended.study_id, trial._trial_id
    happened(meanwhile)
    before = there(meanwhile)
    if happened is Meanwhile.replace:
        study = load_study(meanwhile.storage, "study")
        assert (study.study_id, study.trial_id(0)) == keys  # as SQLite gave them again
    for what, write in WRITES.items():
        try:
            done = write(suspended, trial)
        except (UpdateFinishedTrialError, StudyGoneError):
            done = None
        assert not done or what in ("tell", "pruned"), what
        assert there(meanwhile) == before, what


@pytest.mark.parametrize("happened", [Meanwhile.remove, Meanwhile.replace])
def test_no_trial_starts_in_another_study(
    suspended: OpenStudy, meanwhile: Meanwhile, happened: Callable[[Meanwhile], None]
) -> None:
    assert budget.claim(suspended) is not None
    happened(meanwhile)
    before = there(meanwhile)
    for ask in (budget.claim, budget.ending, budget.stop_requested, mend):
        with pytest.raises(StudyGoneError, match="study study: was deleted meanwhile"):
            ask(suspended)
    assert there(meanwhile) == before


def test_a_waiting_trial_of_another_study_is_not_claimed(
    suspended: OpenStudy, meanwhile: Meanwhile
) -> None:
    suspended.optuna.enqueue_trial({"layers": 2})
    key = suspended.trial_id(0)
    clear(meanwhile.url)
    meanwhile.make().optuna.enqueue_trial({"layers": 3})
    before = there(meanwhile)
    with pytest.raises(StudyGoneError):
        suspended.storage.set_trial_state_values(key, TrialState.RUNNING)
    assert there(meanwhile) == before


def test_a_trial_of_another_worker_is_not_ours(suspended: OpenStudy, meanwhile: Meanwhile) -> None:
    meanwhile.claim(load_study(meanwhile.storage, "study"))
    others = Trial(suspended.optuna, suspended.trial_id(0))
    with pytest.raises(LeaseLostError):
        others.report(0.9, 2)
    assert not suspended.storage.beat(suspended.trial_id(0))


def test_keys_are_not_given_again(meanwhile: Meanwhile) -> None:
    first = meanwhile.make()
    first.optuna.ask()
    keys = first.study_id, first.trial_id(0)
    meanwhile.remove()
    second = meanwhile.make()
    second.optuna.ask()
    assert second.study_id > keys[0]
    assert second.trial_id(0) > keys[1]
