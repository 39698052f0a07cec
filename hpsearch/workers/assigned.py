"""A worker that a service assigns one study after the other, so that TensorFlow starts once.

Its standard input is a socket: each message is a study with the log that the worker is to write,
each answer how that went (:class:`Assignment`, :class:`Report`). The first one, of no study, says
that it has started. It ends with the socket, or by a signal as every worker does.
"""

import json
import os
import select
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass

from hpsearch.environment import ALONE_VARIABLE, ASSIGNED_VARIABLE
from hpsearch.errors import EXIT_OK, EXIT_PROGRAM, HpsearchError, InputError
from hpsearch.home import Home
from hpsearch.search.database.messages import readable_errors
from hpsearch.training.outcome import Trainer
from hpsearch.workers import worker
from hpsearch.workers.worker import Kept

ASSIGNED = "-"
"""In place of a study's name: it comes through standard input. No study has this name."""

LOOK_EVERY = 0.5
"""Seconds between two looks for signals while there is nothing to do."""

_MOST = 4096
"""Bytes of a message."""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """A study that a worker is to run trials of, until it is told to end or none is left."""

    study: str
    apart: bool = False
    """Whether it runs code of its user: in a process that has worked for no other study, and works
    for no other one afterwards."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """That a worker has ended an assignment."""

    study: str
    """Empty: the worker has only started."""
    code: int
    """As the exit code of a worker for this study alone."""
    ends: bool = False
    """Whether its process ends, too; else it waits for the next one."""


def work_assigned(url: str, home: Home, *, force: bool = False) -> int:
    """Work for one study after the other, as they are assigned.

    Args:
        url: the storage of all of them.
        home: where data sets and runs are kept.
        force: open SQLite on a network file system too.

    Returns:
        An exit code.

    Raises:
        InputError: standard input is no socket.
    """
    try:
        service = socket.socket(fileno=os.dup(0))
    except OSError:
        raise InputError(
            "STUDY: - is for workers that hpsearch serve starts; give the name of a study"
        ) from None
    with service:
        return _Assigned(service, url, home, force=force).run()


class _Assigned:
    """A process that waits for assignments, and does them."""

    def __init__(self, service: socket.socket, url: str, home: Home, *, force: bool) -> None:
        self._service, self._url, self._home, self._force = service, url, home, force
        self._kept = Kept()
        self._is_used = False

    def run(self) -> int:
        """Do what is assigned until nobody assigns any more."""
        stopper = self._kept.stopper
        stopper.listen()
        # One that started itself anew goes on with what it was assigned before.
        before = os.environ.pop(ASSIGNED_VARIABLE, None)
        is_alone = ALONE_VARIABLE in os.environ
        if not is_alone:
            self._start_trainer()
        if before is None:
            self._report(Report(study="", code=EXIT_OK))
        assignment = Assignment(**json.loads(before)) if before else self._next()
        while assignment is not None:
            code = self._do(assignment)
            if stopper.signal is not None:
                break
            # All of the device's memory is its own, or nobody knows what was left.
            ends = is_alone or assignment.apart or code == EXIT_PROGRAM
            self._report(Report(study=assignment.study, code=code, ends=ends))
            if ends:
                break
            assignment = self._next()
        return stopper.exit_code

    def _report(self, report: Report) -> None:
        """Say how it went; where nobody hears it any more, this process ends soon."""
        with suppress(OSError):
            self._service.send(json.dumps(asdict(report)).encode())

    def _start_trainer(self) -> None:
        """Start TensorFlow, before there is anything to do."""
        trainer = worker.keras_trainer(lambda: None)

        def settled(settle: Callable[[], None], *, alone: bool = False) -> Trainer:  # noqa: ARG001
            settle()
            return trainer

        self._kept.makes_trainer = settled

    def _next(self) -> Assignment | None:
        """Wait for an assignment, whose log becomes standard output and error; None: the end."""
        while not select.select([self._service], [], [], LOOK_EVERY)[0]:
            if self._kept.stopper():
                return None
        try:
            message, logs, _, _ = socket.recv_fds(self._service, _MOST, 1)
        except ConnectionResetError:  # the service was killed before it read what we reported
            return None
        if not message:
            return None
        sys.stdout.flush()
        sys.stderr.flush()
        for log in logs:
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.close(log)
        return Assignment(**json.loads(message))

    def _do(self, assignment: Assignment) -> int:
        """Run trials of a study; the exit code that a worker for it alone would have."""
        os.environ[ASSIGNED_VARIABLE] = json.dumps(asdict(assignment))
        if assignment.apart and self._is_used:
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # ourselves
        self._is_used = True
        self._kept.stopper.begin()
        try:
            with readable_errors(self._url):
                worker.work(
                    assignment.study,
                    url=self._url,
                    home=self._home,
                    force=self._force,
                    kept=self._kept,
                )
        except HpsearchError as error:
            sys.stderr.write(f"error: {error}\n")
            return error.exit_code
        except Exception:  # noqa: BLE001  # whatever it is, it is told, and the process ends
            traceback.print_exc()
            return EXIT_PROGRAM
        finally:
            os.environ.pop(ASSIGNED_VARIABLE, None)
            sys.stderr.flush()
        return EXIT_OK
