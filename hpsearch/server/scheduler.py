"""The scheduler: keeps a worker in each slot of this box, for the study whose turn it is.

It runs in a thread of ``hpsearch serve``. What it knows beside its processes stands in the
database, so that the next one goes on where this one was killed.
"""

import logging
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hpsearch.environment import KNOWN_VARIABLE, STORAGE_VARIABLE, python
from hpsearch.errors import EXIT_OK, HpsearchError
from hpsearch.search.attributes import WORKER_KEY
from hpsearch.search.database.messages import STORAGE_ERRORS, readable_errors
from hpsearch.search.storage import Storage
from hpsearch.search.study import OpenStudy
from hpsearch.server.child import Assignable, AssignedChild
from hpsearch.server.logs import told
from hpsearch.server.metrics import Metrics
from hpsearch.server.places import Place
from hpsearch.server.policy import Contender, Held, next_turn, passes_to
from hpsearch.server.queue import Queue
from hpsearch.services import supervise
from hpsearch.services.workspace import Workspace
from hpsearch.space import kinds
from hpsearch.workers.assigned import ASSIGNED, Assignment
from hpsearch.workers.child import how
from hpsearch.workers.lease import BEAT, Observer, mend
from hpsearch.workers.slots import Slot
from hpsearch.workers.supervisor import ASK_EVERY, LEAVE_WITHIN, PATIENCE

TICK = 0.2
"""Seconds between two looks at the workers."""

PASS_EVERY = 2.0
"""Seconds between two looks at whose turn is next in slots that are in use."""

MOST_WAITS = 6
"""Ends in a row of a slot's worker that waited, after which the wait for the next one grows no
more: a minute."""

NO_WORKERS = 3
"""Such ends in every slot after which the service is not ready."""

MOST_LOOKS = 50
"""Studies without a trial to start that one step finds, and one for each slot."""

DRAIN = 60.0
"""Seconds that workers have at the end of the service to save where their trials stand. Who does
not want to wait sends a second signal."""

KILL_AFTER = 120.0
"""Seconds after which a worker is killed that was asked to leave within an epoch, and has not."""

_log = logging.getLogger(__name__)


@dataclass
class Scheduler:
    """Assigns studies to workers, passes slots on, and stops what was paused or cancelled.

    Attributes:
        workspace: home and storage.
        slots: the slots of this box.
        most_of_user: workers that each user may have at most; None: any number.
        make_child: makes what runs a slot's workers; processes of this machine where not given.
        metrics: where its steps, and its statements on the database, are measured.
        over: whether it is to end.
        ticked: when it last did its work (``time.monotonic``).
        shown: the slots, as :meth:`Place.plain` has them.
        error: what ended it by itself: a fault of the program.
    """

    workspace: Workspace
    slots: Sequence[Slot]
    most_of_user: int | None = None
    make_child: Callable[..., Assignable] = AssignedChild
    metrics: Metrics = field(default_factory=Metrics)
    over: threading.Event = field(default_factory=threading.Event)
    ticked: float = 0.0
    shown: Sequence[Mapping[str, Any]] = ()
    error: BaseException | None = None
    _places: list[Place] = field(default_factory=list)
    _queue: Queue | None = None
    _wake: threading.Event = field(default_factory=threading.Event)
    _mend_at: float = 0.0
    _pass_at: float = 0.0
    _looks: int = 0
    _observers: dict[str, Observer] = field(default_factory=lambda: defaultdict(Observer))
    is_away: bool = False
    """Whether the storage could not be reached when it was needed last."""

    def run(self) -> None:
        """Work until told to end; no worker is left behind."""
        try:
            with self.workspace.opened(patience=PATIENCE) as storage:
                self.begin(storage)
                try:
                    while not self.over.is_set():
                        self._look()
                        self._wake.wait(TICK)
                        self._wake.clear()
                finally:
                    self._end_all()
        except BaseException as error:  # noqa: BLE001  # whatever it is, the server ends with it
            self.error = error
            _log.exception("the scheduler ended", extra=told("fault", part="the scheduler"))

    def wake(self) -> None:
        """Have it look at once, as something was decided."""
        self._wake.set()

    def end(self) -> None:
        """Have :meth:`run` return."""
        self.over.set()
        self._wake.set()

    def begin(self, storage: Storage) -> None:
        """Get ready to work on the studies of a storage."""
        self.metrics.time_statements(storage.engine)
        self._queue = Queue(storage)
        self._places = [Place(child=self.make_child(slot=slot)) for slot in self.slots]

    @property
    def queue(self) -> Queue:
        """The studies, while it runs."""
        if self._queue is None:
            raise AssertionError("the scheduler does not run")
        return self._queue

    @property
    def has_no_workers(self) -> bool:
        """Whether in every slot workers end again and again before they have done anything."""
        children = [place.child for place in self._places]
        return bool(children) and all(
            one.crashes >= NO_WORKERS and not one.is_ready for one in children
        )

    def _look(self) -> None:
        """A step; where the storage cannot be reached, the workers go on, and it is tried again."""
        try:
            with self.metrics.steps.time(), readable_errors(self.workspace.url):
                self.step()
        except HpsearchError as error:
            if not self.is_away:
                _log.warning("the storage cannot be reached: %s", error, extra=told("storage away"))
            self.is_away = True
            return
        if self.is_away:
            _log.info("the storage can be reached again", extra=told("storage back"))
        self.is_away = False
        self.ticked = time.monotonic()

    def step(self) -> None:
        """Note who ended, stop who may not go on, free trials of the dead, fill the slots."""
        self.queue.read()
        for place in self._places:
            if (report := place.child.report()) is not None:  # perhaps its last words
                self._reported(place, report.code)
            if place.child.is_over:
                self._ended(place)
        self._stop()
        self._mend()
        self._begin()
        self._fill()
        self._pass_on()
        self.shown = [place.plain() for place in self._places]

    # Who ended

    def _ended(self, place: Place) -> None:
        """A worker's process ended: see whether that was in order."""
        study, child = place.study, place.child
        was_asked = place.asked_at is not None or place.passes_to is not None
        signed, code = child.signature, child.collect()
        dead = [] if child.is_lost else [signed]  # what runs on a lost machine nobody knows
        place.clear()
        if study is None:
            child.crashes = 0 if code == EXIT_OK else min(child.crashes + 1, MOST_WAITS)
            if child.crashes:
                facts = told("worker ended", slot=child.slot.index, code=code)
                _log.warning(
                    "slot %d: its worker ended (%s)", child.slot.index, how(code), extra=facts
                )
                child.back_off()
            return
        facts = told("worker ended", slot=child.slot.index, study=study.name, code=code)
        level = logging.INFO if was_asked or code == EXIT_OK else logging.WARNING
        words = "slot %d: the worker of %s ended (%s)"
        _log.log(level, words, child.slot.index, study.name, how(code), extra=facts)
        with self.queue.minding(study.name):
            mend(study, dead=dead, blame=not was_asked)
            self.queue.note_end(study, place, code, was_asked=was_asked)

    def _reported(self, place: Place, code: int) -> None:
        """A worker has ended its work for a study, and waits for the next one."""
        study = place.study
        was_asked = place.asked_at is not None or place.passes_to is not None
        place.clear()
        place.child.crashes = 0
        if study is not None:
            with self.queue.minding(study.name):
                self.queue.note_end(study, place, code, was_asked=was_asked)

    # Who may not go on

    def _stop(self) -> None:
        """Have workers leave whose study was paused or cancelled, or is gone."""
        now = time.monotonic()
        for place in self._places:
            if place.study is None or self.queue.state(place.study.name) in ("queued", "done"):
                continue
            if place.asked_at is None:
                place.asked_at, place.ask_again = now, now
            if now - place.asked_at > KILL_AFTER:
                place.child.send(signal.SIGKILL)
            elif now >= place.ask_again:
                place.child.send(signal.SIGTERM)
                place.ask_again = now + ASK_EVERY

    def _mend(self) -> None:
        """Free the trials of dead workers, also of studies that nobody works on just now."""
        if time.monotonic() < self._mend_at:
            return
        self._mend_at = time.monotonic() + BEAT
        running = self.queue.storage.with_running()
        names = [one.name for one in self.queue.studies.values() if one.study_id in running]
        for gone in self._observers.keys() - set(names):
            del self._observers[gone]
        for name in names:
            with self.queue.minding(name):
                if (study := self.queue.open(name)) is not None:
                    mend(study, self._observers[name])

    # Whose turn it is

    def _begin(self) -> None:
        """Have a worker's process in every slot, before there is anything to do for it."""
        where = self.workspace
        command = [*python(*supervise.WORKER, ASSIGNED), "--home", str(where.home.root)]
        command += ["--force"] if where.force else []
        environment = {STORAGE_VARIABLE: where.url, KNOWN_VARIABLE: "1"}
        for place in self._places:
            if place.child.may_start:
                try:
                    place.child.begin(command, environment)
                except HpsearchError as error:
                    _log.warning("%s", error)
                    place.child.crashes = min(place.child.crashes + 1, MOST_WAITS)
                    place.child.back_off()

    def _fill(self) -> None:
        """Have workers that wait work for those whose turn it is."""
        self._looks = 0
        free = [place for place in self._places if place.study is None and place.child.is_ready]
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
            if self._looks > MOST_LOOKS + len(self._places):
                return None  # the next step goes on
            study = self.queue.with_a_trial(found.study, self._places)
            if study is not None:
                return found, study
            contenders.remove(found)
        return None

    def _held(self, but: Place | None = None) -> list[Held]:
        """Whom the slots count for, but one."""
        return [place.held for place in self._places if place.held and place is not but]

    def _start(self, place: Place, contender: Contender, study: OpenStudy) -> None:
        """Have a worker that waits work for a study."""
        place.counted = study.counts().counted
        assignment = Assignment(study=study.name, apart="python" in kinds(study.file.space))
        if not place.child.assign(assignment, self.workspace.home):
            return  # its process has just ended
        place.study, place.user = study, contender.user
        place.since, place.began = time.time(), time.monotonic()
        before = self.queue.studies[study.name].submission
        if before.served is None:
            self.metrics.waits.observe(max(0.0, place.since - before.queued))
        self.queue.serve(study)
        facts = told("began", slot=place.child.slot.index, study=study.name, user=place.user)
        _log.info("slot %d: works for %s", place.child.slot.index, study.name, extra=facts)

    def _pass_on(self) -> None:
        """Have workers take no further trial where another study's turn is next in their slot."""
        now = time.monotonic()
        if now < self._pass_at:
            return
        self._pass_at = now + PASS_EVERY
        contenders = {one.study: one for one in self.queue.contenders()}
        for place in self._places:
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
            if found is None or self.queue.with_a_trial(found.study, self._places) is not None:
                return found
            del contenders[found.study]

    # The end

    def _end_all(self) -> None:
        """Have all workers save where their trials stand, and leave; nobody is left behind."""
        alive = [place for place in self._places if place.child.is_there]
        for place in alive:
            place.child.send(signal.SIGTERM)
        until = time.monotonic() + DRAIN
        for place in alive:
            if not place.child.wait(max(0.0, until - time.monotonic())):
                place.child.send(signal.SIGKILL)
                place.child.wait(LEAVE_WITHIN)
        for place in alive:
            if place.child.is_over and place.study is not None:
                signed = place.child.signature
                place.child.collect()
                try:
                    mend(place.study, dead=[signed], blame=False)
                except (HpsearchError, *STORAGE_ERRORS) as error:
                    _log.warning("%s", error)  # the next server frees its trial


def _is_training(place: Place, study: OpenStudy) -> bool:
    """Whether a worker runs a trial: no turn ends before the first one, whatever it waits for."""
    heartbeats = study.storage.heartbeats(study.study_id)
    return any(one.owner.get(WORKER_KEY) == place.child.worker for one in heartbeats)
