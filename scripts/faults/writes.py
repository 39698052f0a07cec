"""Late writes: all that a worker writes, after what was its own is another's.

Run by hand, as it takes minutes: ``scripts/faults/writes.py --help``. First each write by itself
(tests/meanwhile.py has the list, and a test a shorter sweep) through a connection that was open
before and through a new one, after each of these: its lease was lost, the study was deleted,
or deleted and made again with the same keys, or another file was put in its place (``mv``).
Nothing may be written into what is others'. Then real processes of ``process.py``, a worker and a
run, are suspended by SIGSTOP in the middle of a trial while each of these happens, or another file
is written over the database (``cp``), and go on by SIGCONT: exit code, one message, and nothing of
others' is another than before. (SQLite cannot tell that a file was written over: it may go on with
its log, and write that into the file. Then the process must have lost nothing.)
"""

import argparse
import contextlib
import dataclasses
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[2] / "tests"))

import psutil
import sqlalchemy as sa
from databases import clear  # of the tests
from faults import BrokenPromiseError, freeze, send, wait_for
from meanwhile import SEEMING, WRITES, Meanwhile, there  # of the tests
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState
from postgresql import running_postgresql  # of the folder above
from process import VARIABLE, Settings

from hpsearch.data.cache import open_dataset
from hpsearch.data.drawing import split
from hpsearch.data.facts import facts
from hpsearch.errors import UnreachableError
from hpsearch.home import Home
from hpsearch.search import budget, claims
from hpsearch.search.database.messages import STORAGE_ERRORS
from hpsearch.search.lookup import load_study
from hpsearch.search.storage import Storage
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy
from hpsearch.study_file import StudyFile, load
from hpsearch.workers.identity import identity, worker_name
from hpsearch.workers.lease import mend

PATIENCE = 120.0
"""Seconds in which a process must have ended."""
NOBODY = 2**22 + 1
"""The pid of no process: more than there may be."""
NAME = "late"
STUDY = """\
name = "late"
[dataset]
source = "digits"
[training]
epochs = 30
early_stopping = false
[pruner]
type = "none"
[sampler]
type = "random"
[budget]
trials = 3
[space]
layers = { type = "int", low = 1, high = 3 }
units = { type = "int", low = 16, high = 64, log = true, per_layer = true }
"""

Happening = Callable[[Meanwhile], None]

HAPPENINGS: dict[str, Happening] = {
    "lease lost": Meanwhile.take,
    "study deleted": Meanwhile.remove,
    "study made again": Meanwhile.replace,
    "file replaced (mv)": Meanwhile.move,
    "file replaced (cp)": Meanwhile.copy,
}
OF_FILES = ("file replaced (mv)", "file replaced (cp)")
OVERWRITTEN = "file replaced (cp)"
ASKING: dict[str, Callable[[OpenStudy], Any]] = {
    "claim": claims.claim,
    "ending": budget.ending,
    "stop": budget.stop_requested,
    "mend": mend,
}
"""What a worker asks its study for; where a study is gone, each must say so."""
SAYS = {
    "lease lost": "lease lost",
    "study deleted": "study late: was deleted meanwhile",
    "study made again": "study late: was deleted meanwhile",
    "file replaced (mv)": "studies.db: was replaced by another file while it was in use",
    "file replaced (cp)": "",
}
"""What a worker must say."""


@dataclass
class Place:
    """A storage that each case begins with anew, and a home."""

    folder: Path
    server: str | None
    """The URL of a database on PostgreSQL; None: SQLite."""
    file: StudyFile
    dataset: Mapping[str, Any]

    @property
    def home(self) -> Home:
        """The home."""
        return Home(self.folder / "home")

    @property
    def url(self) -> str:
        """The storage."""
        return self.server or self.home.own_storage

    @contextlib.contextmanager
    def case(self) -> Iterator[Meanwhile]:
        """A storage with the study, and what others do to it."""
        if self.server is None:
            for file in self.home.root.glob("*.db*"):
                file.unlink()
            shutil.copy(self.folder / "empty.db", self.home.database)
        else:
            clear(self.server)
        for folder in (self.home.study_runs(NAME), self.home.study_logs(NAME)):
            shutil.rmtree(folder, ignore_errors=True)
        meanwhile = Meanwhile(self.url, self.file, open_storage(self.url), self.dataset)
        meanwhile.make()
        try:
            yield meanwhile
        finally:
            meanwhile.storage.close()


@contextlib.contextmanager
def place(kind: str) -> Iterator[Place]:
    """A storage of a kind."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hpsearch-writes-")))
        (folder / "study.toml").write_text(STUDY, encoding="utf-8")
        file, home = load(folder / "study.toml"), Home(folder / "home")
        dataset = open_dataset(file.dataset, home)
        known = facts(dataset, split(dataset, file.dataset))
        open_storage(f"sqlite:///{folder / 'empty.db'}").close()
        server = None
        if kind == "postgresql":
            server, _ = stack.enter_context(running_postgresql())
            open_storage(server).close()
        yield Place(folder, server, file, known)


def of_others(meanwhile: Meanwhile, happened: str) -> Any:
    """All that is not the worker's, to be compared; a file that was put there with all its bytes.

    Of a worker that only lost a trial it is that trial and the one that goes on for it.
    """
    if happened == OVERWRITTEN:
        return None
    if happened in OF_FILES:
        return meanwhile.path.read_bytes()
    if happened == "lease lost":
        return load_study(meanwhile.storage, NAME).trials()[:2]
    return there(meanwhile)


def sweep(found: Place, only: Collection[str]) -> list[str]:
    """Each write after each happening; what is wrong. Prints a table."""
    print(f"{'happened':20} {'connection':11} {'writes':>6} {'written':>8}  refused by")
    wrong: list[str] = []
    for happened, happen in HAPPENINGS.items():
        if (
            happened not in only
            or happened == OVERWRITTEN
            or (found.server is not None and happened in OF_FILES)
        ):
            continue
        for kind in ("held", "new"):
            said, written = Counter[str](), 0
            for what in (*WRITES, *(() if happened == "lease lost" else ASKING)):
                with found.case() as meanwhile:
                    how, is_written = late(meanwhile, happened, happen, what, is_new=kind == "new")
                said[how] += 1
                written += is_written
                if is_written or (what in ASKING and how not in ("StudyGoneError", UNREACHABLE)):
                    wrong.append(f"{happened}, {kind} connection: {what}: {how}")
            refused = ", ".join(f"{name} {count}" for name, count in said.most_common())
            print(f"{happened:20} {kind:11} {said.total():6} {written:8}  {refused}", flush=True)
    return wrong


UNREACHABLE = UnreachableError.__name__


def late(
    meanwhile: Meanwhile, happened: str, happen: Happening, what: str, *, is_new: bool
) -> tuple[str, bool]:
    """One write of a worker that was away; how it was refused, and whether it was not.

    Args:
        meanwhile: what others do.
        happened: the name of that.
        happen: that.
        what: the write, of WRITES or ASKING.
        is_new: whether it goes through a connection that is made afterwards.
    """
    storage = open_storage(meanwhile.url)
    storage.owner = identity() | {"worker": worker_name(NOBODY)}
    study = load_study(storage, NAME)
    study.stay()
    trial = claims.claim(study)
    if trial is None:
        raise AssertionError("no place for the first trial")
    happen(meanwhile)
    before = of_others(meanwhile, happened)
    if is_new:
        storage.close()
    how = "not done"
    try:
        done = ASKING[what](study) if what in ASKING else WRITES[what](study, trial)
        if done and what not in SEEMING:
            how = f"done: {done}"
    except (UpdateFinishedTrialError, UnreachableError) as error:
        how = type(error).__name__
    finally:
        storage.close()
    return how, how.startswith("done") or of_others(meanwhile, happened) != before


@contextlib.contextmanager
def started(found: Place, command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A real process with the quick trainer, which says what it has to say in a file."""
    settings = Settings(
        journal=str(found.folder / "journal"),
        beat=0.5, lease=120.0, checkpoint=1.0, epoch=0.2, real=False,
    )  # fmt: skip
    run = [str(found.folder / "study.toml"), "--workers", "1", "--no-reference"]
    words = {"worker": [NAME], "run": run}
    entry = str(Path(__file__).with_name("process.py"))
    with (found.folder / "said").open("wb") as said:
        process = subprocess.Popen(  # noqa: S603  # our own command
            [sys.executable, entry, command, *words[command], "--home", str(found.home.root)],
            env=os.environ
            | {
                "HPSEARCH_STORAGE": found.url,
                VARIABLE: json.dumps(dataclasses.asdict(settings)),
            },
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    family: list[psutil.Process] = []
    try:
        yield process
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        for one in family:
            send(one, signal.SIGKILL)
        process.wait()


def suspend(found: Place, process: subprocess.Popen[bytes], storage: Storage) -> None:
    """Suspend a process, and what it has started, in the middle of a trial and of no transaction.

    Raises:
        BrokenPromiseError: it did not come to that.
    """

    def is_busy() -> bool:
        if process.poll() is not None:
            raise BrokenPromiseError(f"ended: {(found.folder / 'said').read_text()}")
        trials = load_study(storage, NAME).trials()
        return any(t.state == TrialState.RUNNING and t.intermediate_values for t in trials)

    wait_for(is_busy, "a trial that runs", PATIENCE)
    storage.close()
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        parent = psutil.Process(process.pid)
        family = [parent, *parent.children(recursive=True)]
        for one in family:
            freeze(one)
        if is_free(found.url):
            return
        for one in family:
            send(one, signal.SIGCONT)
        time.sleep(0.05)
    raise BrokenPromiseError("a process that holds no lock: not found")


def is_free(url: str) -> bool:
    """Whether nobody is in a transaction that keeps others from what happens next."""
    options = {} if url.startswith("postgresql") else {"connect_args": {"timeout": 0.1}}
    engine = sa.create_engine(url, poolclass=sa.NullPool, **options)
    locks = (
        "LOCK TABLE studies, trials, study_user_attributes IN ACCESS EXCLUSIVE MODE NOWAIT"
        if url.startswith("postgresql")
        else "UPDATE studies SET study_name = study_name"
    )
    try:
        with engine.connect() as connection:
            connection.execute(sa.text(locks))
            connection.rollback()
    except STORAGE_ERRORS:
        return False
    finally:
        engine.dispose()
    return True


def go_on(process: subprocess.Popen[bytes]) -> None:
    """Have a suspended process, and what it has started, go on."""
    parent = psutil.Process(process.pid)
    for one in (*parent.children(recursive=True), parent):
        send(one, signal.SIGCONT)


def finish(meanwhile: Meanwhile) -> None:
    """End the trial that others run."""
    study = load_study(meanwhile.storage, NAME)
    (trial,) = (
        t
        for t in study.trials()
        if t.state == TrialState.RUNNING and 0.1 in t.intermediate_values.values()
    )
    meanwhile.storage.owner = identity()
    meanwhile.storage.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, [0.1])  # noqa: SLF001
    meanwhile.storage.owner = Storage.owner


def try_process(found: Place, command: str, happened: str) -> tuple[int, float, str, list[str]]:
    """Suspend a real process while something happens.

    Returns:
        Its exit code, the seconds that it took to end, its last words, and what is wrong.
    """
    with found.case() as meanwhile, started(found, command) as process:
        suspend(found, process, meanwhile.storage)
        HAPPENINGS[happened](meanwhile)
        if happened == "lease lost":
            finish(meanwhile)
        before, began = of_others(meanwhile, happened), time.monotonic()
        go_on(process)
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            code = 124
        seconds = time.monotonic() - began
        said = (found.folder / "said").read_text(encoding="utf-8", errors="replace")
        logs = "".join(
            log.read_text(encoding="utf-8", errors="replace")
            for log in found.home.study_logs(NAME).glob("*.log")
        )
        wrong = []
        expected = 0 if happened == "lease lost" else 3
        if happened == OVERWRITTEN and not code:
            expected = 0
            wrong += [] if is_whole(found) else ["ends in good order, and its trials are lost"]
        if code != expected:
            wrong.append(f"exit code {code} in place of {expected}")
        if of_others(meanwhile, happened) != before:
            wrong.append("something of others' is another")
        if SAYS[happened] not in said + logs:
            wrong.append(f"does not say {SAYS[happened]!r}")
        if "Traceback" in said + logs or said.count("error: ") != (expected == 3):
            wrong.append("says more than one message")
        told = [line for line in said.splitlines() if line.startswith("error: ")]
        last = (told or said.splitlines() or [""])[-1]
        return code, seconds, last, [*wrong, *([said] if wrong else [])]


def is_whole(found: Place) -> bool:
    """Whether the database is undamaged and has all trials of the study."""
    with contextlib.closing(sqlite3.connect(found.home.database)) as connection:
        said = connection.execute("PRAGMA integrity_check").fetchall()
    with contextlib.closing(open_storage(found.url)) as storage:
        counts = load_study(storage, NAME).counts()
    return said == [("ok",)] and counts.complete == found.file.budget.trials


def processes(found: Place, only: Collection[str]) -> list[str]:
    """Real processes after each happening; what is wrong. Prints a table."""
    print(f"{'happened':20} {'command':8} {'exit':>4} {'seconds':>8}  last words")
    wrong: list[str] = []
    for happened in HAPPENINGS:
        if happened not in only or (found.server is not None and happened in OF_FILES):
            continue
        for command in ("worker", "run"):
            try:
                code, seconds, last, faults = try_process(found, command, happened)
            except BrokenPromiseError as error:
                wrong.append(f"{happened}, {command}: {error}")
                continue
            wrong += [f"{happened}, {command}: {fault}" for fault in faults]
            print(f"{happened:20} {command:8} {code:4} {seconds:8.1f}  {last[:160]}", flush=True)
    return wrong


def main() -> int:
    """Run as the command line says; 0 if every promise held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--storage", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--part", choices=["sweep", "processes"], help="only one of the two")
    parser.add_argument("--only", action="append", choices=[*HAPPENINGS], help="(repeatable)")
    options = parser.parse_args()
    parts = {"sweep": sweep, "processes": processes}
    wrong: list[str] = []
    with place(options.storage) as found:
        for name, part in parts.items():
            if options.part in (None, name):
                wrong += part(found, options.only or [*HAPPENINGS])
    for line in wrong:
        print(f"WRONG  {line}")
    print("every promise held" if not wrong else "BROKEN")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
