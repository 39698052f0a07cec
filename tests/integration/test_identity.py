"""A worker that was away for long writes nothing into what is no longer its own."""

from collections.abc import Callable, Iterator

import pytest
from databases import clear
from meanwhile import SEEMING, WRITES, Meanwhile, there
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import Trial, TrialState

from hpsearch.errors import StudyGoneError, UnreachableError
from hpsearch.search import budget, claims
from hpsearch.search.lookup import load_study
from hpsearch.search.storage import LeaseLostError
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy
from hpsearch.study_file import StudyFile
from hpsearch.workers.identity import identity, worker_name
from hpsearch.workers.lease import mend

NOBODY = 2**22 + 1
"""The pid of no process: more than there may be."""


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


@pytest.mark.parametrize("happened", [Meanwhile.take, Meanwhile.remove, Meanwhile.replace])
def test_nothing_is_written_into_what_is_not_ours(
    suspended: OpenStudy, meanwhile: Meanwhile, happened: Callable[[Meanwhile], None]
) -> None:
    trial = claims.claim(suspended)
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
        assert not done or what in SEEMING, what
        assert there(meanwhile) == before, what


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("is_new", [False, True], ids=["held", "new"])
def test_nothing_is_written_into_another_file(
    suspended: OpenStudy, meanwhile: Meanwhile, is_new: bool
) -> None:
    """Neither by a connection that was open before nor by a new one."""
    trial = claims.claim(suspended)
    assert trial is not None
    meanwhile.move()
    before = meanwhile.path.read_bytes()
    for write in WRITES.values():
        if is_new:
            suspended.storage.close()
        with pytest.raises(UnreachableError, match=r"studies.db: was replaced by another file"):
            write(suspended, trial)
    for ask in (claims.claim, budget.ending, budget.stop_requested, mend):
        with pytest.raises(UnreachableError, match=r"studies.db: was replaced by another file"):
            ask(suspended)
    suspended.storage.close()
    assert meanwhile.path.read_bytes() == before


@pytest.mark.parametrize("happened", [Meanwhile.remove, Meanwhile.replace])
def test_no_trial_starts_in_another_study(
    suspended: OpenStudy, meanwhile: Meanwhile, happened: Callable[[Meanwhile], None]
) -> None:
    assert claims.claim(suspended) is not None
    happened(meanwhile)
    before = there(meanwhile)
    for ask in (claims.claim, budget.ending, budget.stop_requested, mend):
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
