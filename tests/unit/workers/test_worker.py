"""The worker's loop, in this process, with a trainer that needs no TensorFlow."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fakes
import numpy as np
import pytest
import sqlalchemy as sa

from hpsearch.data.cache import open_dataset
from hpsearch.data.parts import Parts
from hpsearch.environment import ALONE_VARIABLE, SUPERVISOR_VARIABLE
from hpsearch.errors import (
    EXIT_OK,
    EXIT_SIGINT,
    EXIT_SIGTERM,
    Failure,
    InputError,
    StudyGoneError,
    TrialFailedError,
    UnreachableError,
)
from hpsearch.home import CHECKPOINTS, WEIGHTS, Home
from hpsearch.recipe import Recipe
from hpsearch.search import budget, claims, trials
from hpsearch.search.attributes import OWNER_KEYS
from hpsearch.search.lookup import load_study
from hpsearch.search.making import open_or_create
from hpsearch.search.removing import delete
from hpsearch.search.storage import Storage
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy
from hpsearch.study_file import StudyFile
from hpsearch.training.outcome import Outcome, Watch
from hpsearch.workers import lease, worker
from hpsearch.workers.identity import identity
from hpsearch.workers.sharing import Device, device_key
from hpsearch.workers.slots import WORKER_MEMORY
from hpsearch.workers.worker import (
    Stopper,
    work,
)

pytestmark = pytest.mark.slow

FACTS = {"input_shape": [8, 8, 1], "class_names": list("0123456789")}
"""Of the digits, but for their fingerprint."""


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """A worker takes signals for its whole process: give them back to pytest."""
    before = {n: signal.getsignal(n) for n in worker.SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def digits(
    connect: Callable[[], Storage], make_file: Callable[..., StudyFile], home: Home
) -> Callable[..., OpenStudy]:
    """Makes a study on the digits themselves."""

    def make(**sections: Any) -> OpenStudy:
        file = make_file(**sections)
        dataset = open_dataset(file.dataset, home)
        return open_or_create(connect(), file, FACTS | {"fingerprint": dataset.fingerprint})[0]

    return make


def run(home: Home, **options: Any) -> int:
    return work("study", url=home.storage_url(), home=home, **{"trainer": fakes.train, **options})


def test_signals_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SUPERVISOR_VARIABLE, raising=False)
    for number, code in (
        (signal.SIGINT, EXIT_SIGINT),
        (signal.SIGTERM, EXIT_SIGTERM),
        (signal.SIGHUP, EXIT_SIGTERM),
    ):
        stopper = Stopper()
        stopper.listen()
        assert not stopper()
        assert stopper.exit_code == EXIT_OK
        os.kill(os.getpid(), number)
        assert stopper()
        assert stopper.exit_code == code


def test_an_ignored_ctrl_c_is_heard_again() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a background shell leaves it
    stopper = Stopper()
    stopper.listen()
    os.kill(os.getpid(), signal.SIGINT)
    assert stopper()


def test_under_nohup_a_closed_terminal_is_not_heard() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    stopper = Stopper()
    stopper.listen()
    os.kill(os.getpid(), signal.SIGHUP)
    assert not stopper()


def test_a_second_signal_ends_a_worker_typed_by_hand_that_is_stuck(
    digits: Callable[..., OpenStudy], home: Home
) -> None:
    study = digits(budget={"trials": 1})
    code = f"""
import os, signal, sys
from pathlib import Path
from hpsearch.home import Home
from hpsearch.workers.worker import work

def stuck(recipe, parts, folder, watch):
    os.kill(os.getpid(), signal.SIGTERM)
    assert watch.interrupted()
    os.kill(os.getpid(), signal.SIGINT)
    while True:  # asks nobody whether to stop
        pass

home = Home(Path({str(home.root)!r}))
work("study", url=home.storage_url(), home=home, trainer=stuck)
"""
    environment = {k: v for k, v in os.environ.items() if k != SUPERVISOR_VARIABLE}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, check=False, timeout=60)
    assert ended.returncode == EXIT_SIGTERM
    counts = study.counts()
    assert (counts.running, counts.uncounted, counts.waiting) == (0, 1, 1)


def test_a_lost_supervisor_stops_its_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SUPERVISOR_VARIABLE, str(os.getppid()))
    assert not Stopper()()
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    monkeypatch.setenv(SUPERVISOR_VARIABLE, str(gone.pid))
    stopper = Stopper()
    assert stopper()
    assert stopper.exit_code == EXIT_OK


def test_a_worker_runs_until_the_budget_is_met(
    digits: Callable[..., OpenStudy], home: Home
) -> None:
    study = digits(budget={"trials": 3})
    assert run(home) == EXIT_OK
    assert study.counts().complete == study.counts().counted == 3
    assert {t.user_attrs["worker"].rpartition(":")[2] for t in study.trials()} == {str(os.getpid())}
    assert run(home) == EXIT_OK
    assert len(study.trials()) == 3


def test_a_worker_outwaits_a_long_lock(
    digits: Callable[..., OpenStudy], home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Storage] = []
    real = worker.open_storage

    def spy(*args: Any, **options: Any) -> Storage:
        opened.append(real(*args, **options))
        return opened[-1]

    monkeypatch.setattr(worker, "open_storage", spy)
    digits(budget={"trials": 1})
    assert run(home) == EXIT_OK
    (storage,) = opened
    with storage.engine.connect() as connection:
        assert connection.scalar(sa.text("PRAGMA busy_timeout")) == 1000 * worker.AWAY_FOR
    storage.close()


def test_a_worker_keeps_the_best_weights_and_no_checkpoint(
    digits: Callable[..., OpenStudy], home: Home
) -> None:
    study = digits(budget={"trials": 7}, pruner={"type": "none"})

    def train(recipe: Recipe, parts: Parts, folder: Path, watch: Watch) -> Outcome:
        outcome = fakes.train(recipe, parts, folder, watch)
        for name in (WEIGHTS, *CHECKPOINTS):
            (folder / name).touch()
        return outcome

    assert run(home, trainer=train) == EXIT_OK
    left = {file.parent for file in home.study_runs("study").glob(f"*/{WEIGHTS}")}
    best = sorted(study.trials(), key=lambda trial: trial.values[0], reverse=True)[:5]
    assert left == {home.trial_run("study", trial.number) for trial in best}
    assert list(home.study_runs("study").glob("*/checkpoint*")) == []


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, EXIT_SIGINT), (signal.SIGTERM, EXIT_SIGTERM)]
)
def test_a_signal_gives_the_trial_back_and_ends_the_worker(
    digits: Callable[..., OpenStudy], home: Home, number: signal.Signals, code: int
) -> None:
    study = digits()

    def signalled(recipe: Recipe, parts: Parts, folder: Path, watch: Watch) -> Outcome:
        os.kill(os.getpid(), number)
        return fakes.train(recipe, parts, folder, watch)

    assert run(home, trainer=signalled) == code
    assert (study.counts().uncounted, study.counts().waiting) == (1, 1)


def test_other_data_are_refused(
    connect: Callable[[], Storage], make_file: Callable[..., StudyFile], home: Home
) -> None:
    study, _ = open_or_create(connect(), make_file(), FACTS | {"fingerprint": "0" * 64})
    with pytest.raises(
        InputError, match=r"have fingerprint .* of the study 000000000000; put the same data back"
    ):
        run(home)
    assert study.trials() == []


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("budget.trials=3", "only dataset.path=PATH"),
        ("dataset.path=", "only dataset.path=PATH"),
        ("nonsense", "is not key=value"),
        ("dataset.path=nowhere.npz", "leave path out"),
    ],
)
def test_a_worker_takes_its_settings_from_the_study(
    digits: Callable[..., OpenStudy], home: Home, override: str, says: str
) -> None:
    study = digits()
    with pytest.raises(InputError, match=says):
        run(home, overrides=[override])
    assert study.trials() == []


@pytest.mark.parametrize(
    ("threads", "memory", "told"),
    [
        (None, None, (None, None)),
        ("3", None, (3, None)),
        ("1", "6758", (1, 6758)),
        ("", "", (None,) * 2),
    ],
)
def test_tensorflow_is_told_the_slots_share(
    monkeypatch: pytest.MonkeyPatch,
    threads: str | None,
    memory: str | None,
    told: tuple[int | None, int | None],
) -> None:
    started: list[tuple[int | None, int | None]] = []
    monkeypatch.setattr(worker, "start_tensorflow", lambda *args: started.append(args))
    for name, value in (("HPSEARCH_THREADS", threads), ("HPSEARCH_GPU_MEMORY", memory)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    worker.keras_trainer(list)
    worker.keras_trainer(list, alone=True)  # nobody is there to take the rest
    assert started == [told, (told[0], None)]


@pytest.mark.parametrize("name", ["HPSEARCH_THREADS", "HPSEARCH_GPU_MEMORY"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "4GB"])
def test_a_share_that_is_no_number_is_wrong_input(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setattr(worker, "start_tensorflow", lambda *_: pytest.fail("started"))
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=f"{name} = '{value}': write a whole number from 1"):
        worker.keras_trainer(list)


def test_an_unknown_study(home: Home) -> None:
    with pytest.raises(InputError, match="study study: not found"):
        run(home)


def test_a_worker_that_has_grown_starts_anew(
    digits: Callable[..., OpenStudy], home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = digits()
    sizes = iter([10**9, 10**9, 10**9 + worker.MAX_GROWTH, 10**9 + worker.MAX_GROWTH + 1, 0])
    monkeypatch.setattr(worker, "memory_used", lambda: next(sizes))
    started: list[list[str]] = []

    def execv(path: str, arguments: list[str]) -> None:
        started.append([path, *arguments])
        raise SystemExit  # this process is no more

    monkeypatch.setattr(os, "execv", execv)
    with pytest.raises(SystemExit):
        run(home)
    assert started == [[sys.executable, sys.executable, *sys.orig_argv[1:]]]
    assert study.counts().complete == 3


def test_a_worker_stays_within_the_memory_it_is_reckoned_with() -> None:
    after_first_trial = 437 * 2**20  # scripts/bench/results/memory.md
    assert 2**29 <= worker.MAX_GROWTH <= WORKER_MEMORY - after_first_trial


def test_mapped_files_are_not_growth(tmp_path: Path) -> None:
    size = 2**26
    file = tmp_path / "x.npy"
    np.save(file, np.zeros(size, np.uint8))
    before = worker.memory_used()
    mapped = np.load(file, mmap_mode="r")
    mapped.sum()
    assert worker.memory_used() - before < size // 2
    own = np.ones(size, np.uint8)
    assert worker.memory_used() - before > size // 2
    del own, mapped


class StartedAnewError(Exception):
    """In place of the process that would be no more."""


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs a worker as often as it starts itself anew, as exec would; its last exit code."""

    def execv(_path: str, _arguments: list[str]) -> None:
        raise StartedAnewError

    monkeypatch.setattr(os, "execv", execv)
    monkeypatch.setenv(ALONE_VARIABLE, "")  # given back after the test

    def again(home: Home, **options: Any) -> int:
        for _ in range(20):
            with contextlib.suppress(StartedAnewError):
                return run(home, **options)
        raise AssertionError("it starts anew without end")

    return again


@pytest.mark.parametrize(("fits_alone", "state"), [(True, "complete"), (False, "failed")])
def test_a_trial_that_runs_out_of_memory_gets_the_device_alone(
    digits: Callable[..., OpenStudy],
    home: Home,
    anew: Callable[..., int],
    fits_alone: bool,
    state: str,
) -> None:
    study = digits(budget={"trials": 3})
    shared: list[bool] = []

    def train(recipe: Recipe, parts: Parts, folder: Path, watch: Watch) -> Outcome:
        other = Device(home, device_key())
        shared.append(other.share(lambda: True))
        other.close()
        if folder == home.trial_run("study", 1) and (shared[-1] or not fits_alone):
            raise TrialFailedError(Failure.OUT_OF_MEMORY, "no room")
        return fakes.train(recipe, parts, folder, watch)

    assert anew(home, trainer=train) == EXIT_OK
    assert shared == [True, True, False, True]
    rows = [trials.row(study, trial) for trial in study.trials()]
    assert [row["state"] for row in rows] == ["complete", state, "complete"]
    assert rows[1]["failure"] == (None if fits_alone else "out_of_memory")


def test_a_stop_gives_back_a_trial_that_was_to_have_the_device_alone(
    digits: Callable[..., OpenStudy],
    home: Home,
    anew: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lease, "BEAT", 0.05)
    study = digits()
    ends = iter([TrialFailedError(Failure.OUT_OF_MEMORY, "no room")])

    def train(recipe: Recipe, parts: Parts, folder: Path, watch: Watch) -> Outcome:
        for error in ends:
            budget.request_stop(study, "leave")
            raise error
        return fakes.train(recipe, parts, folder, watch, seconds=60)

    assert anew(home, trainer=train) == EXIT_OK
    counts = study.counts()
    assert (counts.running, counts.uncounted, counts.waiting) == (0, 1, 1)


def test_nothing_is_left_of_a_trial_that_had_the_device_alone(
    digits: Callable[..., OpenStudy], home: Home, anew: Callable[..., int]
) -> None:
    digits(budget={"trials": 1})
    ends = iter([TrialFailedError(Failure.OUT_OF_MEMORY, "no room")])

    def train(recipe: Recipe, parts: Parts, folder: Path, watch: Watch) -> Outcome:
        for error in ends:
            raise error
        outcome = fakes.train(recipe, parts, folder, watch)
        (folder / CHECKPOINTS[0]).touch()
        return outcome

    assert anew(home, trainer=train) == EXIT_OK
    assert list(home.study_runs("study").glob("*/checkpoint*")) == []


def test_a_signal_while_waiting_for_the_device_gives_the_trial_back(
    digits: Callable[..., OpenStudy], home: Home, anew: Callable[..., int]
) -> None:
    study = digits()
    neighbour = Device(home, device_key())
    assert neighbour.share(lambda: True)

    def train(*_: object) -> Outcome:
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
        raise TrialFailedError(Failure.OUT_OF_MEMORY, "no room")

    assert anew(home, trainer=train) == EXIT_SIGTERM
    neighbour.close()
    counts = study.counts()
    assert (counts.running, counts.uncounted, counts.waiting) == (0, 1, 1)


def test_a_trial_that_waits_for_the_device_gives_signs_of_life(
    digits: Callable[..., OpenStudy],
    home: Home,
    anew: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lease, "BEAT", 0.05)
    study = digits(budget={"trials": 1})
    neighbour = Device(home, device_key())
    assert neighbour.share(lambda: True)
    beats: set[object] = set()
    ends = iter([TrialFailedError(Failure.OUT_OF_MEMORY, "no room")])

    def look() -> None:
        until = time.monotonic() + 5
        while len(beats) < 3 and time.monotonic() < until:
            if neighbour.is_wanted:
                beats.update(
                    heartbeat.beat for heartbeat in study.storage.heartbeats(study.study_id)
                )
            time.sleep(0.02)
        neighbour.close()

    looking = threading.Thread(target=look)

    def train(recipe: Recipe, parts: Parts, folder: Path, watch: Watch) -> Outcome:
        for error in ends:
            looking.start()
            raise error
        return fakes.train(recipe, parts, folder, watch)

    assert anew(home, trainer=train) == EXIT_OK
    looking.join(20)
    assert len(beats) >= 3
    assert study.counts().complete == 1


def test_a_worker_makes_room_for_one_that_wants_the_device_alone(
    digits: Callable[..., OpenStudy], home: Home, anew: Callable[..., int]
) -> None:
    study = digits(budget={"trials": 3})
    got: list[bool] = []
    wanting = threading.Event()

    def have_it_alone() -> None:
        other = Device(home, device_key())
        wanting.set()
        got.append(other.take(lambda: False))
        other.close()

    neighbour = threading.Thread(target=have_it_alone)

    def train(recipe: Recipe, parts: Parts, folder: Path, watch: Watch) -> Outcome:
        if folder == home.trial_run("study", 0):
            neighbour.start()
            wanting.wait(20)
            ours = Device(home, device_key())
            while not ours.is_wanted:
                pass
            ours.close()
        assert got == ([] if folder == home.trial_run("study", 0) else [True])
        return fakes.train(recipe, parts, folder, watch)

    assert anew(home, trainer=train) == EXIT_OK
    neighbour.join(20)
    assert study.counts().complete == 3


def test_a_worker_starts_anew_after_a_number_of_trials(
    digits: Callable[..., OpenStudy],
    home: Home,
    anew: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    study = digits(budget={"trials": 5})
    monkeypatch.setattr(worker, "MAX_TRIALS", 2)
    with caplog.at_level("INFO"):
        assert anew(home) == EXIT_OK
    assert study.counts().complete == 5
    assert caplog.text.count("restarts: after 2 trials") == 2


def test_a_worker_ends_at_a_plateau(digits: Callable[..., OpenStudy], home: Home) -> None:
    study = digits(budget={"trials": 9, "plateau": 2}, pruner={"type": "none"})

    def train(recipe: Recipe, parts: Parts, folder: Path, watch: Watch) -> Outcome:
        return replace(fakes.train(recipe, parts, folder, watch), value=0.5)

    assert run(home, trainer=train) == EXIT_OK
    assert study.counts().complete == len(study.trials()) == 3


def test_a_worker_gives_signs_of_life_while_it_trains(
    digits: Callable[..., OpenStudy], home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "BEAT", 0.05)
    study = digits(budget={"trials": 1})
    beats: set[object] = set()

    def train(recipe: Recipe, parts: Parts, folder: Path, watch: Watch) -> Outcome:
        until = time.monotonic() + 5
        while len(beats) < 3 and time.monotonic() < until:
            beats.update(heartbeat.beat for heartbeat in study.storage.heartbeats(study.study_id))
            time.sleep(0.02)
        return fakes.train(recipe, parts, folder, watch)

    assert run(home, trainer=train) == EXIT_OK
    assert len(beats) >= 3


def test_a_stopped_study_takes_no_worker(digits: Callable[..., OpenStudy], home: Home) -> None:
    study = digits()
    budget.request_stop(study, "leave")
    assert run(home) == EXIT_OK
    assert study.trials() == []


@pytest.mark.parametrize("why", ["stopped", "other data", "unknown"])
def test_a_worker_that_does_not_begin_closes_the_storage(
    digits: Callable[..., OpenStudy], home: Home, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    study = digits()
    if why == "stopped":
        budget.request_stop(study, "leave")
    elif why == "other data":
        study.optuna.set_user_attr("dataset", FACTS | {"fingerprint": "0" * 64})
    else:
        study.storage.delete_study(study.study_id)
    opened: list[Storage] = []

    def remembered(*args: Any, **options: Any) -> Storage:
        opened.append(open_storage(*args, **options))
        return opened[-1]

    monkeypatch.setattr(worker, "open_storage", remembered)
    with contextlib.suppress(InputError):
        assert run(home) == EXIT_OK
    assert [pool_of(storage).checkedin() for storage in opened] == [0]


def pool_of(storage: Storage) -> sa.QueuePool:
    """Keeps the connections of a storage."""
    assert isinstance(storage.engine.pool, sa.QueuePool)
    return storage.engine.pool


def test_stop_reaches_a_worker_in_mid_trial(
    digits: Callable[..., OpenStudy], home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "BEAT", 0.05)
    study = digits()

    def train(recipe: Recipe, parts: Parts, folder: Path, watch: Watch) -> Outcome:
        budget.request_stop(study, "leave")
        return fakes.train(recipe, parts, folder, watch, seconds=60)

    assert run(home, trainer=train) == EXIT_OK
    counts = study.counts()
    assert (counts.running, counts.uncounted, counts.waiting) == (0, 1, 1)


def test_a_worker_that_was_asked_to_leave_does_not_start_anew(
    digits: Callable[..., OpenStudy],
    home: Home,
    anew: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    digits(budget={"trials": 2})
    sizes = iter([1, 1 + 2 * worker.MAX_GROWTH])
    monkeypatch.setattr(worker, "memory_used", lambda: next(sizes))

    def last(recipe: Recipe, parts: Parts, folder: Path, watch: Watch) -> Outcome:
        outcome = fakes.train(recipe, parts, folder, watch)
        os.kill(os.getpid(), signal.SIGTERM)
        return outcome

    assert anew(home, trainer=last) == EXIT_SIGTERM


def test_a_signal_before_an_out_of_memory_is_not_forgotten(
    digits: Callable[..., OpenStudy], home: Home
) -> None:
    study = digits(budget={"trials": 2})

    def train(*_: Any) -> Outcome:
        os.kill(os.getpid(), signal.SIGTERM)
        raise TrialFailedError(Failure.OUT_OF_MEMORY, "no memory left")

    assert run(home, trainer=train) == EXIT_SIGTERM
    counts = study.counts()
    assert (counts.running, counts.counted, counts.uncounted, counts.waiting) == (0, 0, 1, 1)


def test_a_failure_of_one_trial_does_not_end_the_worker(
    digits: Callable[..., OpenStudy], home: Home
) -> None:
    study = digits(budget={"trials": 2})
    ends = iter([TrialFailedError(Failure.DIVERGED, "NaN")])

    def train(recipe: Recipe, parts: Parts, folder: Path, watch: Watch) -> Outcome:
        for error in ends:
            raise error
        return fakes.train(recipe, parts, folder, watch)

    assert run(home, trainer=train) == EXIT_OK
    counts = study.counts()
    assert (counts.failed, counts.complete) == (1, 1)


def test_a_study_that_is_deleted_under_a_worker(
    digits: Callable[..., OpenStudy], home: Home, connect: Callable[[], Storage]
) -> None:
    digits(budget={"trials": 2})

    def train(recipe: Recipe, parts: Parts, folder: Path, watch: Watch) -> Outcome:
        delete([load_study(connect(), "study")], None)
        return fakes.train(recipe, parts, folder, watch)

    with pytest.raises(StudyGoneError, match="study study: was deleted meanwhile"):
        run(home, trainer=train)


def test_another_study_in_the_place_of_one_that_was_deleted(
    digits: Callable[..., OpenStudy], home: Home, connect: Callable[[], Storage]
) -> None:
    """As a worker that was suspended finds it in a database of an older version."""
    key, others = digits(budget={"trials": 2}).study_id, []

    def train(recipe: Recipe, parts: Parts, folder: Path, watch: Watch) -> Outcome:
        storage = connect()
        delete([load_study(storage, "study")], None)
        with storage.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM sqlite_sequence")
        other = digits(budget={"trials": 2})
        assert other.study_id == key
        other.storage.owner = identity() | {"worker": "other:1"}
        assert claims.claim(other) is not None
        others.append((other, other.trials()))
        return fakes.train(recipe, parts, folder, watch)

    with pytest.raises(StudyGoneError, match="study study: was deleted meanwhile"):
        run(home, trainer=train)
    ((other, trials_before),) = others
    assert other.trials() == trials_before


@pytest.mark.parametrize("moved", [True, False])
def test_a_database_file_that_is_replaced(
    digits: Callable[..., OpenStudy], home: Home, moved: bool
) -> None:
    study = digits(budget={"trials": 2})
    study.storage.checkpoint()
    backup = home.root / "backup.db"
    shutil.copy(home.database, backup)

    def train(recipe: Recipe, parts: Parts, folder: Path, watch: Watch) -> Outcome:
        (backup.replace if moved else home.database.rename)(
            home.database if moved else home.root / "away.db"
        )
        return fakes.train(recipe, parts, folder, watch)

    words = "was replaced by another file" if moved else "is gone"
    with pytest.raises(UnreachableError, match=rf"studies.db: {words} while it was in use"):
        run(home, trainer=train)


def test_a_worker_is_present_from_its_start_to_its_end(
    digits: Callable[..., OpenStudy], home: Home
) -> None:
    study = digits(budget={"trials": 1})
    seen = []

    def train(recipe: Recipe, parts: Parts, folder: Path, watch: Watch) -> Outcome:
        seen.extend(study.storage.present(study.study_id))
        return fakes.train(recipe, parts, folder, watch)

    assert run(home, trainer=train) == EXIT_OK
    own = {key: value for key, value in identity().items() if key in OWNER_KEYS}
    assert [one.owner for one in seen] == [own, own]  # its sign, and its trial
    assert study.storage.present(study.study_id) == []
