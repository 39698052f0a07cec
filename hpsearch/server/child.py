"""The worker processes of a service, each of which works for one study after the other."""

import json
import socket
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from hpsearch.home import Home
from hpsearch.workers.assigned import Assignment, Report
from hpsearch.workers.child import Child, LocalChild

_MOST = 4096
"""Bytes of a message."""


@dataclass
class Assignable(Child):
    """A slot and its worker process, on whatever machine, that is assigned studies."""

    is_ready: bool = False
    """Whether the process has started and does not end: it may be assigned a study, or has one."""

    @abstractmethod
    def begin(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a process, which waits for studies.

        Args:
            command: its command line.
            environment: added to ours and to its slot's.

        Raises:
            UnreachableError: no process started.
        """

    @abstractmethod
    def assign(self, assignment: Assignment, home: Home) -> bool:
        """Have the process, which waits, work for a study; False where it has just ended, or has
        not started yet.

        Args:
            assignment: what it is to do.
            home: where its log goes.

        Raises:
            UnreachableError: the log cannot be written.
        """

    @abstractmethod
    def report(self) -> Report | None:
        """What the process says of the study that it was assigned last; None: nothing new.

        Call it often: it also hears that the process has started.
        """


@dataclass
class AssignedChild(LocalChild, Assignable):
    """A worker process of this machine that is assigned studies."""

    line: socket.socket | None = None
    """Our end of its standard input; None: there is no process."""

    def begin(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """As :meth:`Assignable.begin`."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        try:
            with theirs:
                self._spawn(command, environment, theirs.fileno(), None)
        except BaseException:
            ours.close()
            raise
        self.line, self.is_ready = ours, False

    def assign(self, assignment: Assignment, home: Home) -> bool:
        """As :meth:`Assignable.assign`."""
        if self.line is None or not self.is_ready:
            return False
        with self._open_log(home, assignment.study) as log:
            try:
                message = json.dumps(asdict(assignment)).encode()
                socket.send_fds(self.line, [message], [log.fileno()])
            except OSError:
                return False
        return True

    def report(self) -> Report | None:
        """As :meth:`Assignable.report`."""
        if self.line is None:
            return None
        try:
            message = self.line.recv(_MOST)
        except OSError:  # nothing, or the process has ended, which is noticed elsewhere
            return None
        if not message:
            return None
        report = Report(**json.loads(message))
        self.is_ready = not report.ends
        return report if report.study else None

    def collect(self) -> int:
        """As :meth:`Child.collect`."""
        if self.line is not None:
            self.line.close()
            self.line, self.is_ready = None, False
        return super().collect()
