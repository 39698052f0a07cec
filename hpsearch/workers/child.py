"""Children of a supervisor: one worker process after the other in one slot, and its log."""

import fcntl
import itertools
import os
import re
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hpsearch.environment import SUPERVISOR_VARIABLE, for_child
from hpsearch.errors import UnreachableError
from hpsearch.files import continued_file
from hpsearch.home import Home
from hpsearch.search.attributes import WORKER_KEY
from hpsearch.workers.identity import identity, signature
from hpsearch.workers.slots import Slot

LINES = 12
"""Of a log, where its end has to say what happened."""

UNTOLD = "its log "
"""How last words begin where the worker itself said nothing of its end."""

_LAST_WORDS = re.compile(rb"^(?:error: |Traceback \(most recent call last\):\n)", re.MULTILINE)
"""How a message for users, or an error of the program, begins in a log."""


@dataclass
class Child(ABC):
    """A slot and the worker process in it, if there is one, on whatever machine."""

    slot: Slot
    worker: str | None = None
    """What trials that the process runs have as their attribute ``worker``; None: it is not known
    yet, or there is none."""
    signature: tuple[object, object] | None = None
    """What tells the process from others; see ``hpsearch.workers.identity.signature``."""
    started: float = 0.0
    """When it was asked for last (``time.monotonic``)."""
    crashes: int = 0
    """Crashes in a row, none of whose workers ended a trial."""
    is_asked: bool = False
    """Whether the process was asked to leave, to be started anew with another share."""
    is_retired: bool = False
    """Whether nobody is to be started in the slot any more."""
    not_before: float = 0.0
    """Start again at this moment (``time.monotonic``) at the earliest."""

    @abstractmethod
    def start(
        self, command: Sequence[str], environment: Mapping[str, str], home: Home, study: str
    ) -> None:
        """Start a worker.

        Args:
            command: its command line.
            environment: added to ours and to its slot's.
            home: where its log goes.
            study: the study's name.

        Raises:
            UnreachableError: the log cannot be written, or no process started.
        """

    @property
    @abstractmethod
    def is_there(self) -> bool:
        """Whether a process was started whose end nobody has taken note of."""

    @property
    def is_waiting(self) -> bool:
        """Whether a worker is to start that has no place yet on any machine."""
        return False

    @property
    @abstractmethod
    def is_over(self) -> bool:
        """Whether there is a process that has ended."""

    @abstractmethod
    def collect(self) -> int:
        """Take note of the end of a process that is over; its exit code, negative: a signal."""

    @abstractmethod
    def send(self, number: int) -> None:
        """Send a signal to the process, if there is one."""

    @abstractmethod
    def wait(self, seconds: float) -> bool:
        """Wait until the process has ended; False where it has not after so many seconds."""

    @abstractmethod
    def last_words(self) -> str:
        """What the last worker said at its end: its error; else, after ``UNTOLD``, how its log
        ends; and where.
        """

    @property
    def is_lost(self) -> bool:
        """Whether nobody knows if the process that was collected last has ended."""
        return False

    def withdraw(self) -> bool:
        """Have a process not begin that has not begun yet; whether there was one."""
        return False

    @property
    def may_start(self) -> bool:
        """Whether there is no process, and the wait after a crash is over."""
        free = not (self.is_there or self.is_retired)
        return free and time.monotonic() >= self.not_before

    def back_off(self) -> None:
        """Wait before the next start: 2, 4, 8 ... seconds after so many crashes in a row."""
        self.not_before = time.monotonic() + 2.0**self.crashes

    def ask_to_leave(self) -> None:
        """Have the process save where its trial stands, and leave."""
        self.is_asked = True
        self.send(signal.SIGTERM)


@dataclass
class LocalChild(Child):
    """A process of this machine."""

    process: subprocess.Popen[bytes] | None = None
    log: Path = Path()
    log_start: int = 0
    """Bytes of the log that were there before the process."""

    def start(
        self, command: Sequence[str], environment: Mapping[str, str], home: Home, study: str
    ) -> None:
        """As :meth:`Child.start`."""
        with self._open_log(home, study) as log:
            self._spawn(command, environment, subprocess.DEVNULL, log)

    def _spawn(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        stdin: int,
        log: BinaryIO | None,
    ) -> None:
        """Start a process whose output goes to a log, or, without one, where ours does.

        Raises:
            UnreachableError: no process started.
        """
        try:
            self.process = subprocess.Popen(  # noqa: S603  # our own command
                list(command),
                stdin=stdin,
                stdout=sys.stderr.fileno() if log is None else log,
                stderr=subprocess.STDOUT,
                env=for_child(
                    {
                        **environment,
                        **self.slot.environment,
                        SUPERVISOR_VARIABLE: str(os.getpid()),
                        "PYTHONUNBUFFERED": "1",
                    }
                ),
                # A group of its own: Ctrl-C reaches the supervisor only, which passes it on.
                start_new_session=True,
            )
        except OSError as error:
            raise UnreachableError(
                f"no worker can be started: {error.strerror}; see what limits processes and"
                " memory here, then run the same command again"
            ) from None
        signed = identity(self.process.pid)
        self.worker, self.signature = signed[WORKER_KEY], signature(signed)

    @property
    def is_there(self) -> bool:
        """As :attr:`Child.is_there`."""
        return self.process is not None

    @property
    def is_over(self) -> bool:
        """As :attr:`Child.is_over`."""
        return self.process is not None and self.process.poll() is not None

    def collect(self) -> int:
        """As :meth:`Child.collect`."""
        if self.process is None or (code := self.process.poll()) is None:
            raise AssertionError("no process is over")
        self.process = self.worker = None
        return code

    def send(self, number: int) -> None:
        """As :meth:`Child.send`."""
        if self.process is not None:
            self.process.send_signal(number)

    def wait(self, seconds: float) -> bool:
        """As :meth:`Child.wait`."""
        try:
            if self.process is not None:
                self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def last_words(self) -> str:
        """As :meth:`Child.last_words`."""
        try:
            whole = self.log.read_bytes()
        except OSError as reason:
            return f"{UNTOLD}cannot be read: {self.log}: {reason.strerror}"
        found = list(_LAST_WORDS.finditer(whole, self.log_start))
        start = found[-1].start() if found else len(whole)
        line = whole[:start].count(b"\n") + bool(found)
        said = whole[found[-1].end() if found else self.log_start :].decode("utf-8", "replace")
        if not found:
            if not (lines := said.splitlines()):
                return f"{UNTOLD}says nothing: {self.log}"
            end = "\n".join(lines[-LINES:])
            return f"{UNTOLD}ends with:\n{end}\n(from {self.log}, line {line})"
        if found[-1][0] == b"error: ":
            return f"{said.strip()}\n(from {self.log}, line {line})"
        # For who mends the program there is the log.
        *_, error = said.strip().splitlines() or [""]
        return f"{error}\n(the traceback is in {self.log}, line {line})"

    def _open_log(self, home: Home, study: str) -> BinaryIO:
        """Open the slot's log to append to, or the next one that no other run is writing to.

        The lock belongs to the open file, which the worker inherits: it ends with the worker.
        """
        for index in itertools.count(self.slot.index):
            self.log = home.worker_log(study, index)
            try:
                home.make(self.log.parent)
                log = continued_file(self.log)
                fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log.close()
                continue
            except OSError as error:
                raise UnreachableError(
                    f"{self.log}: cannot be written: {error.strerror}; check permissions and space"
                ) from None
            self.log_start = log.tell()
            return log
        raise AssertionError("there is always a next number")


def how(code: int) -> str:
    """How a process ended, in words, from its exit code; negative: a signal."""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
