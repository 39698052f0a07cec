"""The supervisor: starts this machine's workers, revives them, and passes signals on."""

import fcntl
import itertools
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from hpsearch.environment import SUPERVISOR_VARIABLE
from hpsearch.errors import (
    EXIT_INPUT,
    EXIT_NO_TRIAL,
    EXIT_OK,
    EXIT_PROGRAM,
    EXIT_SIGINT,
    EXIT_SIGTERM,
    EXIT_UNREACHABLE,
    Failure,
    HpsearchError,
    InputError,
    ProgramError,
    UnreachableError,
)
from hpsearch.home import Home
from hpsearch.search import budget
from hpsearch.search.study import OpenStudy
from hpsearch.workers.identity import mend, worker_name
from hpsearch.workers.slots import Slot

TICK = 0.5
"""Seconds between two looks at the workers."""

MAX_CRASHES = 3
"""Crashes of one slot in a row, none of which ended a trial, before the run is given up."""


@dataclass
class _Child:
    """One worker process and its slot."""

    slot: Slot
    process: subprocess.Popen[bytes] | None = None
    crashes: int = 0
    """Crashes in a row."""
    log: Path = Path()
    log_start: int = 0
    """Bytes of the log that were there before the process."""
    not_before: float = 0.0
    """Start again at this moment (``time.monotonic``) at the earliest."""


@dataclass
class Supervisor:
    """Runs the workers of one study on this machine until the study is over.

    Attributes:
        study: the study.
        slots: one worker is kept in each.
        command: the worker's command line; the same that a human would type.
        environment: added to the workers' environment.
        home: where the logs go.
        on_tick: called about twice a second, to show progress.
        on_stop: called at the first signal, when workers have been asked to leave.
        on_wait: called once when trials of others hold all places and no worker is left here.
    """

    study: OpenStudy
    slots: Sequence[Slot]
    command: Sequence[str]
    environment: Mapping[str, str]
    home: Home
    on_tick: Callable[[], None] = lambda: None
    on_stop: Callable[[], None] = lambda: None
    on_wait: Callable[[], None] = lambda: None
    _children: list[_Child] = field(default_factory=list)
    _signals: list[int] = field(default_factory=list)
    _passed_on: int = 0
    _waits: bool = False

    def run(self) -> int:
        """Keep the workers going; returns when the study is over or after a signal.

        Returns:
            0, or 130 or 143 after a signal. No trial of this machine is left running.

        Raises:
            HpsearchError: what a worker died of, with the last lines of its log.
        """
        self._children = [_Child(slot=slot) for slot in self.slots]
        before = {
            number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            while self._step():
                self.on_tick()
                time.sleep(TICK)
            self.on_tick()
        finally:
            self._end_all()
            for number, handler in before.items():
                signal.signal(number, handler)
        return self._exit_code()

    def _step(self) -> bool:
        """One look: pass signals on, note who ended, start who is missing. False when done."""
        self._pass_signals_on()
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                self._ended(child)
        alive = any(child.process is not None for child in self._children)
        if self._signals or budget.ending(self.study) is not None:
            return alive  # those still running end by themselves
        if not alive and not self._has_free_place() and not self._waits:
            self._waits = True
            self.on_wait()
        if self._has_free_place():
            for child in self._children:
                if child.process is None and time.monotonic() >= child.not_before:
                    self._start(child)
        return True

    def _has_free_place(self) -> bool:
        counts = self.study.counts()
        return counts.counted + counts.running < self.study.budget.trials

    def _start(self, child: _Child) -> None:
        if not self._has_free_place():
            return
        log = self._open_log(child)
        with log:
            child.process = subprocess.Popen(  # noqa: S603  # our own command
                list(self.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={
                    **os.environ,
                    **self.environment,
                    **child.slot.environment,
                    SUPERVISOR_VARIABLE: str(os.getpid()),
                    "PYTHONUNBUFFERED": "1",
                },
                # A group of its own: Ctrl-C reaches the supervisor only, which passes it on.
                start_new_session=True,
            )

    def _open_log(self, child: _Child) -> BinaryIO:
        """Open the slot's log to append to, or the next one that no other run is writing to.

        The lock belongs to the open file, which the worker inherits: it ends with the worker.
        """
        for index in itertools.count(child.slot.index):
            child.log = self.home.worker_log(self.study.name, index)
            try:
                child.log.parent.mkdir(parents=True, exist_ok=True)
                log = child.log.open("ab")
                fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log.close()
                continue
            except OSError as error:
                raise UnreachableError(
                    f"{child.log}: cannot be written: {error.strerror}; check permissions and space"
                ) from None
            child.log_start = log.tell()
            return log
        raise AssertionError("there is always a next number")

    def _ended(self, child: _Child) -> None:
        """A worker ended: free its trial, then see whether that was in order."""
        process, child.process = child.process, None
        if process is None:
            return
        mend(self.study)
        code = process.returncode
        if code == EXIT_OK or self._signals:
            child.crashes = 0
            return
        if code in _ERRORS:
            raise _ERRORS[code](self._last_words(child))
        child.crashes = 1 if self._ended_a_trial(process.pid) else child.crashes + 1
        if child.crashes >= MAX_CRASHES:
            raise ProgramError(
                f"worker {child.slot.index} crashed {child.crashes} times in a row"
                f" ({_how(code)}); its log ends so:\n{self._last_words(child)}"
            )
        child.not_before = time.monotonic() + 2.0**child.crashes

    def _ended_a_trial(self, pid: int) -> bool:
        """Whether a worker brought a trial to its end; the one that it died of does not count."""
        name = worker_name(pid)
        return any(
            trial.user_attrs.get("worker") == name
            and budget.counts(trial)
            and trial.user_attrs.get("failure") != Failure.CRASHED
            for trial in self.study.trials()
        )

    def _last_words(self, child: _Child, lines: int = 12) -> str:
        """What a worker said last: its error message, else the end of its log."""
        written = child.log.read_bytes()[child.log_start :].decode("utf-8", "replace")
        _, told, message = written.rpartition("\nerror: ")
        text = message.strip() if told else "\n".join(written.splitlines()[-lines:])
        return f"{text}\n(from {child.log})"

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(number)

    def _pass_signals_on(self) -> None:
        """First signal: workers finish in good order. Second: they are killed."""
        count = len(self._signals)  # two may have come since the last look
        if count > self._passed_on:
            number = signal.SIGTERM if count == 1 else signal.SIGKILL
            self._passed_on = count
            for child in self._children:
                if child.process is not None:
                    child.process.send_signal(number)
            if number == signal.SIGTERM:
                self.on_stop()

    def _end_all(self) -> None:
        """Leave nobody behind, whatever ended the loop."""
        alive = [child.process for child in self._children if child.process is not None]
        for process in alive:
            process.terminate()
        for process in alive:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if alive:
            mend(self.study)

    def _exit_code(self) -> int:
        if not self._signals:
            return EXIT_OK
        return EXIT_SIGINT if self._signals[0] == signal.SIGINT else EXIT_SIGTERM


_ERRORS: dict[int, type[HpsearchError]] = {
    EXIT_NO_TRIAL: ProgramError,
    EXIT_INPUT: InputError,
    EXIT_UNREACHABLE: UnreachableError,
    EXIT_PROGRAM: ProgramError,
}


def _how(code: int) -> str:
    """How a process ended, in words."""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
