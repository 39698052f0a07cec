"""A process of ``kills.py``: hpsearch itself with short times, killed at a chosen operation, or
interrupted there as by Ctrl-C.

Operations are counted from the start of the command: SQL statements and commits as SQLAlchemy
executes them, and what changes files as Python audits it (PEP 578). What differs from a user's
process comes in the environment variable ``HPSEARCH_KILLS`` (see :class:`Settings`).
"""

import atexit
import functools
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import process  # of this folder
import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect

from hpsearch import objective
from hpsearch.dashboard import publish
from hpsearch.workers import child, supervisor, worker

VARIABLE = "HPSEARCH_KILLS"
SQL, FILE = "sql", "file"
KINDS = (SQL, FILE)
NOBODY = "-"
"""In place of a command: none is counted."""

_CHANGES = frozenset({
    "os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink",
    "os.truncate", "os.utime", "sqlite3.connect",
})  # fmt: skip
"""Audited events after which a file or folder is another one; opening comes on top."""
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


@dataclass(frozen=True, kw_only=True)
class Kill:
    """At which moment of a command its process ends."""

    kind: str
    """Of the operations that are counted: of ``KINDS``."""
    at: int
    """Which of them, from 1."""
    after: int = 0
    """0: before it is done. Else after it: SQL at once, files so many calls and returns of Python
    later, as they are written after they were opened."""
    by: str = "KILL"
    """The signal that ends it: KILL or INT."""

    def __str__(self) -> str:
        return f"{self.kind}:{self.at}:{self.after}:{self.by}"

    @classmethod
    def read(cls, text: str) -> "Kill":
        """What ``str`` gives of one."""
        kind, at, after, *by = text.split(":")
        return cls(kind=kind, at=int(at), after=int(after), by=by[0] if by else "KILL")

    @property
    def codes(self) -> tuple[int, ...]:
        """The exit codes that a command may have then: one that was interrupted had perhaps done
        all.
        """
        return (-9,) if self.by == "KILL" else (0, 130)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the processes of one case do."""

    folder: str
    """The case's. In it are ``pids``, a line for each process, ``counted``, what an undisturbed
    command did, and ``killed``, as soon as one was."""
    command: str
    """Which command is counted, and killed: only one process of it."""
    kill: Kill | None = None

    def text(self) -> str:
        """For the environment."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> "Settings":
        """What :meth:`text` gave."""
        found = json.loads(text)
        kill = found.pop("kill")
        return cls(**found, kill=kill and Kill(**kill))


def begin() -> None:
    """Make this process one of a case, before its command begins."""
    settings = Settings.read(os.environ[VARIABLE])
    with Path(settings.folder, "pids").open("a", encoding="ascii") as pids:
        pids.write(f"{os.getpid()}\n")
    supervisor.TICK = 0.1
    child.Child.back_off = _back_off  # type: ignore[method-assign]
    objective.CHECKPOINT_EVERY = 0.0
    quick = process.Settings(journal="", beat=0.0, lease=0.0, checkpoint=0.0, epoch=0.0, real=False)
    worker.keras_trainer = lambda *_, **__: quick.train
    if settings.command == NOBODY:
        vars(publish)["search_figures"] = lambda *_: {}  # nobody looks, and they take longest
    if sys.argv[1] == settings.command:
        _Counter(settings).begin()


def _back_off(self: child.Child) -> None:
    """Start again soon, and not after 2, 4, 8 ... seconds."""
    self.not_before = time.monotonic() + 0.05


class _Counter:
    """Counts the operations of this process, and ends it at the chosen one."""

    def __init__(self, settings: Settings) -> None:
        self._folder, self._kill = settings.folder, settings.kill
        self._counts: Counter[str] = Counter()
        self._due: int | None = None
        """The thread in which the operation is under way after which the process ends."""
        self._is_over = False

    def begin(self) -> None:
        """Count from now on."""
        sa.event.listen(sa.Engine, "before_cursor_execute", lambda *_: self._note(SQL))
        sa.event.listen(sa.Engine, "after_cursor_execute", lambda *_: self._done())
        commit: Any = DefaultDialect.do_commit

        @functools.wraps(commit)
        def counted(dialect: DefaultDialect, connection: Any) -> None:
            self._note(SQL)
            commit(dialect, connection)
            self._done()

        DefaultDialect.do_commit = counted  # type: ignore[method-assign]
        sys.addaudithook(self._hear)
        atexit.register(self._end)

    def _note(self, kind: str) -> None:
        """An operation is about to be done."""
        self._counts[kind] += 1
        kill = self._kill
        if kill is None or (kill.kind, kill.at) != (kind, self._counts[kind]):
            return
        if not kill.after:
            self._end_here()
        elif kind == SQL:
            self._due = threading.get_ident()
        else:
            left = iter(range(kill.after))

            def profile(*_: object) -> None:
                if next(left, None) is None:
                    self._end_here()

            sys.setprofile(profile)

    def _done(self) -> None:
        """A statement was executed, or a transaction committed."""
        if self._due == threading.get_ident():
            self._end_here()

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Of all that Python audits, count what changes files of the case."""
        if self._is_over or not (event in _CHANGES or event == "open"):
            return
        if event == "open" and not (arguments[2] or 0) & _WRITES:
            return
        if self._is_ours(arguments[0]):
            self._note(FILE)

    def _is_ours(self, path: object) -> bool:
        if not isinstance(path, str | bytes | os.PathLike):
            return False
        name = os.fsdecode(path)
        # Where a folder is removed, what is in it comes by its name alone.
        return not name.startswith(("/", "file:")) or self._folder in name

    def _end_here(self) -> None:
        """End this process, if it is the first one of its case."""
        self._is_over = True
        sys.setprofile(None)
        try:
            os.close(os.open(Path(self._folder, "killed"), os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        by = "KILL" if self._kill is None else self._kill.by
        os.kill(os.getpid(), signal.Signals[f"SIG{by}"])

    def _end(self) -> None:
        """Write down what an undisturbed command did."""
        self._is_over = True
        file = Path(self._folder, "counted")
        file.write_text(json.dumps(self._counts), encoding="ascii")
