"""The fault run: a search that is hit by faults of all kinds, one after the other, and must hold.

Run by hand, as it takes too long for the tests: ``scripts/faults/faults.py --help``. Afterwards
the budget is met exactly, nothing runs, nothing that was told is lost or was told by two owners,
every resumed trial came to the weights of an undisturbed one, and the database is whole.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))

import optuna
import psutil
import sqlalchemy as sa
from postgresql import running_postgresql  # of the folder above
from process import VARIABLE, Settings

from hpsearch.errors import HpsearchError
from hpsearch.home import CHECKPOINTS, WEIGHTS
from hpsearch.outputs.leftovers import KEEP
from hpsearch.search import budget
from hpsearch.search.attributes import earlier, origin
from hpsearch.search.database.messages import STORAGE_ERRORS
from hpsearch.search.lookup import load_study
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy

PATIENCE = 150.0
"""Seconds after which what should happen has not happened."""
PLENTY = 100_000
"""A budget that no fault run meets."""
LOCK = 90.0
"""Seconds for which another program holds the database's lock."""
DISK = 256
"""MiB of the small disk that is filled."""
NAME = "faults"

STUDY = """\
name = "faults"
[dataset]
source = "digits"
[training]
epochs = {epochs}
early_stopping = false
[pruner]
type = "median"
n_warmup_steps = {warmup}
[space]
layers = {{ type = "int", low = 1, high = 3 }}
units = {{ type = "int", low = 16, high = 64, log = true, per_layer = true }}
batch_norm = {{ type = "categorical", choices = [true, false] }}
[space.optimizer]
adam = {{ learning_rate = {{ type = "float", low = 1e-3, high = 1e-2, log = true }} }}
"""


class BrokenPromiseError(Exception):
    """Something that hpsearch promises did not hold."""


@dataclass
class Run:
    """A search under fire."""

    folder: Path
    home: Path
    url: str
    workers: int
    settings: Settings
    random: random.Random
    process: subprocess.Popen[bytes] | None = None
    view: OpenStudy | None = None
    """The study, kept open to look at it often."""
    is_full: bool = False
    """Whether the disk was filled under the present ``run``."""
    ends: Counter[int] = field(default_factory=Counter)
    """How often ``run`` ended with which code."""

    @property
    def file(self) -> Path:
        """The study file."""
        return self.folder / "study.toml"

    @contextlib.contextmanager
    def study(self) -> Iterator[OpenStudy]:
        """The study as the database has it now."""
        storage = open_storage(self.url, create=False)
        try:
            yield load_study(storage, NAME)
        finally:
            storage.close()

    def start(self, trials: int = PLENTY) -> subprocess.Popen[bytes]:
        """Start ``hpsearch run``."""
        entry = str(Path(__file__).with_name("process.py"))
        command = [sys.executable, entry, "run", str(self.file), "--workers", str(self.workers)]
        with (self.folder / "run.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603  # our own command
                [*command, "--trials", str(trials), "--home", str(self.home), "--no-reference"],
                env=os.environ
                | {
                    "HPSEARCH_STORAGE": self.url,
                    VARIABLE: json.dumps(dataclasses.asdict(self.settings)),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self.process

    def alive(self) -> subprocess.Popen[bytes]:
        """The running ``run``; started again where it has ended."""
        if self.process is not None and self.process.poll() is None:
            return self.process
        if self.process is not None:
            self.note_end(self.process.returncode)
        return self.start()

    def note_end(self, code: int) -> None:
        """Count an end of ``run``; a program error is none that a fault may cause."""
        self.ends[code] += 1
        self.process = None
        full, self.is_full = self.is_full, False
        if code not in (0, 130, 143, -signal.SIGKILL) and not (full and code == 3):
            raise BrokenPromiseError(f"run ended with {code}; see {self.folder / 'run.log'}")

    def children(self) -> list[psutil.Process]:
        """The living workers of ``run``."""
        if self.process is None:
            return []
        with contextlib.suppress(psutil.NoSuchProcess):
            found = psutil.Process(self.process.pid).children()
            return [child for child in found if child.status() != psutil.STATUS_ZOMBIE]
        return []

    def running(self) -> dict[int, psutil.Process]:
        """The workers that run a trial, by the trial's number."""
        mine = {child.pid: child for child in self.children()}
        try:
            # Opened once: Optuna keeps finished trials, and a cold look takes 1.5 ms for each.
            if self.view is None:
                self.view = load_study(open_storage(self.url, create=False), NAME)
            found = {
                trial.number: int(str(trial.user_attrs.get("worker", ":0")).split(":")[-1])
                for trial in self.view.trials()
                if trial.state == optuna.trial.TrialState.RUNNING
            }
        except (HpsearchError, *STORAGE_ERRORS):  # not there yet, or the disk is full
            return {}
        return {number: mine[pid] for number, pid in found.items() if pid in mine}

    def victim(self) -> tuple[int, psutil.Process]:
        """A worker that runs a trial, and the trial."""

        def look() -> list[tuple[int, psutil.Process]]:
            self.alive()
            return list(self.running().items())

        found: list[tuple[int, psutil.Process]] = wait_for(look, "a running trial")
        return self.random.choice(found)


def wait_for(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """What a condition gives, once it is something.

    Raises:
        BrokenPromiseError: it stayed nothing for so long.
    """
    until = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > until:
            raise BrokenPromiseError(f"{what}: not after {seconds:.0f} s")
        time.sleep(0.05)
    return found


def send(process: psutil.Process, number: int) -> None:
    """Send a signal to one of our own, unless it has just ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def freeze(process: psutil.Process) -> None:
    """Suspend one of our own; it stands still when this returns."""
    still = (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE)
    send(process, signal.SIGSTOP)
    with contextlib.suppress(psutil.NoSuchProcess):
        wait_for(lambda: process.status() in still, "a suspended worker")


def nothing_runs(run: Run) -> None:
    """Check what holds whenever ``run`` has ended in good order."""
    with run.study() as study:
        left = study.counts().running
    if left:
        raise BrokenPromiseError(f"{left} trials are still RUNNING after run has ended")


def kill_worker(run: Run) -> None:
    """A worker gets kill -9."""
    send(run.victim()[1], signal.SIGKILL)


def kill_supervisor(run: Run) -> None:
    """The supervisor gets kill -9: its workers leave by themselves; ``run`` again."""
    run.victim()
    workers, process = run.children(), run.alive()
    process.kill()
    process.wait()
    _, left = psutil.wait_procs(workers, timeout=60)
    if left:
        raise BrokenPromiseError(f"{len(left)} workers outlived their supervisor by a minute")


def suspend(run: Run) -> None:
    """SIGSTOP of a worker for longer than the lease, then SIGCONT."""
    number, worker = run.victim()
    freeze(worker)

    def is_over() -> bool:
        with run.study() as study:
            is_reaped = study.trials()[number].state == optuna.trial.TrialState.FAIL
        return is_reaped or (time.monotonic() - began > LOCK and is_locked(run))

    began = time.monotonic()
    try:
        if number in run.running():  # it had not just ended
            # Stopped in the middle of a transaction, it holds the database's lock: nobody can
            # reap its trial, and the fault is that of a lock.
            wait_for(is_over, f"trial {number} of a suspended worker is reaped")
            return
    finally:
        send(worker, signal.SIGCONT)
    suspend(run)


def terminate(run: Run) -> None:
    """SIGTERM: workers save where their trials stand, and leave."""
    run.victim()
    process = run.alive()
    process.terminate()
    process.wait(PATIENCE)
    nothing_runs(run)


def interrupt_twice(run: Run) -> None:
    """SIGINT twice: workers are killed."""
    run.victim()
    process = run.alive()
    process.send_signal(signal.SIGINT)
    time.sleep(run.random.uniform(0, 0.6))  # at any moment of the first one's work
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    process.wait(PATIENCE)
    nothing_runs(run)


def tear(run: Run) -> None:
    """A checkpoint is torn, changed or deleted, and its worker killed."""

    def look() -> list[tuple[psutil.Process, Path]]:
        run.alive()
        folder = run.home / "runs" / NAME
        return [
            (worker, file)
            for number, worker in run.running().items()
            for name in CHECKPOINTS
            if (file := folder / f"trial-{number:05d}" / name).exists()
        ]

    while True:
        worker, file = run.random.choice(wait_for(look, "a trial with a checkpoint"))
        freeze(worker)  # the file must not be mended before the kill
        if file.exists() and file.stat().st_size:
            break
        send(worker, signal.SIGCONT)  # the trial had just ended
    size = file.stat().st_size
    match run.random.choice(["cut", "flip", "delete", "empty"]):
        case "cut":
            os.truncate(file, run.random.randrange(size))
        case "empty":
            os.truncate(file, 0)
        case "flip":
            with file.open("r+b") as opened:
                opened.seek(run.random.randrange(size))
                opened.write(run.random.randbytes(16))
        case "delete":
            file.unlink()
    send(worker, signal.SIGKILL)
    send(worker, signal.SIGCONT)


def begin_writing(run: Run, timeout: float) -> Any:
    """A connection in a transaction that keeps others from writing.

    Raises:
        STORAGE_ERRORS: another had the lock for ``timeout`` s.
    """
    if run.url.startswith("sqlite"):
        connection: Any = sqlite3.connect(run.url.removeprefix("sqlite:///"), timeout=timeout)
        connection.execute("BEGIN IMMEDIATE")
        return connection
    connection = sa.create_engine(run.url, poolclass=sa.NullPool).connect()
    connection.execute(sa.text(f"SET lock_timeout = '{timeout:.0f}s'"))
    connection.execute(sa.text("UPDATE trials SET number = number"))
    return connection


def is_locked(run: Run) -> bool:
    """Whether somebody keeps others from writing, for seconds."""
    try:
        connection = begin_writing(run, timeout=5)
    except STORAGE_ERRORS:
        return True
    connection.rollback()
    connection.close()
    return False


def lock(run: Run) -> None:
    """Another program holds the database's lock: everybody waits, and nobody is taken for dead."""
    run.victim()
    process = run.alive()
    connection = begin_writing(run, timeout=60)
    alive = run.running()
    time.sleep(LOCK)
    connection.rollback()
    connection.close()
    time.sleep(2 * run.settings.beat)
    if process.poll() is not None:
        raise BrokenPromiseError(f"run did not survive a lock of {LOCK:.0f} s")
    with run.study() as study:
        trials = study.trials()
    lost = [n for n in alive if trials[n].state == optuna.trial.TrialState.FAIL]
    if lost:
        raise BrokenPromiseError(f"trials {lost} of living workers lost their lease")


def fill_disk(run: Run) -> None:
    """The disk of the home is full for some seconds."""
    run.victim()
    process = run.alive()
    run.is_full = True
    ballast = run.home / "ballast"
    try:
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(2**16))
        until = time.monotonic() + 8
        while process.poll() is None and time.monotonic() < until:
            time.sleep(0.1)
    finally:
        ballast.unlink(missing_ok=True)


FAULTS: dict[str, tuple[Callable[[Run], None], int]] = {
    "worker killed": (kill_worker, 8),
    "run killed": (kill_supervisor, 4),
    "worker suspended": (suspend, 3),
    "SIGTERM": (terminate, 4),
    "Ctrl-C twice": (interrupt_twice, 3),
    "checkpoint torn": (tear, 6),
    "disk full": (fill_disk, 3),
}
"""Each with how often it comes, beside one another. The lock is dealt out by number."""


def plan(number: int, locks: int, chance: random.Random, *, small_disk: bool) -> list[str]:
    """Which faults come, in which order."""
    kinds = [kind for kind in FAULTS if small_disk or kind != "disk full"]
    weights = [FAULTS[kind][1] for kind in kinds]
    faults = chance.choices(kinds, weights, k=number - locks) + ["database locked"] * locks
    chance.shuffle(faults)
    return faults


def check(run: Run, trials: int) -> dict[str, Any]:
    """What must hold at the end, as a figure for each promise."""
    states = optuna.trial.TrialState
    lines = Path(run.settings.journal).read_text(encoding="utf-8").splitlines()
    told = [json.loads(line) for line in lines]
    with run.study() as study:
        found, counts = study.trials(), study.counts()
        lost = [
            line
            for line in told
            if line["state"] == "COMPLETE"
            and not (
                found[line["trial"]].state == states.COMPLETE
                and list(found[line["trial"]].values) == line["values"]
            )
        ]
        chains = Counter(origin(t) for t in found if budget.counts(t))
        failures = Counter(t.user_attrs.get("failure") for t in found if t.state == states.FAIL)
        resumed = sum(t.state.is_finished() and bool(earlier(t)) for t in found)
    by_trial = Counter(line["trial"] for line in told)
    folder = run.home / "runs" / NAME
    integrity = "-"
    if run.url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(run.url.removeprefix("sqlite:///"))) as connection:
            integrity = connection.execute("PRAGMA integrity_check").fetchone()[0]
    return {
        "counted / budget": f"{counts.counted} / {trials}",
        "running": counts.running,
        "waiting": counts.waiting,
        "told COMPLETE and lost": len(lost),
        "told by two": sum(n > 1 for n in by_trial.values()),
        "counted twice in a chain": sum(n > 1 for n in chains.values()),
        "checkpoints left": len([f for n in CHECKPOINTS for f in folder.glob(f"*/*{n}")]),
        "weights left": len(list(folder.glob(f"*/*{WEIGHTS}"))),
        "integrity_check": integrity,
        "_holds": counts.counted == trials
        and counts.running == counts.waiting == 0
        and not lost
        and max(by_trial.values()) == 1
        and max(chains.values()) == 1
        and not any(file for name in CHECKPOINTS for file in folder.glob(f"*/*{name}"))
        and len(list(folder.glob(f"*/*{WEIGHTS}"))) <= KEEP
        and integrity in ("ok", "-")
        and not failures["program_error"],
        "trials": len(found),
        "told": len(told),
        "resumed": resumed,
        "failures": dict(failures),
    }


@contextlib.contextmanager
def disk(folder: Path, size: int = DISK) -> Iterator[tuple[Path, bool]]:
    """A home on a disk of so many MiB, where the user may mount one; and whether it is."""
    home = folder / "home"
    home.mkdir()
    mount = ["/bin/mount", "-t", "tmpfs", "-o", f"size={size}m", "tmpfs", str(home)]
    small = not subprocess.run(mount, check=False, capture_output=True).returncode  # noqa: S603
    try:
        yield home, small
    finally:
        if small:
            subprocess.run(["/bin/umount", "--lazy", str(home)], check=True)  # noqa: S603


@contextlib.contextmanager
def storage(kind: str, home: Path) -> Iterator[str]:
    """The URL of an empty storage."""
    if kind == "sqlite":
        yield f"sqlite:///{home / 'studies.db'}"
        return
    with running_postgresql() as (url, _):
        yield url


def hold(run: Run, faults: list[str]) -> int:
    """Let the faults come, then meet the budget; the budget."""
    began = time.monotonic()
    for index, kind in enumerate(faults, 1):
        say(f"{index:4d} of {len(faults)}  {time.monotonic() - began:6.0f} s  {kind}")
        (lock if kind == "database locked" else FAULTS[kind][0])(run)
    terminate(run)
    if run.process is not None:
        run.note_end(run.process.wait())
    with run.study() as study:
        trials = study.counts().counted + 2 * run.workers
    say(f"the last {2 * run.workers} trials, without faults")
    process = run.start(trials)
    code = process.wait(PATIENCE + 4 * LOCK)
    run.note_end(code)
    if code:
        raise BrokenPromiseError(f"the last run ended with {code}")
    return trials


def say(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Run as the command line says; 0 if every promise held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--locks", type=int, default=2, help="of these, long locks (90 s each)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--storage", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--real", action="store_true", help="train with TensorFlow")
    parser.add_argument("--keep", type=Path, help="where to keep logs and journal of a failure")
    options = parser.parse_args()
    chance = random.Random(options.seed)  # noqa: S311  # to be the same again, not secret
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hpsearch-faults-")))
        home, small_disk = stack.enter_context(disk(folder))
        if not small_disk:
            say("no disk can be mounted (not root?): none is filled")
        url = stack.enter_context(storage(options.storage, home))
        settings = Settings(
            journal=str(folder / "journal.jsonl"),
            beat=0.5,
            lease=20.0 if options.real else 6.0,
            checkpoint=0.5,
            epoch=0.15,
            real=options.real,
        )
        run = Run(folder, home, url, options.workers, settings, chance)
        epochs = 400 if options.real else 12
        run.file.write_text(STUDY.format(epochs=epochs, warmup=epochs // 3), encoding="utf-8")
        faults = plan(options.faults, options.locks, chance, small_disk=small_disk)
        try:
            found = check(run, hold(run, faults))
        except BrokenPromiseError as error:
            say(f"BROKEN: {error}")
            found = {"_holds": False}
        finally:
            if run.view is not None:
                run.view.storage.close()
            if run.process is not None:
                for process in [*run.children(), psutil.Process(run.process.pid)]:
                    send(process, signal.SIGKILL)
        holds = found.pop("_holds")
        if not holds and options.keep:
            shutil.copytree(folder, options.keep, dirs_exist_ok=True)
        for kind, number in Counter(faults).most_common():
            print(f"{kind:28} {number}")
        for name, figure in found.items():
            print(f"{name:28} {figure}")
        print(f"{'run ended with':28} {dict(run.ends)}")
        print("every promise held" if holds else "BROKEN")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
