"""Ray as the engine of a service: it places the warm workers on a cluster's machines.

Ray gives each worker a place (cores, a GPU), and tells when that place is lost. The place starts
the same process as a service does on its own machine, hands on what it is assigned, and tells what
it reports; whose turn it is stays with the scheduler of the service.
"""

import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hpsearch.errors import UnreachableError
from hpsearch.home import Home
from hpsearch.server.child import Assignable, AssignedChild
from hpsearch.workers.assigned import Assignment, Report
from hpsearch.workers.child import UNTOLD
from hpsearch.workers.ray_engine import (
    PROMPT,
    Fault,
    Portion,
    home_at,
    is_ready,
    our_slot,
    told,
    untold,
)

# isort: split
# After the engine, which says how Ray is to start.
import ray
from ray.exceptions import RayError, RayTaskError

HEAR_EVERY = 0.05
"""Seconds between two looks of a place at its worker."""


class News(NamedTuple):
    """What a place tells of its worker."""

    report: Report | None
    is_ready: bool
    code: int | None
    """The exit code of the process; None: it has not ended."""


class AssignedPlace:
    """A worker's place on some machine of the cluster: an actor, which keeps one process."""

    def __init__(self, index: int, portion: Portion) -> None:
        """Find out what device Ray gave us.

        Args:
            index: of the worker's slot; names its logs.
            portion: what was asked for.
        """
        self._child = AssignedChild(slot=our_slot(index, portion))
        self._told = False
        """Whether it was told that the process is ready."""

    def begin(
        self, command: Sequence[str], environment: Mapping[str, str]
    ) -> tuple[str | None, tuple[object, object] | None]:
        """Start the worker; its :attr:`Child.worker` and :attr:`Child.signature`."""
        self._child.begin([sys.executable, *command], untold(environment))
        return self._child.worker, self._child.signature

    def assign(self, assignment: Assignment, home: str) -> bool:
        """As :meth:`Assignable.assign`."""
        return self._child.assign(assignment, home_at(home))

    def hear(self) -> News:
        """Wait until there is something new of the worker."""
        while True:
            report = self._child.report()
            if report is not None or self._child.is_ready != self._told:
                self._told = self._child.is_ready
                return News(report, self._told, None)
            if self._child.is_over:
                report = self._child.report()  # perhaps its last words
                return News(report, False, self._child.collect())
            self._child.wait(HEAR_EVERY)

    def send(self, number: int) -> None:
        """Send a signal to the worker."""
        self._child.send(number)

    def last_words(self) -> str:
        """What the worker said last."""
        return self._child.last_words()


@dataclass
class RayAssigned(Assignable):
    """A worker at a place that Ray finds, and finds anew for each process."""

    portion: Portion = field(default_factory=lambda: Portion(threads=1, per_gpu=0))
    _actor: Any = None
    _begun: Any = None
    """Ray's promise of what :meth:`AssignedPlace.begin` gives; None: it is known."""
    _heard: Any = None
    """Ray's promise of the next news."""
    _reports: deque[Report] = field(default_factory=deque)
    _code: int | None = None
    _words: str = ""
    _is_lost: bool = False

    def start(
        self, command: Sequence[str], environment: Mapping[str, str], home: Home, study: str
    ) -> None:
        """Workers of a service are not started for one study."""
        raise NotImplementedError

    def begin(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """As :meth:`Assignable.begin`; the process begins when Ray has a place for it."""
        self.worker = self.signature = self._heard = self._code = None
        self._words, self._is_lost, self.is_ready = "", False, False
        self._reports.clear()
        place = ray.remote(AssignedPlace).options(**self.portion.options)
        self._actor = place.remote(self.slot.index, self.portion)
        self._begun = self._actor.begin.remote(list(command[1:]), told(environment))

    def assign(self, assignment: Assignment, home: Home) -> bool:
        """As :meth:`Assignable.assign`; False also where the place does not answer in time."""
        if self._actor is None or not self.is_ready:
            return False
        try:
            given = self._actor.assign.remote(assignment, str(home.root))
            return bool(ray.get(given, timeout=PROMPT))
        except RayTaskError as error:
            raise UnreachableError(Fault.of(error).words) from None
        except RayError:
            # Where it was assigned after all, it reports an assignment that nobody knows of.
            self.is_ready = False
            return False

    def report(self) -> Report | None:
        """As :meth:`Assignable.report`."""
        self._follow()
        return self._reports.popleft() if self._reports else None

    def _follow(self) -> None:
        """Take note of what the place has told."""
        try:
            if self._begun is not None and is_ready(self._begun):
                begun, self._begun = self._begun, None
                self.worker, self.signature = ray.get(begun)
                self._heard = self._actor.hear.remote()
            while self._heard is not None and is_ready(self._heard):
                heard, self._heard = self._heard, None
                news: News = ray.get(heard)
                self.is_ready, self._code = news.is_ready, news.code
                if news.report is not None:
                    self._reports.append(news.report)
                if news.code is None:
                    self._heard = self._actor.hear.remote()
        except RayError as error:
            self._code, self._words, self._is_lost = Fault.of(error)
            self.is_ready = False

    @property
    def is_there(self) -> bool:
        """As :attr:`Child.is_there`; also where Ray has no place yet."""
        return self._actor is not None

    @property
    def is_waiting(self) -> bool:
        """As :attr:`Child.is_waiting`."""
        return self._begun is not None

    @property
    def is_over(self) -> bool:
        """As :attr:`Child.is_over`."""
        if self._actor is None:
            return False
        self._follow()
        return self._code is not None

    @property
    def is_lost(self) -> bool:
        """As :attr:`Child.is_lost`: of a machine that is gone nobody knows what runs there."""
        return self._is_lost

    def collect(self) -> int:
        """As :meth:`Child.collect`; a place that was lost is one that was killed."""
        if self._code is None:
            raise AssertionError("no process is over")
        code = self._code
        self._words = self.last_words()
        self._leave()
        return code

    def _leave(self) -> None:
        """Give the place back: its cores and GPU are free again."""
        ray.kill(self._actor)
        self._actor = self._begun = self._heard = self._code = self.worker = None
        self.is_ready = False

    def send(self, number: int) -> None:
        """As :meth:`Child.send`."""
        if self._actor is not None and not self.is_waiting:
            self._actor.send.remote(int(number))

    def wait(self, seconds: float) -> bool:
        """As :meth:`Child.wait`; who has no place yet never begins."""
        self.withdraw()
        until = time.monotonic() + seconds
        while self._actor is not None and not self.is_over:
            left = until - time.monotonic()
            if left <= 0:
                return False
            ray.wait([self._heard], timeout=left)
        return True

    def withdraw(self) -> bool:
        """As :meth:`Child.withdraw`."""
        self._follow()
        if not self.is_waiting:
            return False
        self._leave()
        return True

    def last_words(self) -> str:
        """As :meth:`Child.last_words`."""
        if self._actor is not None and not self._words:
            try:
                return str(ray.get(self._actor.last_words.remote(), timeout=PROMPT))
            except RayError:
                return f"{UNTOLD}is on a machine that does not answer"
        return self._words
