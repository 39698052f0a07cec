"""Leases: heartbeats, telling that they have ended, and what happens to the trial then."""

import logging
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import OperationalError

from hpsearch.errors import EXIT_SIGTERM
from hpsearch.search import budget, claims
from hpsearch.search.lookup import load_study
from hpsearch.search.storage import Heartbeat, Storage
from hpsearch.search.study import OpenStudy
from hpsearch.space import suggest_config
from hpsearch.workers import lease
from hpsearch.workers.identity import identity, worker_name
from hpsearch.workers.lease import HeartbeatThread, Observer, mend

pytestmark = pytest.mark.slow

NOBODY = 2**22 + 1  # above the largest pid
NOON = datetime(2026, 5, 1, 12)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A clock of our own; call it to let seconds pass."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def passes(seconds: float) -> None:
        now[0] += seconds

    return passes


def beat(number: int, at: int | None = 0) -> Heartbeat:
    """A heartbeat at second ``at`` after noon by a clock that nobody compares with ours."""
    if at is None:
        return Heartbeat(number=number, beat=None, age=None)
    return Heartbeat(number=number, beat=NOON + timedelta(seconds=at), age=0.0)


def watch(
    observer: Observer, passes: Callable[[float], None], seconds: int, *heartbeats: Heartbeat
) -> set[int]:
    """Look every ten seconds for so long; the last answer."""
    found = set()
    for _ in range(seconds // 10):
        passes(10)
        found = observer.look(heartbeats)
    return found


@pytest.mark.parametrize("at", [0, None])
def test_who_is_silent_for_the_lease_is_dead(
    clock: Callable[[float], None], at: int | None
) -> None:
    observer = Observer(100)
    assert watch(observer, clock, 110, beat(1, at), beat(2)) == set()
    assert watch(observer, clock, 10, beat(1, at), beat(2, 5)) == {1}
    assert watch(observer, clock, 110, beat(2, 5)) == {2}


def test_any_change_is_a_sign_of_life_even_where_a_clock_was_set_back(
    clock: Callable[[float], None],
) -> None:
    observer = Observer(100)
    for at in (500, -500, 0):
        assert watch(observer, clock, 100, beat(1, at)) == set()


def test_who_was_suspended_itself_has_seen_nothing(clock: Callable[[float], None]) -> None:
    observer = Observer(100)
    assert watch(observer, clock, 60, beat(1)) == set()
    clock(3600)
    assert observer.look([beat(1)]) == set()
    assert watch(observer, clock, 100, beat(1)) == set()
    assert watch(observer, clock, 10, beat(1)) == {1}


def orphan(study: OpenStudy, **attrs: Any) -> int:
    """Start a trial in the name of a process that is gone; its number."""
    study.storage.owner = identity() | {"worker": worker_name(NOBODY)} | attrs
    trial = claims.claim(study)
    assert trial is not None
    suggest_config(study.file.space, trial)
    return trial.number


def elsewhere(study: OpenStudy) -> int:
    """Start a trial in the name of a worker of another machine."""
    process = {"place": "elsewhere", "started": 1}
    return orphan(study, worker="faraway:17", process=process)


def test_mend_frees_what_the_dead_left(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study()
    study.storage.owner = identity()
    assert claims.claim(study) is not None
    assert orphan(study) == 1
    assert elsewhere(study) == 2
    assert mend(study) == [1]
    assert mend(study) == []
    assert [t.state for t in study.trials()] == [
        TrialState.RUNNING, TrialState.FAIL, TrialState.RUNNING, TrialState.WAITING
    ]  # fmt: skip


def test_to_watch_many_workers_takes_one_query(open_study: Callable[..., OpenStudy]) -> None:
    """Each watches all others."""
    study = open_study()
    study.storage.owner = identity()
    statements: list[str] = []
    for _ in range(4):
        assert claims.claim(study) is not None
    sa.event.listen(
        study.storage.engine, "before_cursor_execute", lambda *args: statements.append(args[2])
    )
    assert mend(study, Observer()) == []
    assert len(statements) == 1


def test_workers_of_other_machines_are_reaped_when_their_lease_is_over(
    open_study: Callable[..., OpenStudy], clock: Callable[[float], None]
) -> None:
    study, observer = open_study(), Observer(100)
    number = elsewhere(study)
    for _ in range(11):
        assert mend(study, observer) == []
        clock(10)
    assert mend(study, observer) == [number]
    again = study.trials()[-1]
    assert again.state == TrialState.WAITING
    assert again.user_attrs["earlier"] == [number]


def test_the_trials_of_other_programs_are_left_alone(
    open_study: Callable[..., OpenStudy], clock: Callable[[float], None]
) -> None:
    study, observer = open_study(), Observer(10)
    study.optuna.ask()
    for _ in range(9):
        assert mend(study, observer) == []
        clock(4)


@pytest.mark.parametrize("deaths", [0, claims.MAX_DEATHS - 1])
def test_who_gives_a_sign_of_life_in_the_last_moment_keeps_its_trial(
    open_study: Callable[..., OpenStudy], deaths: int
) -> None:
    study = open_study()
    number = elsewhere(study)
    study.storage.set_trial_user_attr(study.trial_id(number), "deaths", deaths)

    class WakesUp(Observer):
        def look(self, heartbeats: Sequence[Heartbeat]) -> set[int]:
            time.sleep(0.01)  # the clock of the database ticks in milliseconds
            assert study.storage.beat(study.trial_id(number))
            return {number}

    assert mend(study, WakesUp()) == []
    assert study.trials()[number].state == TrialState.RUNNING


def test_who_cannot_reap_the_silent_takes_nobody_for_silent_any_more(
    open_study: Callable[..., OpenStudy],
    clock: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study, observer = open_study(), Observer(100)
    number = elsewhere(study)

    def locked(*_: Any, **__: Any) -> bool:
        raise OperationalError("UPDATE", {}, Exception("database is locked"))

    def mend_for(seconds: int) -> list[int]:
        found: list[int] = []
        for _ in range(seconds // 10):
            clock(10)
            found += mend(study, observer)
        return found

    assert mend_for(110) == []
    with monkeypatch.context() as patch:
        patch.setattr(Storage, "fail", locked)
        with pytest.raises(OperationalError):
            mend_for(10)
    assert mend_for(110) == []  # a whole lease more: it may have been locked for the worker too
    assert mend_for(10) == [number]


def test_two_who_mend_at_once_make_one_successor(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study()
    orphan(study)
    barrier = threading.Barrier(4)
    done: list[list[int]] = []

    def one() -> None:
        barrier.wait()
        done.append(mend(study))

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [[], [], [], [0]]
    assert study.counts().waiting == 1


def test_a_trial_that_kills_its_workers_is_given_up(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study(budget={"trials": 1})
    for number in range(claims.MAX_DEATHS):
        assert study.counts().counted == 0
        assert orphan(study) == number
        assert mend(study) == [number]
    *cut, last = study.trials()
    assert {t.user_attrs["failure"] for t in cut} == {"interrupted"}
    assert last.user_attrs["failure"] == "crashed"
    assert last.params == cut[0].params
    assert last.user_attrs["earlier"] == [t.number for t in reversed(cut)]
    assert budget.ending(study) == "trials"


def test_a_trial_that_gets_further_each_time_is_not_given_up(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study(budget={"trials": 1})
    for number in range(3 * claims.MAX_DEATHS):
        assert orphan(study) == number
        # Deaths without progress between those with some.
        for step in range(1, 2 + number // 2):
            study.storage.set_trial_intermediate_value(study.trial_id(number), step, 0.5)
        assert mend(study) == [number]
    assert study.counts().counted == 0
    assert study.counts().waiting == 1


def test_a_trial_that_falls_back_and_comes_as_far_again_is_given_up(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study(budget={"trials": 1})
    for number, step in enumerate((2, 1, 2)):
        assert orphan(study) == number
        study.storage.set_trial_intermediate_value(study.trial_id(number), step, 0.5)
        assert mend(study) == [number]
    assert study.trials()[-1].user_attrs["failure"] == "crashed"


def test_who_is_killed_by_us_is_not_to_blame(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study(budget={"trials": 1})
    for number in range(2 * claims.MAX_DEATHS):
        assert orphan(study) == number
        assert mend(study, blame=False) == [number]
    assert study.counts().counted == 0


def test_stop_now_is_not_the_fault_of_whom_it_ends(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study(budget={"trials": 1})
    for number in range(2 * claims.MAX_DEATHS):
        assert orphan(study) == number
        budget.request_stop(study, "now")
        assert mend(study) == [number]
        budget.begin_run(study)
    assert study.counts().counted == 0


def test_a_trial_cut_off_in_good_order_may_be_so_any_number_of_times(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study(budget={"trials": 1})
    for number in range(2 * claims.MAX_DEATHS):
        assert orphan(study) == number
        assert claims.interrupt(study, number)
    assert study.trials()[-1].user_attrs["resumes"] == 0
    assert study.counts().counted == 0


def test_a_dead_workers_trial_ended_with_its_last_sign_of_life(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study()
    number = elsewhere(study)

    def long_ago(_trial: FrozenTrial, _pulse: Heartbeat) -> bool:
        return True

    (heartbeat,) = study.storage.heartbeats(study.study_id)
    late = Heartbeat(number=number, beat=heartbeat.beat, age=86400.0)
    start = study.trials()[number].datetime_start
    assert study.storage.fail(study.trial_id(number), budget.Failure.INTERRUPTED, "gone", last=late)
    assert study.trials()[number].datetime_complete == start  # not before it began
    assert budget.seconds_used(study.trial_summaries()) == 0


def test_without_a_sign_of_life_a_trial_took_no_time(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study()
    study.optuna.ask()  # as a worker of an older version
    (heartbeat,) = study.storage.heartbeats(study.study_id)
    assert heartbeat.beat is None
    time.sleep(0.01)
    assert study.storage.fail(study.trial_id(0), budget.Failure.INTERRUPTED, "gone", last=heartbeat)
    assert budget.seconds_used(study.trial_summaries()) == 0


@pytest.fixture
def heartbeat(
    open_study: Callable[..., OpenStudy],
    connect: Callable[[], Storage],
    monkeypatch: pytest.MonkeyPatch,
) -> HeartbeatThread:
    """The thread of a worker, with a beat that tests can wait for; not started."""
    monkeypatch.setattr(lease, "BEAT", 0.02)
    study = load_study(connect(), open_study().name)
    study.storage.owner = identity()
    return HeartbeatThread(study)


def wait_until(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def start(study: OpenStudy) -> int:
    trial = claims.claim(study)
    assert trial is not None
    suggest_config(study.file.space, trial)
    return trial.number


def test_a_heartbeat_renews_the_lease_and_ends(
    heartbeat: HeartbeatThread, open_study: Callable[..., OpenStudy]
) -> None:
    study = open_study()
    number = start(heartbeat._study)

    def last() -> datetime | None:
        (heartbeat,) = study.storage.heartbeats(study.study_id)
        return heartbeat.beat

    heartbeat.start()
    first = last()
    with heartbeat.alive(number) as lease_lost:
        wait_until(lambda: last() != first)
        assert not lease_lost()
    heartbeat.end()
    heartbeat.join(10)
    assert not heartbeat.is_alive()


def test_a_heartbeat_survives_what_the_data_base_says(
    heartbeat: HeartbeatThread, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    errors = iter([OperationalError("", {}, Exception("database is locked"))] * 3)
    beats: list[int] = []
    real = Storage.beat

    def beat_badly(self: Storage, trial_id: int) -> bool:
        for error in errors:
            raise error
        beats.append(trial_id)
        return real(self, trial_id)

    monkeypatch.setattr(Storage, "beat", beat_badly)
    number = start(heartbeat._study)
    with caplog.at_level(logging.WARNING), heartbeat.alive(number) as lease_lost:
        heartbeat.start()
        wait_until(lambda: len(beats) > 2)
        assert not lease_lost()
    heartbeat.end()
    heartbeat.join(10)
    said = [
        record for record in caplog.records if "heartbeat could not be written" in record.message
    ]
    assert len(said) == 1  # not one line for each beat of a long outage


def test_a_trial_whose_lease_was_lost_is_noticed(heartbeat: HeartbeatThread) -> None:
    study = heartbeat._study
    first, second = start(study), start(study)
    with heartbeat.alive(first) as lease_lost:
        heartbeat.beat()
        assert not lease_lost()
        assert claims.interrupt(study, first)
        heartbeat.beat()
        assert lease_lost()
    with heartbeat.alive(second) as lease_lost:
        heartbeat.beat()
        assert not lease_lost()


def test_a_trial_that_ends_during_a_beat_is_not_taken_for_the_next_one(
    heartbeat: HeartbeatThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = heartbeat._study
    first, second = start(study), start(study)
    next_one = heartbeat.alive(second)
    lease_lost: list[Callable[[], bool]] = []

    def begins_the_next(_self: Storage, _trial_id: int) -> bool:
        lease_lost.append(next_one.__enter__())
        return False  # the worker has just told the first one

    monkeypatch.setattr(Storage, "beat", begins_the_next)
    with heartbeat.alive(first):
        heartbeat.beat()
        assert [taken() for taken in lease_lost] == [False]


def test_a_heartbeat_watches_the_leases_of_others(
    heartbeat: HeartbeatThread, clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "BEAT", 5.0)
    study = heartbeat._study
    number = elsewhere(study)
    for _ in range(int(lease.LEASE / lease.BEAT) + 1):
        heartbeat.beat()
        assert study.counts().running == 1
        clock(lease.BEAT)
    looks: list[None] = []
    monkeypatch.setattr(lease, "mend", lambda *args: looks.append(None) or mend(*args))
    for _ in range(lease.WATCH):
        heartbeat.beat()
        clock(lease.BEAT)
    assert len(looks) == 1
    assert study.trials()[number].state == TrialState.FAIL
    assert study.counts().waiting == 1


def test_a_heartbeat_mends_what_the_dead_left(heartbeat: HeartbeatThread) -> None:
    study = heartbeat._study
    orphan(study)
    heartbeat.beat()
    assert study.counts().running == 0
    assert study.counts().waiting == 1


def test_a_stop_is_heard_between_trials_and_within(heartbeat: HeartbeatThread) -> None:
    heartbeat.beat()
    assert heartbeat.stop is None
    budget.request_stop(heartbeat._study, "leave")
    heartbeat.beat()
    assert heartbeat.stop == "leave"


@pytest.mark.parametrize("locked", [False, True])
def test_stop_now_ends_a_worker_that_is_stuck(
    home: Any, heartbeat: HeartbeatThread, locked: bool
) -> None:
    code = f"""
import os, sys, time
from hpsearch.search import budget, claims
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.lookup import load_study
from hpsearch.space import suggest_config
from hpsearch.workers import lease
from hpsearch.workers.identity import identity
lease.BEAT, lease.GIVE_BACK_FOR = 0.02, 0.5
storage = open_storage({home.storage_url()!r})
storage.owner = identity()
study = load_study(storage, "study")
trial = claims.claim(study)
suggest_config(study.file.space, trial)
heartbeat = lease.HeartbeatThread(study)
heartbeat.start()
with heartbeat.alive(trial.number):
    print("ready", flush=True)
    while True:  # asks nobody whether to stop
        time.sleep(0.01)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=Path(__file__).parent
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        with closing(sqlite3.connect(home.database)) as other:
            if locked:
                process.send_signal(signal.SIGSTOP)  # no beat may come in between
            budget.request_stop(heartbeat._study, "now")
            if locked:
                other.execute("BEGIN IMMEDIATE")
                process.send_signal(signal.SIGCONT)
            assert process.wait(30) == EXIT_SIGTERM
    mend(heartbeat._study)
    counts = heartbeat._study.counts()
    assert (counts.running, counts.uncounted, counts.waiting) == (0, 1, 1)


def test_the_name_of_a_worker_is_for_readers() -> None:
    assert worker_name(os.getpid()) == f"{socket.gethostname()}:{os.getpid()}"


def test_of_workers_that_are_known_to_have_ended_only_their_own_trials_end(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study(budget={"trials": 3})
    # Of another machine, and started in the same tick of its clock.
    process = {"place": "elsewhere", "started": 5}
    for name in ("other:1", "other:2"):
        study.storage.owner = {"worker": name, "process": process, "device": "CPU"}
        assert claims.claim(study) is not None
    assert mend(study) == []
    assert mend(study, dead=[("other:3", process)]) == []
    assert mend(study, dead=[("other:2", process)]) == [1]
