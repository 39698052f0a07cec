"""What every storage must do: the conformance suite, on real SQLite and real PostgreSQL."""

import math
import multiprocessing
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
import psutil
import pytest
import sqlalchemy as sa
from commandline import wait_until
from conftest import made_database
from databases import clear
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.storages._rdb.models import TrialModel
from optuna.trial import FrozenTrial, TrialState
from servers import Server

from hpsearch.clock import mark
from hpsearch.errors import Failure, InputError, UnreachableError
from hpsearch.parsing import parse
from hpsearch.search import budget, claims, trials
from hpsearch.search.attributes import BUDGET_KEY, PRESENT_PREFIX, SAME_KEY, STARTED_KEY, earlier
from hpsearch.search.database.exclusive import exclusive
from hpsearch.search.database.messages import STORAGE_ERRORS, is_locked
from hpsearch.search.lookup import load_study
from hpsearch.search.making import open_or_create
from hpsearch.search.queueing import enqueue
from hpsearch.search.storage import Counts, Heartbeat, Storage, reading
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy
from hpsearch.space import PartialConfig, suggest_config
from hpsearch.study_file import StudyFile
from hpsearch.tasks.classification import LOSS
from hpsearch.workers.identity import identity

DATASET = {"fingerprint": "f" * 64, "input_shape": [8], "class_names": ["0", "1", "2"]}


def at_once(count: int, task: Callable[[int], Any]) -> list[Any]:
    """Run ``task(0) ... task(count - 1)`` at the same moment; their results."""
    barrier, results, errors = threading.Barrier(count), [], []

    def run(index: int) -> None:
        barrier.wait()
        try:
            results.append(task(index))
        except BaseException as error:  # noqa: BLE001  # shown to the test
            errors.append(error)

    # A task that never ends must not keep pytest from ending.
    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    return results


@dataclass
class Shared:
    """One database for all tests, and what they have opened of it, for each to use again.

    Of an engine that is new SQLAlchemy compiles each statement, which takes longer than most tests.
    """

    url: str
    storages: list[Storage] = field(default_factory=list)

    def clear(self) -> None:
        """Leave the database as a new one, and the storages as just opened."""
        clear(self.url)
        for storage in self.storages:
            storage.owner = Storage.owner


@pytest.fixture(scope="module")
def sqlite(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """The shared database on SQLite."""
    file = tmp_path_factory.mktemp("shared") / "studies.db"
    shutil.copy(empty_database, file)
    return Shared(f"sqlite:///{file}")


@pytest.fixture(scope="module")
def postgresql(server: Server, template: str) -> Iterator[Shared]:
    """The shared database on PostgreSQL."""
    with made_database(server, "shared", template) as url:
        yield Shared(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest) -> Iterator[Shared]:
    """The shared database of each kind in turn, without studies."""
    found: Shared = request.getfixturevalue(request.param)
    yield found
    found.clear()


@pytest.fixture
def connect(shared: Shared) -> Iterator[Callable[..., Storage]]:
    """Opens the storage, each time another one, as another process would."""
    left, opened = iter(shared.storages[:]), list[Storage]()

    def open_one(**options: Any) -> Storage:
        storage = None if options else next(left, None)
        if storage is None:
            storage = open_storage(shared.url, **options)
            if not options:
                shared.storages.append(storage)
        opened.append(storage)
        return storage

    yield open_one
    for storage in opened:
        storage.close()


@pytest.fixture
def connect_anew(url: str) -> Iterator[Callable[..., Storage]]:
    """Opens a storage of the test's own."""
    opened: list[Storage] = []

    def open_one(**options: Any) -> Storage:
        opened.append(open_storage(url, **options))
        return opened[-1]

    yield open_one
    for storage in opened:
        storage.close()


@pytest.fixture
def open_study(
    connect: Callable[..., Storage], make_file: Callable[..., StudyFile]
) -> Callable[..., OpenStudy]:
    """Opens one study, each time through a storage of its own."""

    def open_one(**sections: Any) -> OpenStudy:
        study, _ = open_or_create(connect(), make_file(**sections), DATASET)
        return study

    return open_one


def heartbeats(study: OpenStudy) -> list[Heartbeat]:
    return study.storage.heartbeats(study.study_id)


def finish(study: OpenStudy, trial: optuna.Trial, value: float = 0.5) -> None:
    suggest_config(study.file.space, trial)
    trial.report(value, 1)
    study.optuna.tell(trial, value)


@pytest.mark.fresh
def test_a_fresh_storage_opened_by_many_at_once(
    connect_anew: Callable[..., Storage], make_file: Callable[..., StudyFile]
) -> None:
    opened = at_once(8, lambda _: open_or_create(connect_anew(), make_file(), DATASET))
    assert sum(is_new for _, is_new in opened) == 1
    assert len({study.study_id for study, _ in opened}) == 1


def test_each_waiting_trial_is_claimed_once(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study(budget={"trials": 24})
    for number in range(24):
        study.optuna.enqueue_trial({"layers": 1, "number": number})

    def claim_all(_: int) -> list[int]:
        mine = open_study(budget={"trials": 24})
        return [t.number for t in iter(lambda: claims.claim(mine), None)]

    numbers = [number for claimed in at_once(4, claim_all) for number in claimed]
    assert sorted(numbers) == list(range(24))


def test_the_budget_is_exact(open_study: Callable[..., OpenStudy]) -> None:
    def work(_: int) -> int:
        mine, done = open_study(budget={"trials": 8}), 0
        while (trial := claims.claim(mine)) is not None:
            mine.optuna.tell(trial, 0.5)
            done += 1
        return done

    assert sum(at_once(4, work)) == 8
    assert open_study(budget={"trials": 8}).counts() == Counts(complete=8)
    assert claims.claim(open_study(budget={"trials": 8})) is None
    assert claims.claim(open_study(budget={"trials": 9})) is not None


def test_the_first_trials_are_shared_out_once(open_study: Callable[..., OpenStudy]) -> None:
    first = open_study().first_trials
    assert len(first) == 10

    def draw(_: int) -> list[dict[str, Any]]:
        mine, drawn = open_study(), []
        while (trial := claims.claim(mine)) is not None:
            finish(mine, trial)
            drawn.append(trial.params)
        return drawn

    drawn = [params for one in at_once(4, draw) for params in one]
    assert sorted(map(str, drawn)) == sorted(map(str, first))


def test_queries_see_what_optuna_wrote(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study(budget={"trials": 20})
    for number in range(6):
        if number in (1, 3):
            enqueue(study, PartialConfig(layers=1, units=100 + number), "here")
        trial = claims.claim(study)
        assert trial is not None
        if number in (2, 5):
            trial.set_user_attr(SAME_KEY, 1)
        finish(study, trial, 0.75 if number else 0.5)
    storage, key = study.storage, study.study_id
    with storage.engine.begin() as connection:  # PostgreSQL puts a row that is written last
        write = sa.text("UPDATE trials SET number = number WHERE number IN (1, 2)")
        connection.execute(write)
    assert trials.best(study).number == 1
    least = storage.best_trial_id(key, LOSS)
    assert least == study.trial_id(0)
    assert storage.first_sampled(key, 3) == [0, 2, 4]
    assert storage.first_sampled(key, 9) == [0, 2, 4, 5]
    assert storage.values_of(key, SAME_KEY, 1) == [(1, 0.75), (2, 0.75), (5, 0.75)]
    assert storage.values_at(key, 1, 5) == [0.75] * 5
    assert storage.values_at(key, 1, 9) == [0.75] * 5 + [0.5]
    assert storage.values_at(key, 2, 2) == [None, None]


def test_the_last_place_is_taken_once(open_study: Callable[..., OpenStudy]) -> None:
    studies = [open_study(budget={"trials": 1}) for _ in range(4)]
    for total in range(1, 9):
        studies[0].optuna.set_user_attr(BUDGET_KEY, {"trials": total})
        claimed = at_once(4, lambda index: claims.claim(studies[index]))
        assert sum(trial is not None for trial in claimed) == 1


def test_a_waiting_trial_takes_a_place_too(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study(budget={"trials": 2})
    for layers in (1, 2, 3):
        study.optuna.enqueue_trial({"layers": layers})
    studies = [open_study(budget={"trials": 2}) for _ in range(4)]
    claimed = at_once(4, lambda index: claims.claim(studies[index]))
    started = [trial for trial in claimed if trial is not None]
    assert len(started) == 2
    assert claims.claim(study) is None  # the running ones hold both
    for trial in started:
        finish(study, trial)
    assert claims.claim(study) is None
    assert study.counts() == Counts(complete=2, waiting=1)


def test_running_trials_hold_their_places(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study(budget={"trials": 2})
    first, second = claims.claim(study), claims.claim(study)
    assert first is not None
    assert second is not None
    assert claims.claim(study) is None
    assert budget.ending(study) is None
    claims.fail(study, first.number, Failure.PROGRAM_ERROR, "x")
    assert claims.claim(study) is not None
    finish(study, second)
    assert study.counts() == Counts(complete=1, running=1, uncounted=1)


@pytest.mark.parametrize("failure", list(Failure))
def test_failures_count_as_their_class_says(
    open_study: Callable[..., OpenStudy], failure: Failure
) -> None:
    study = open_study(budget={"trials": 1})
    trial = claims.claim(study)
    assert trial is not None
    assert claims.fail(study, trial.number, failure, "because")
    assert (claims.claim(study) is None) == failure.counts
    frozen = study.trials()[0]
    assert frozen.state == TrialState.FAIL
    assert frozen.user_attrs["failure"] == failure.value
    assert frozen.user_attrs["failure_message"] == "because"
    assert budget.counts(frozen) == failure.counts


def test_an_interrupted_trial_is_tried_again_once(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study(budget={"trials": 1})
    trial = claims.claim(study)
    assert trial is not None
    config = suggest_config(study.file.space, trial)
    trial.set_user_attr("seed", 17)

    done = at_once(4, lambda _: claims.interrupt(open_study(budget={"trials": 1}), trial.number))
    assert sorted(done) == [False, False, False, True]
    again = claims.claim(study)
    assert again is not None
    assert again.number == 1
    assert suggest_config(study.file.space, again) == config
    assert again.user_attrs["seed"] == 17
    assert again.user_attrs["resumes"] == 0
    assert claims.claim(study) is None


def test_trials_are_signed_by_their_owner_when_they_start(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study()
    study.storage.owner = identity()
    study.optuna.enqueue_trial({"layers": 2})
    for _ in range(2):
        trial = claims.claim(study)
        assert trial is not None
        signed = study.trials()[trial.number].user_attrs
        assert signed.pop(STARTED_KEY) == [mark().boot, pytest.approx(mark().seconds, abs=60)]
        assert signed == identity()


def test_a_finished_trial_cannot_be_ended_again(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study()
    trial = claims.claim(study)
    assert trial is not None
    finish(study, trial, 0.75)
    assert not claims.fail(study, trial.number, Failure.INTERRUPTED, "late")
    assert not claims.interrupt(study, trial.number)
    assert study.trials()[0].values == [0.75]
    assert "failure" not in study.trials()[0].user_attrs


def test_enqueued_configurations_come_first(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study(enqueue=[{"layers": 4, "units": 100}])
    assert enqueue(study, PartialConfig(layers=2), "x.toml")
    assert not enqueue(study, PartialConfig(layers=2), "x.toml")
    configs = []
    for _ in range(2):
        trial = claims.claim(study)
        assert trial is not None
        configs.append(suggest_config(study.file.space, trial))
    assert configs[0].network.units == (100, 100, 100, 100)
    assert configs[1].network.layers == 2


def test_optuna_alone_opens_the_study(shared: Shared, open_study: Callable[..., OpenStudy]) -> None:
    study = open_study()
    trial = claims.claim(study)
    assert trial is not None
    finish(study, trial, 0.6)
    storage = optuna.storages.RDBStorage(shared.url)
    plain = optuna.load_study(study_name="study", storage=storage)
    assert plain.best_value == 0.6
    assert plain.metric_names == ["val_accuracy"]
    plain.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=1)
    storage.engine.dispose()


def test_a_study_without_budget_is_not_limited(connect: Callable[..., Storage]) -> None:
    storage = connect()
    plain = optuna.create_study(study_name="plain", storage=storage)
    for _ in range(3):
        plain.tell(plain.ask(), 1.0)
    assert storage.counts(storage.get_study_id_from_name("plain")) == Counts(complete=3)


@pytest.mark.fresh
def test_reading_does_not_make_a_storage(connect_anew: Callable[..., Storage]) -> None:
    with pytest.raises(InputError, match="hpsearch run"):
        connect_anew(create=False)
    connect_anew()
    with pytest.raises(InputError, match="study nothing: not found"):
        load_study(connect_anew(create=False), "nothing")


def test_who_only_reads_is_refused_to_write_by_the_database(
    connect: Callable[..., Storage], open_study: Callable[..., OpenStudy]
) -> None:
    study = open_study()
    finish(study, study.optuna.ask())
    looking = connect(read_only=True)
    seen = load_study(looking, "study")
    assert trials.details(seen) == trials.details(study)
    with pytest.raises(STORAGE_ERRORS):
        seen.optuna.set_user_attr("key", "value")
    with pytest.raises(STORAGE_ERRORS):
        claims.claim(seen)
    assert [len(one.trials()) for one in (seen, study)] == [1, 1]


def test_every_trial_has_a_sign_of_life_from_its_first_moment(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study()
    study.storage.owner = identity()
    study.optuna.enqueue_trial({"layers": 2})
    for number in range(2):  # a waiting one, and a new one
        assert claims.claim(study) is not None
        heartbeats = study.storage.heartbeats(study.study_id)
        assert [heartbeat.number for heartbeat in heartbeats] == list(range(number + 1))
        assert all(heartbeat.beat is not None for heartbeat in heartbeats)
        assert all(
            heartbeat.age is not None and 0 <= heartbeat.age < 60 for heartbeat in heartbeats
        )


def test_a_beat_is_told_whether_the_trial_still_runs(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study()
    study.storage.owner = identity()
    trial = claims.claim(study)
    assert trial is not None
    (before,) = study.storage.heartbeats(study.study_id)
    time.sleep(0.01)  # the clock of the database ticks in milliseconds
    assert study.storage.beat(study.trial_id(0))
    (after,) = open_study().storage.heartbeats(study.study_id)
    assert after.beat is not None
    assert before.beat is not None
    assert after.beat > before.beat
    finish(study, trial)
    assert not study.storage.beat(study.trial_id(0))
    assert study.storage.heartbeats(study.study_id) == []


def test_beats_and_reports_at_once(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study()
    study.storage.owner = identity()
    trial = claims.claim(study)
    assert trial is not None
    trial_id = study.trial_id(0)

    def one(index: int) -> None:
        for step in range(10):
            if index:
                assert study.storage.beat(trial_id)
            else:
                trial.report(0.5, step + 1)

    at_once(4, one)
    assert len(study.trials()[0].intermediate_values) == 10


def test_a_trial_whose_worker_gives_a_sign_of_life_is_not_reaped(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study()
    study.storage.owner = identity()
    assert claims.claim(study) is not None

    before = heartbeats(study)
    time.sleep(0.01)  # the clock of the database ticks in milliseconds
    assert study.storage.beat(study.trial_id(0))
    assert claims.reap(study, before, lambda _: False, {0}) == []
    assert claims.reap(study, before, lambda _: True) == []
    assert claims.reap(study, heartbeats(study), lambda _: True) == [0]
    assert claims.reap(study, heartbeats(study), lambda _: True) == []


def test_who_is_silent_while_nobody_can_write_is_not_reaped(
    open_study: Callable[..., OpenStudy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "PROMPT", 0.2)
    study, other = open_study(), open_study()
    study.storage.owner = identity()
    for _ in range(2):
        assert claims.claim(study) is not None
    engine = sa.create_engine(study.storage.url)
    with engine.connect() as connection:
        connection.execute(sa.text("UPDATE trials SET number = number"))
        release = threading.Timer(0.6, connection.rollback)
        release.start()
        # The second one, too, although there is no waiting any more when it is its turn.
        assert claims.reap(other, heartbeats(other), lambda _: False, {0, 1}) == []
        release.join()
    engine.dispose()
    monkeypatch.setattr(claims, "PROMPT", 30.0)  # a machine may be busy
    assert claims.reap(other, heartbeats(other), lambda _: False, {0, 1}) == [0, 1]


def test_a_dead_trial_is_reaped_once_and_goes_on_once(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study()
    study.storage.owner = identity()
    for _ in range(3):
        trial = claims.claim(study)
        assert trial is not None
        suggest_config(study.file.space, trial)
    studies = [open_study() for _ in range(4)]
    reaped = at_once(4, lambda i: claims.reap(studies[i], heartbeats(studies[i]), lambda _: True))
    assert sorted(number for numbers in reaped for number in numbers) == [0, 1, 2]
    counts = study.counts()
    assert (counts.running, counts.uncounted, counts.waiting) == (0, 3, 3)
    assert sorted(earlier(trial)[0] for trial in study.trials()[3:]) == [0, 1, 2]


def test_successors_made_at_once_have_numbers_of_their_own(
    open_study: Callable[..., OpenStudy],
) -> None:
    studies = [open_study(budget={"trials": 4}) for _ in range(4)]
    for study in studies:
        trial = claims.claim(study)
        assert trial is not None
        suggest_config(study.file.space, trial)
    assert all(at_once(4, lambda index: claims.interrupt(studies[index], index)))
    storage, study_id = studies[0].storage, studies[0].study_id
    numbers = [trial.number for trial in storage.get_all_trials(study_id)]
    assert sorted(numbers) == list(range(8))


def test_an_owner_that_wakes_up_cannot_write_any_more(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study()
    study.storage.owner = identity()
    trial = claims.claim(study)
    assert trial is not None
    suggest_config(study.file.space, trial)
    claims.reap(open_study(), heartbeats(study), lambda _: True)
    again = claims.claim(open_study())
    assert again is not None
    with pytest.raises(UpdateFinishedTrialError):
        trial.report(0.9, 1)
    with pytest.raises(UpdateFinishedTrialError):
        trial.set_user_attr("epochs", 9)
    told = study.optuna.tell(trial, 0.9, skip_if_finished=True)
    assert told.state == TrialState.FAIL
    assert study.trials()[again.number].state == TrialState.RUNNING


def test_a_stop_reaches_others_and_ends_with_the_next_run(
    open_study: Callable[..., OpenStudy],
) -> None:
    study, other = open_study(), open_study()
    study.optuna.enqueue_trial({"layers": 1})
    at_start = budget.stops_over(other)
    assert budget.request_stop(study, "leave") == 1
    assert budget.stop_requested(other) == "leave"
    assert claims.claim(other) is None  # neither one that waits nor a new one
    budget.begin_run(other)
    assert budget.stop_requested(study) is None
    assert budget.stop_requested(other, at_start) == "leave"  # who was there leaves all the same
    assert claims.claim(other) is not None
    assert claims.claim(other) is not None
    assert budget.request_stop(study, "now") == 2
    assert budget.stop_requested(other, budget.stops_over(other)) == "now"
    assert claims.claim(other) is None


def test_the_time_of_trials_is_that_of_their_machines_clock(
    open_study: Callable[..., OpenStudy],
) -> None:
    """The time of day is set forward by a day while trials run, and back."""
    study = open_study(budget={"trials": 20, "timeout": "1h"})
    study.storage.owner = identity()
    ends: list[Callable[[optuna.Trial], Any]] = [
        lambda trial: study.optuna.tell(trial, 0.5),
        lambda trial: study.optuna.tell(trial, state=TrialState.PRUNED),
        lambda trial: claims.interrupt(study, trial.number),
        lambda _: claims.reap(study, study.storage.heartbeats(study.study_id), lambda _: True),
        lambda _: None,  # it runs on
    ]
    began = time.monotonic()
    for end in ends:
        trial = claims.claim(study)
        assert trial is not None
        end(trial)
    with study.storage.engine.begin() as connection:
        for number in range(5):
            day = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=(-1) ** number)
            there = TrialModel.__table__.c.number == number
            connection.execute(
                sa.update(TrialModel.__table__).where(there).values(datetime_start=day)
            )
    trial_summaries = study.trial_summaries()
    assert all(summary.clock_start for summary in trial_summaries)
    assert [summary.clock_end is None for summary in trial_summaries] == [False] * 4 + [True]
    assert budget.seconds_used(trial_summaries) <= time.monotonic() - began + 0.01
    assert budget.ending(study) is None
    with pytest.raises(UpdateFinishedTrialError):
        study.storage.set_trial_state_values(study.trial_id(0), TrialState.COMPLETE, [0.1])


def test_who_leaves_is_in_a_hurry_only_then(open_study: Callable[..., OpenStudy]) -> None:
    storage, owner = open_study().storage, identity()
    study_id = storage.get_study_id_from_name("study")
    is_file = storage.engine.dialect.name == "sqlite"
    query = "PRAGMA busy_timeout" if is_file else "SHOW lock_timeout"
    with storage.engine.connect() as connection:
        before = connection.exec_driver_sql(query).scalar_one()
    storage.arrive(study_id, owner)
    storage.leave(study_id, owner)
    assert storage.present(study_id) == []
    with storage.engine.connect() as connection:
        assert connection.exec_driver_sql(query).scalar_one() == before


def test_no_trial_starts_where_the_limit_cannot_be_read(
    open_study: Callable[..., OpenStudy],
) -> None:
    """A newer hpsearch may have written it, beside workers of this one."""
    study = open_study(budget={"trials": 1})
    study.optuna.set_user_attr(BUDGET_KEY, {"trials": 1, "later": 2})
    with pytest.raises(UnreachableError, match="has changed budget; no trial starts until"):
        claims.claim(study)
    assert study.counts().running == 0


def test_a_sign_of_another_program_is_none(open_study: Callable[..., OpenStudy]) -> None:
    study, storage = open_study(), open_study().storage
    for beat in ("2026-01-01T00:00:00Z", "soon", 5, None):
        sign = identity() | {"beat": beat}
        storage.set_study_system_attr(study.study_id, f"{PRESENT_PREFIX}a:1", sign)
        assert storage.present(study.study_id) == []
        storage.arrive(study.study_id, identity())
        storage.leave(study.study_id, identity())
        assert storage.get_study_system_attrs(study.study_id).keys() == {"study:metric_names"}


@pytest.mark.parametrize("hours", [-1, 1])
def test_whose_sign_of_life_is_of_another_time_lives_only_if_it_gives_another_one(
    open_study: Callable[..., OpenStudy], monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    """The clock of the database is set back or forward."""
    study = open_study()
    dead, alive = (
        {"worker": f"far:{pid}", "process": {"place": "far", "started": 1}} for pid in (1, 2)
    )
    for owner in (dead, alive):
        study.storage.owner = owner
        assert claims.claim(study) is not None
        study.storage.arrive(study.study_id, owner)
    set_to = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=hours)
    monkeypatch.setattr(Storage, "_now", lambda _: sa.literal(set_to, sa.DateTime))
    assert study.storage.beat(study.trial_id(1))
    study.storage.arrive(study.study_id, alive)
    ages = {
        heartbeat.number: heartbeat.age for heartbeat in study.storage.heartbeats(study.study_id)
    }
    assert ages[0] == pytest.approx(3600, abs=60)
    assert ages[1] == 0
    fresh = [one.owner for one in study.storage.present(study.study_id) if one.is_fresh]
    assert fresh == [alive, alive]  # its sign, and its trial's
    study.storage.arrive(study.study_id, identity())  # clears up
    assert dead not in [one.owner for one in study.storage.present(study.study_id)][:2]


def hold(url: str, ready: Any) -> None:
    """Hold off who sets something up, and be suspended; in a process of its own."""
    with exclusive(url):
        ready.set()
        os.kill(os.getpid(), signal.SIGSTOP)


def test_whom_a_command_waits_for_is_named_and_stop_waits_for_nobody(
    open_study: Callable[..., OpenStudy],
    shared: Shared,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("hpsearch.search.database.exclusive.BUSY_TIMEOUT", 0.3)
    monkeypatch.setattr("hpsearch.search.database.holding.NOTICE", 0.1)
    study = open_study()
    study.storage.close()  # no connection goes along
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    holder = context.Process(target=hold, args=(shared.url, ready))
    holder.start()
    try:
        assert ready.wait(30)
        pid = holder.pid
        assert pid is not None
        wait_until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, "a stop")
        named = rf"process {pid} on {socket.gethostname()} .* has held the lock for 0 s; .*kill"
        for waits in (
            lambda: open_study(name="another"),
            lambda: enqueue(study, parse(PartialConfig, {"layers": 2}, "x"), "x"),
        ):
            caplog.clear()
            with pytest.raises(UnreachableError, match=named) as caught:
                waits()
            assert f"waiting for process {pid} on" in caplog.text
            if shared.url.startswith("sqlite"):  # what runs on another machine may be in any state
                assert "; suspended)" in str(caught.value)
                assert f"kill -CONT {pid}" in str(caught.value)
        assert budget.request_stop(study, "leave") == 1
        assert budget.stop_requested(study) == "leave"
    finally:
        os.kill(holder.pid or 0, signal.SIGKILL)
        holder.join()
    budget.begin_run(study)
    assert open_study(name="another").name == "another"


def test_who_waits_for_a_lock_gives_up_after_its_patience(
    connect: Callable[..., Storage], open_study: Callable[..., OpenStudy]
) -> None:
    study = open_study()
    study.storage.owner = identity()
    assert claims.claim(study) is not None
    quick = connect(patience=0.2)
    with study.storage.engine.connect() as holder:
        holder.execute(sa.text("UPDATE trials SET number = number"))
        with pytest.raises(STORAGE_ERRORS) as caught:
            quick.beat(study.trial_id(0))
        assert is_locked(caught.value)
        # Who only looks need not wait.
        assert len(quick.heartbeats(study.study_id)) == 1
    assert quick.beat(study.trial_id(0))


def local(time: datetime | None) -> datetime | None:
    """A time in UTC as Optuna's trials have it."""
    return time and time.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)


def test_what_is_told_in_brief_is_what_the_trials_say(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study()
    study.optuna.enqueue_trial({"layers": 1})
    for end in ("complete", "pruned", "failed", "running"):
        trial = claims.claim(study)
        assert trial is not None
        suggest_config(study.file.space, trial)
        if end == "complete":
            study.optuna.tell(trial, 0.25)
        elif end == "pruned":
            trial.report(0.5, 1)
            study.optuna.tell(trial, state=TrialState.PRUNED)
        elif end == "failed":
            claims.fail(study, trial.number, Failure.DIVERGED, "NaN")
    study.optuna.enqueue_trial({"layers": 2})
    trial_summaries, trials = study.trial_summaries(), study.trials()
    assert [b.number for b in trial_summaries] == [t.number for t in trials] == [0, 1, 2, 3, 4]
    for summary, trial in zip(trial_summaries, trials, strict=True):
        assert summary.state == trial.state
        assert (local(summary.start), local(summary.end)) == (
            trial.datetime_start, trial.datetime_complete
        )  # fmt: skip
        assert summary.value == trial.value
        assert summary.failure == trial.user_attrs.get("failure")
        assert summary.counts == budget.counts(trial)
    assert {b.state for b in trial_summaries} == set(TrialState)


def test_the_schema_of_an_older_optuna_is_upgraded_once(
    connect_anew: Callable[..., Storage], make_file: Callable[..., StudyFile]
) -> None:
    study, _ = open_or_create(connect_anew(), make_file(), DATASET)
    finish(study, study.optuna.ask())
    with study.storage.engine.begin() as connection:
        # As Optuna 3.1 would have left it: the last upgrade adds an index of this name.
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'v3.0.0.d'"))
    study.storage.close()
    with study.storage.engine.connect() as connection:
        assert "trials_study_id_key" not in {
            index["name"] for index in sa.inspect(connection).get_indexes("trials")
        }
    study.storage.close()
    storages = at_once(4, lambda _: connect_anew())
    for storage in storages:
        assert storage.get_current_version() == storage.get_head_version()
        assert [t.state for t in load_study(storage, study.name).trials()] == [TrialState.COMPLETE]
    indices = sa.inspect(storages[0].engine).get_indexes("trials")
    assert "trials_study_id_key" in {index["name"] for index in indices}


def test_trials_are_read_as_optuna_reads_them(
    open_study: Callable[..., OpenStudy],
    make_file: Callable[..., StudyFile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def facts(trials: list[FrozenTrial]) -> list[Any]:  # NaN is not equal to itself
        steps = [repr(sorted(trial.intermediate_values.items())) for trial in trials]
        order = [list(trial.params) for trial in trials]
        kept = [t.__dict__ | {"intermediate_values": None} for t in trials]
        return [kept, steps, order]

    study = open_study()
    for value in (0.5, math.inf, -math.inf):
        trial = study.optuna.ask()
        trial.suggest_float("rate", 1e-5, 1.0, log=True)
        trial.suggest_int("units", 16, 64, step=16)
        trial.suggest_categorical("kind", ["a", None, True, 2, 0.5])
        for step, reported in enumerate([0.25, math.nan, math.inf, -math.inf]):
            trial.report(reported, step)
        trial.set_user_attr("nested", {"list": [1, "two", None]})
        trial.set_user_attr("name", "ä")
        study.optuna.tell(trial, value)
    claims.fail(study, study.optuna.ask().number, Failure.DIVERGED, "it is NaN")
    study.optuna.enqueue_trial({"units": 16})
    running = study.optuna.ask()
    running.suggest_float("rate", 1e-5, 1.0, log=True)
    study.optuna.enqueue_trial({"units": 32})
    other, _ = open_or_create(study.storage, make_file(name="other"), DATASET)
    other.optuna.ask()

    ids = [study.trial_id(number) for number in range(6)]
    for states in (None, (TrialState.COMPLETE,), (TrialState.RUNNING, TrialState.WAITING), ()):
        for included in (set[int](), {ids[0]}, {ids[1], ids[4]}, {ids[5]}):
            for after in (-1, ids[0], ids[3], ids[5]):
                what = (study.study_id, states, included, after)
                wanted = facts(RDBStorage._get_trials(study.storage, *what))
                for chunk in (500, 2):
                    monkeypatch.setattr(reading, "CHUNK", chunk)
                    assert facts(study.storage._get_trials(*what)) == wanted
    found = study.storage._get_trials(study.study_id, None, set(), -1)
    assert [trial.number for trial in found] == list(range(6))
    assert math.isnan(found[0].intermediate_values[1])
    with pytest.raises(KeyError):
        study.storage._get_trials(other.study_id + 1, None, set(), -1)
