"""Turns: which study the worker in each slot works for, and when a slot passes to another one."""

import logging
import signal
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hpsearch.home import Home
from hpsearch.search.attributes import WORKER_KEY
from hpsearch.search.study import OpenStudy
from hpsearch.server.logs import told
from hpsearch.server.metrics import Metrics
from hpsearch.server.places import Place
from hpsearch.server.policy import Contender, Held, next_turn, passes_to
from hpsearch.server.queue import Queue
from hpsearch.services.rules import has_code
from hpsearch.workers.assigned import Assignment

PASS_EVERY = 2.0
"""Seconds between two looks at whose turn is next in slots that are in use."""

MOST_LOOKS = 50
"""Studies without a trial to start that one step finds, and one for each slot."""

_log = logging.getLogger(__name__)


@dataclass
class Turns:
    """Has workers work for those whose turn it is.

    Attributes:
        queue: the studies.
        places: the slots of this box.
        home: where workers log.
        metrics: where it is measured how long studies wait for their first worker.
        most_of_user: workers that each user may have at most; None: any number.
    """

    queue: Queue
    places: Sequence[Place]
    home: Home
    metrics: Metrics
    most_of_user: int | None = None
    _pass_at: float = 0.0
    _looks: int = 0

    def fill(self) -> None:
        """Have workers that wait work for those whose turn it is."""
        self._looks = 0
        free = [place for place in self.places if place.study is None and place.child.is_ready]
        contenders = self.queue.contenders() if free else []
        for place in free:
            found = self._first(contenders, self._held())
            if found is None:
                return
            with self.queue.minding(found[0].study):
                self._start(place, *found)

    def _first(
        self, contenders: list[Contender], held: Collection[Held]
    ) -> tuple[Contender, OpenStudy] | None:
        """Whose turn it is of those that do have a trial to start; the others are taken out."""
        limit = self.most_of_user
        while found := next_turn(contenders, held, time.time(), most_of_user=limit):
            self._looks += 1
            if self._looks > MOST_LOOKS + len(self.places):
                return None  # the next step goes on
            study = self.queue.with_a_trial(found.study, self.places)
            if study is not None:
                return found, study
            contenders.remove(found)
        return None

    def _held(self, but: Place | None = None) -> list[Held]:
        """Whom the slots count for, but one."""
        return [place.held for place in self.places if place.held and place is not but]

    def _start(self, place: Place, contender: Contender, study: OpenStudy) -> None:
        """Have a worker that waits work for a study."""
        place.counted = study.counts().counted
        assignment = Assignment(study=study.name, apart=has_code(study.file))
        if not place.child.assign(assignment, self.home):
            return  # its process has just ended
        place.study, place.user = study, contender.user
        place.since, place.began = time.time(), time.monotonic()
        before = self.queue.studies[study.name].submission
        if before.served is None:
            self.metrics.waits.observe(max(0.0, place.since - before.queued))
        self.queue.serve(study)
        facts = told("began", slot=place.child.slot.index, study=study.name, user=place.user)
        _log.info("slot %d: works for %s", place.child.slot.index, study.name, extra=facts)

    def pass_on(self) -> None:
        """Have workers take no further trial where another study's turn is next in their slot."""
        now = time.monotonic()
        if now < self._pass_at:
            return
        self._pass_at = now + PASS_EVERY
        contenders = {one.study: one for one in self.queue.contenders()}
        for place in self.places:
            if place.study is None or place.asked_at is not None:
                continue
            if place.passes_to is not None:
                place.child.send(signal.SIGUSR1)  # it may have started itself anew meanwhile
                continue
            own = contenders.get(place.study.name)
            if own is None:
                continue
            found = self._passes_to(place, own, contenders)
            if found is not None and _is_training(place, place.study):
                place.passes_to = Held(study=found.study, user=found.user)
                place.child.send(signal.SIGUSR1)
                _log.info(
                    "slot %d: passes from %s to %s when the trial has ended",
                    place.child.slot.index, own.study, found.study,
                )  # fmt: skip

    def _passes_to(
        self, place: Place, own: Contender, contenders: dict[str, Contender]
    ) -> Contender | None:
        """The study with a trial to start that a slot passes to; others are taken out."""
        while True:
            others = [one for one in contenders.values() if one.study != own.study]
            found = passes_to(
                own,
                others,
                self._held(but=place),
                time.time(),
                for_seconds=time.monotonic() - place.began,
                most_of_user=self.most_of_user,
            )
            if found is None or self.queue.with_a_trial(found.study, self.places) is not None:
                return found
            del contenders[found.study]


def _is_training(place: Place, study: OpenStudy) -> bool:
    """Whether a worker runs a trial: no turn ends before the first one, whatever it waits for."""
    heartbeats = study.storage.heartbeats(study.study_id)
    return any(one.owner.get(WORKER_KEY) == place.child.worker for one in heartbeats)
