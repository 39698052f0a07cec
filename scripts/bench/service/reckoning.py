"""The policy of turns, reckoned: the same studies on slots that exist on paper only.

An event-driven simulation beside the scheduler: it knows when studies were submitted and how long
each of their trials took, and asks only ``hpsearch.server.policy`` whose turn it is.
"""

import heapq
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hpsearch.server.policy import Contender, Held, next_turn, passes_to


@dataclass(frozen=True, kw_only=True)
class Job:
    """A study as it was submitted."""

    user: str
    priority: int
    submitted: float
    """Seconds since the first submit."""
    trials: tuple[float, ...]
    """Seconds that its trials took, in the order of their starts."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """A trial on a slot."""

    study: str
    user: str
    start: float
    """Seconds since the first submit."""
    end: float
    worker: str = ""
    """Of a trial that really ran: its process."""


@dataclass
class Slot:
    """A slot on paper."""

    study: str = ""
    """Empty: it is free."""
    since: float = 0.0
    """When the study got it."""
    passes_to: Held | None = None


@dataclass
class Reckoning:
    """A box on paper.

    Attributes:
        jobs: what is submitted.
        slots: of the box.
        between: seconds from the end of a trial to the start of the next one of the same study, and
            to that of another study.
        look_every: seconds between two looks at whose turn is next in slots that are in use.
        spans: the trials so far.
    """

    jobs: Mapping[str, Job]
    slots: Sequence[Slot]
    between: tuple[float, float]
    look_every: float
    spans: list[Span] = field(default_factory=list)
    _left: dict[str, list[float]] = field(default_factory=dict)
    """Seconds of the trials that have not started, by study."""
    _waiting: dict[str, Contender] = field(default_factory=dict)
    _events: list[tuple[float, int, str | Slot]] = field(default_factory=list)
    """What happens next: a study is submitted, a trial ends in a slot, or it is time to look ("").
    The numbers in the middle keep the order of what happens at the same moment."""
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def run(self) -> list[Span]:
        """All trials, until the last one has ended."""
        self._left = {name: list(job.trials) for name, job in self.jobs.items()}
        for name, job in self.jobs.items():
            self._then(job.submitted, name)
        self._then(0.0, "")
        while any(self._left.values()) or any(slot.study for slot in self.slots):
            now, _, what = heapq.heappop(self._events)
            if isinstance(what, Slot):
                self._end(what, now)
            elif what:
                job = self.jobs[what]
                self._waiting[what] = Contender(
                    study=what, user=job.user, priority=job.priority, waiting_since=now
                )
            else:
                self._look(now)
                self._then(now + self.look_every, "")
            self._fill(now)
        return self.spans

    def _then(self, moment: float, what: str | Slot) -> None:
        heapq.heappush(self._events, (moment, next(self._numbers), what))

    def _held(self, but: Slot | None = None) -> list[Held]:
        """Whom the slots count for, but one."""
        return [
            slot.passes_to or Held(study=slot.study, user=self.jobs[slot.study].user)
            for slot in self.slots
            if slot.study and slot is not but
        ]

    def _contenders(self) -> list[Contender]:
        """The studies that have a trial to start which no slot that passes to them will take."""
        coming = Counter(slot.passes_to.study for slot in self.slots if slot.passes_to)
        return [
            one for one in self._waiting.values() if len(self._left[one.study]) > coming[one.study]
        ]

    def _served(self, study: str, now: float) -> None:
        self._waiting[study] = replace(self._waiting[study], waiting_since=now)

    def _start(self, slot: Slot, start: float) -> None:
        """Have a slot run the next trial of its study."""
        seconds = self._left[slot.study].pop(0)
        user = self.jobs[slot.study].user
        self.spans.append(Span(study=slot.study, user=user, start=start, end=start + seconds))
        self._then(start + seconds, slot)

    def _end(self, slot: Slot, now: float) -> None:
        """A trial ends: the slot goes on with its study, unless it passes to another one."""
        if slot.passes_to is None and self._left[slot.study]:
            self._start(slot, now + self.between[0])
            return
        self._served(slot.study, now)
        slot.study, slot.passes_to = "", None

    def _fill(self, now: float) -> None:
        """Free slots get the study whose turn it is."""
        for slot in self.slots:
            if slot.study:
                continue
            found = next_turn(self._contenders(), self._held(), now)
            if found is None:
                return
            slot.study, slot.since = found.study, now
            self._served(found.study, now)
            self._start(slot, now + self.between[1])

    def _look(self, now: float) -> None:
        """Slots in use pass to others whose turn it is."""
        for slot in self.slots:
            if not slot.study or slot.passes_to is not None:
                continue
            own = self._waiting[slot.study]
            others = [one for one in self._contenders() if one.study != slot.study]
            found = passes_to(own, others, self._held(but=slot), now, for_seconds=now - slot.since)
            if found is not None:
                slot.passes_to = Held(study=found.study, user=found.user)
