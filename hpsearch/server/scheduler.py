"""The scheduler: keeps a worker in each slot of this box, for the study whose turn it is.

It runs in a thread of ``hpsearch serve``. What it knows beside its processes stands in the
database, so that the next one goes on where this one was killed.
"""

import logging
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hpsearch.environment import KNOWN_VARIABLE, STORAGE_VARIABLE, python
from hpsearch.errors import EXIT_OK, HpsearchError
from hpsearch.search.database.messages import STORAGE_ERRORS, readable_errors
from hpsearch.search.storage import Storage
from hpsearch.server.child import Assignable, AssignedChild
from hpsearch.server.logs import told
from hpsearch.server.metrics import Metrics
from hpsearch.server.places import Place
from hpsearch.server.queue import Queue
from hpsearch.server.turns import Turns
from hpsearch.services import supervise
from hpsearch.services.workspace import Workspace
from hpsearch.workers.assigned import ASSIGNED
from hpsearch.workers.child import how
from hpsearch.workers.lease import BEAT, Observer, mend
from hpsearch.workers.slots import Slot
from hpsearch.workers.supervisor import ASK_EVERY, LEAVE_WITHIN, PATIENCE

TICK = 0.2
"""Seconds between two looks at the workers."""

MOST_WAITS = 6
"""Ends in a row of a slot's worker that waited, after which the wait for the next one grows no
more: a minute."""

NO_WORKERS = 3
"""Such ends in every slot after which the service is not ready."""

DRAIN = 60.0
"""Seconds that workers have at the end of the service to save where their trials stand. Who does
not want to wait sends a second signal."""

KILL_AFTER = 120.0
"""Seconds after which a worker is killed that was asked to leave within an epoch, and has not."""

_log = logging.getLogger(__name__)


@dataclass
class Scheduler:
    """Keeps workers, has them take turns, and stops what was paused or cancelled.

    Attributes:
        workspace: home and storage.
        slots: the slots of this box.
        most_of_user: workers that each user may have at most; None: any number.
        allow_code: whether studies run that have code of their user's.
        make_child: makes what runs a slot's workers; processes of this machine where not given.
        metrics: where its steps, and its statements on the database, are measured.
        over: whether it is to end.
        ticked: when it last did its work (``time.monotonic``).
        shown: the slots, as :meth:`Place.plain` has them.
        error: what ended it by itself: a fault of the program, or another service that has taken
            the storage over.
    """

    workspace: Workspace
    slots: Sequence[Slot]
    most_of_user: int | None = None
    allow_code: bool = True
    make_child: Callable[..., Assignable] = AssignedChild
    metrics: Metrics = field(default_factory=Metrics)
    over: threading.Event = field(default_factory=threading.Event)
    ticked: float = 0.0
    shown: Sequence[Mapping[str, Any]] = ()
    error: BaseException | None = None
    _places: list[Place] = field(default_factory=list)
    _turns: Turns | None = None
    _wake: threading.Event = field(default_factory=threading.Event)
    _mend_at: float = 0.0
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
        self._places = [Place(child=self.make_child(slot=slot)) for slot in self.slots]
        self._turns = Turns(
            queue=Queue(storage, allow_code=self.allow_code),
            places=self._places,
            home=self.workspace.home,
            metrics=self.metrics,
            most_of_user=self.most_of_user,
        )
        self.queue.release()

    @property
    def turns(self) -> Turns:
        """Who takes them, while it runs."""
        if self._turns is None:
            raise AssertionError("the scheduler does not run")
        return self._turns

    @property
    def queue(self) -> Queue:
        """The studies, while it runs."""
        return self.turns.queue

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
        self.turns.fill()
        self.turns.pass_on()
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

    # Who begins

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
