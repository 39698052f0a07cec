"""Times of trials in the hour that a clock shows twice, as summer time ends."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from optuna.trial import FrozenTrial, TrialState, create_trial

from hpsearch.cli import live_text, watch
from hpsearch.errors import Failure, UnreachableError
from hpsearch.home import Home
from hpsearch.outputs.copies import Copies
from hpsearch.search import budget
from hpsearch.search.attributes import DATASET_KEY
from hpsearch.search.fork import fork
from hpsearch.search.lookup import load_study
from hpsearch.search.shown import shown
from hpsearch.search.storage import Heartbeat, Storage
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.storage.reading import local, utc
from hpsearch.search.study import OpenStudy
from hpsearch.search.transfer import transfer
from hpsearch.study_file import StudyFile

FIRST = datetime(2025, 10, 26, 0, 30)
"""The first time that clocks in Berlin showed 2:30 on that day, in UTC."""

AGAIN = FIRST + timedelta(hours=1)


@pytest.fixture(autouse=True)
def _berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def study(open_study: Callable[..., OpenStudy], finish: Callable[..., FrozenTrial]) -> OpenStudy:
    """A study whose first trial ran for an hour, from 2:30 to 2:30, and the second within it."""
    found = open_study()
    for number, (start, end) in enumerate(((FIRST, AGAIN), (AGAIN - timedelta(minutes=9), AGAIN))):
        finish(found, 0.5 + number)
        dated(found, number, datetime_start=start, datetime_complete=end)
    return load_study(found.storage, found.name)


def dated(study: OpenStudy, number: int, **dates: datetime) -> None:
    """Write dates into the database, in UTC."""
    table = sa.table("trials", sa.column("trial_id"), *map(sa.column, dates))
    there = table.c.trial_id == study.trial_id(number)
    with study.storage.engine.begin() as connection:
        written = {key: f"{date:%Y-%m-%d %H:%M:%S.%f}" for key, date in dates.items()}
        connection.execute(table.update().where(there).values(written))


def dates(study: OpenStudy) -> list[Any]:
    return [(summary.start, summary.end) for summary in study.trial_summaries()]


@pytest.mark.parametrize("minutes", range(-150, 210, 15))
def test_a_local_time_is_one_moment(minutes: int) -> None:
    moment = FIRST + timedelta(minutes=minutes, microseconds=123457)
    shown = local(moment)
    assert shown is not None
    assert utc(shown).replace(tzinfo=None) == moment


def test_both_ways_of_reading_tell_the_hours_apart(study: OpenStudy) -> None:
    for trial in (study.trials()[0], study.storage.get_trial(study.trial_id(0))):
        start, end = trial.datetime_start, trial.datetime_complete
        assert start is not None
        assert end is not None
        assert start.hour == end.hour == 2
        assert [utc(start), utc(end)] == [one.replace(tzinfo=UTC) for one in (FIRST, AGAIN)]


def test_copies_have_the_same_times(
    study: OpenStudy, make_file: Callable[..., StudyFile], home: Home, tmp_path: Path
) -> None:
    new, _ = fork(study, make_file(name="new"), study.optuna.user_attrs[DATASET_KEY], Copies(home))
    other = open_storage(f"sqlite:///{tmp_path / 'other.db'}")
    transfer(study, other)
    assert dates(new) == dates(load_study(other, study.name)) == dates(study)
    assert (
        budget.seconds_used(new.trial_summaries())
        == budget.seconds_used(study.trial_summaries())
        == 3600
    )
    other.close()


def test_an_hour_more_or_less_is_no_copy(
    study: OpenStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = open_storage(f"sqlite:///{tmp_path / 'other.db'}")
    copied = Storage._copied

    def moved(storage: Storage, *args: Any) -> Any:
        trial = copied(storage, *args)
        trial._datetime_complete_utc -= timedelta(hours=1)
        return trial

    monkeypatch.setattr(Storage, "_copied", moved)
    with pytest.raises(UnreachableError, match="the copy differs from the original"):
        transfer(study, other)
    other.close()


def test_what_is_shown_is_in_order_and_as_long_as_it_was(study: OpenStudy) -> None:
    first, second = (shown(study, trial) for trial in study.trials())
    assert [live_text._seconds(trial) for trial in (first, second)] == [3600, 9 * 60]
    failed = create_trial(state=TrialState.FAIL)
    failed.datetime_complete = local(FIRST + timedelta(minutes=9))  # 2:39, before 2:30
    early = shown(study, failed)
    assert sorted([second, early], key=watch.ended_at) == [early, second]


def test_a_trial_of_a_dead_worker_ends_no_sooner_than_it_began(study: OpenStudy) -> None:
    trial = study.optuna.ask()
    dated(study, trial.number, datetime_start=AGAIN)
    (heartbeat,) = study.storage.heartbeats(study.study_id)
    gone = Heartbeat(number=trial.number, beat=heartbeat.beat, age=None)
    study.storage.fail(study.trial_id(trial.number), Failure.INTERRUPTED, "gone", last=gone)
    assert dates(study)[trial.number] == (AGAIN, AGAIN)
