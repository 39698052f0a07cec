"""The scheduler: keeps a worker in each slot of this box, for the study whose turn it is.

It runs in a thread of ``hpsearch serve``. What it knows beside its processes stands in the
database, so that the next one goes on where this one was killed.
"""

import logging
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hpsearch.environment import KNOWN_VARIABLE, STORAGE_VARIABLE, python
from hpsearch.errors import (
    EXIT_INPUT,
    EXIT_NO_TRIAL,
    EXIT_OK,
    EXIT_PROGRAM,
    EXIT_SIGINT,
    EXIT_SIGTERM,
    HpsearchError,
    StudyGoneError,
)
from hpsearch.search import submissions
from hpsearch.search.budget import ending
from hpsearch.search.database.messages import STORAGE_ERRORS
from hpsearch.search.storage import Storage
from hpsearch.search.storage.queued import Submitted
from hpsearch.search.study import OpenStudy, load_study
from hpsearch.server.policy import Contender, Held, next_turn, passes_to
from hpsearch.services import supervise
from hpsearch.services.workspace import Workspace
from hpsearch.workers.child import LocalChild, how
from hpsearch.workers.lease import BEAT, Observer, mend
from hpsearch.workers.slots import Slot
from hpsearch.workers.supervisor import (
    ASK_EVERY,
    LEAVE_WITHIN,
    MAX_CRASHES,
    PATIENCE,
    TICK,
)

READ_EVERY = 5.0
"""Seconds after which the studies are read again though no event tells of a change."""

KILL_AFTER = 120.0
"""Seconds after which a worker is killed that was asked to leave within an epoch, and has not."""

_log = logging.getLogger(__name__)


@dataclass
class Place:
    """A slot of this box, and the worker in it."""

    child: LocalChild
    study: OpenStudy | None = None
    """The study that the worker is for; None: there is no worker."""
    user: str = ""
    since: float = 0.0
    """When the worker was started (``time.time``)."""
    counted: int = 0
    """Trials that the study had counted then."""
    passes_to: Held | None = None
    """Whose turn is next: the worker takes no further trial."""
    asked_at: float | None = None
    """When the worker was asked to leave within an epoch (``time.monotonic``)."""
    ask_again: float = 0.0
    """When it is to be asked again."""

    @property
    def held(self) -> Held | None:
        """Whom the slot counts for: who is next in it, where that is decided."""
        if self.study is None:
            return None
        return self.passes_to or Held(study=self.study.name, user=self.user)

    def plain(self) -> dict[str, Any]:
        """The slot as JSON."""
        return {
            "slot": self.child.slot.index,
            "device": self.child.slot.device,
            "study": None if self.study is None else self.study.name,
            "user": self.user or None,
            "worker": self.child.worker,
            "since": self.since or None,
            "next": None if self.passes_to is None else self.passes_to.study,
        }


@dataclass
class Trouble:
    """Workers of a study that crashed."""

    crashes: int = 0
    """In a row, none of whose workers ended a trial."""
    not_before: float = 0.0
    """Start the next one at this moment (``time.monotonic``) at the earliest."""


@dataclass
class Scheduler:
    """Starts workers, passes slots on, and stops what was paused or cancelled.

    Attributes:
        workspace: home and storage.
        slots: the slots of this box.
        most_of_user: workers that each user may have at most; None: any number.
        over: set it to end.
        ticked: when it last did its work (``time.monotonic``).
        shown: the slots, as :meth:`Place.plain` has them.
        error: what ended it by itself: a fault of the program.
    """

    workspace: Workspace
    slots: Sequence[Slot]
    most_of_user: int | None = None
    over: threading.Event = field(default_factory=threading.Event)
    ticked: float = 0.0
    shown: Sequence[Mapping[str, Any]] = ()
    error: BaseException | None = None
    _places: list[Place] = field(default_factory=list)
    _storage: Storage | None = None
    _studies: dict[str, Submitted] = field(default_factory=dict)
    _seen: int = -1
    """The last event that was read."""
    _read_at: float = 0.0
    _mend_at: float = 0.0
    _trouble: dict[str, Trouble] = field(default_factory=lambda: defaultdict(Trouble))
    _observers: dict[str, Observer] = field(default_factory=lambda: defaultdict(Observer))
    _most: dict[int, int | None] = field(default_factory=dict)
    """Workers that studies may have at most, as far as that is known, by their keys."""
    _is_away: bool = False

    def run(self) -> None:
        """Work until told to end; no worker is left behind."""
        self._places = [Place(child=LocalChild(slot=slot)) for slot in self.slots]
        try:
            with self.workspace.opened(patience=PATIENCE) as self._storage:
                try:
                    while not self.over.wait(TICK):
                        self._look()
                finally:
                    self._end_all()
        except BaseException as error:  # noqa: BLE001  # whatever it is, the server ends with it
            self.error = error
            _log.exception("the scheduler ended")

    @property
    def storage(self) -> Storage:
        """The storage, which is open while it runs."""
        if self._storage is None:
            raise AssertionError("the scheduler does not run")
        return self._storage

    def _look(self) -> None:
        """A step; where the storage cannot be reached, the workers go on, and it is tried again."""
        try:
            self.step()
        except STORAGE_ERRORS as error:
            if not self._is_away:
                _log.warning("the storage cannot be reached: %s", error)
            self._is_away = True
            return
        if self._is_away:
            _log.info("the storage can be reached again")
        self._is_away = False
        self.ticked = time.monotonic()

    def step(self) -> None:
        """Note who ended, stop who may not go on, free trials of the dead, fill the slots."""
        self._read()
        for place in self._places:
            if place.child.is_over:
                self._ended(place)
        self._stop()
        self._mend()
        self._fill()
        self._pass_on()
        self.shown = [place.plain() for place in self._places]

    def _read(self) -> None:
        """Read the studies that were submitted, where one may have changed."""
        last = self.storage.last_event()
        if last == self._seen and time.monotonic() < self._read_at:
            return
        found = {one.name: one for one in self.storage.submitted()}
        self._studies = found
        self._seen, self._read_at = last, time.monotonic() + READ_EVERY

    def _state(self, name: str) -> str | None:
        """What was decided of a study; None: it is gone."""
        found = self._studies.get(name)
        return None if found is None else found.submission.state

    # Who ended

    def _ended(self, place: Place) -> None:
        """A worker ended: see whether that was in order."""
        study, child, asked = place.study, place.child, place.asked_at is not None
        passed = place.passes_to is not None
        signed, code = child.signature, child.collect()
        place.study, place.user, place.since, place.passes_to = None, "", 0.0, None
        place.asked_at = None
        if study is None:
            return
        _log.info("slot %d: the worker of %s ended (%s)", child.slot.index, study.name, how(code))
        try:
            mend(study, dead=[signed], blame=not (asked or passed))
            self._note_end(study, place, code, is_asked=asked or passed)
        except StudyGoneError as error:
            _log.info("%s", error)

    def _note_end(self, study: OpenStudy, place: Place, code: int, *, is_asked: bool) -> None:
        """What a worker's end means for its study."""
        submissions.serve(study)
        trouble = self._trouble[study.name]
        if code == EXIT_OK or is_asked:
            trouble.crashes = 0
            return
        if code in (EXIT_NO_TRIAL, EXIT_INPUT, EXIT_PROGRAM):
            submissions.fail(study, place.child.last_words())
            self._read_at = 0.0
            return
        if code in (EXIT_SIGINT, EXIT_SIGTERM):  # somebody else asked it to leave
            trouble.not_before = time.monotonic() + ASK_EVERY
            return
        got_on = study.counts().counted > place.counted
        trouble.crashes = 1 if got_on else trouble.crashes + 1
        trouble.not_before = time.monotonic() + 2.0**trouble.crashes
        if trouble.crashes >= MAX_CRASHES:
            words = place.child.last_words()
            why = f"workers crashed {trouble.crashes} times in a row ({how(code)}): {words}"
            submissions.fail(study, why)
            self._read_at, trouble.crashes = 0.0, 0

    # Who may not go on

    def _stop(self) -> None:
        """Have workers leave whose study was paused or cancelled, or is gone."""
        now = time.monotonic()
        for place in self._places:
            if place.study is None or self._state(place.study.name) in ("queued", "done"):
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
        running = self.storage.with_running()
        names = [one.name for one in self._studies.values() if one.study_id in running]
        for gone in self._observers.keys() - set(names):
            del self._observers[gone]
        for name in names:
            if (study := self._open(name)) is not None:
                mend(study, self._observers[name])

    # Whose turn it is

    def _fill(self) -> None:
        """Start workers in free slots, for those whose turn it is."""
        free = [place for place in self._places if place.study is None]
        contenders = self._contenders() if free else []
        for place in free:
            found = self._first(contenders, self._held())
            if found is None:
                return
            self._start(place, *found)

    def _first(
        self, contenders: list[Contender], held: Collection[Held]
    ) -> tuple[Contender, OpenStudy] | None:
        """Whose turn it is of those that do have a trial to start; the others are taken out."""
        limit = self.most_of_user
        while found := next_turn(contenders, held, time.time(), most_of_user=limit):
            study = self._with_a_trial(found)
            if study is not None:
                return found, study
            contenders.remove(found)
        return None

    def _contenders(self) -> list[Contender]:
        """The studies that are queued, whether or not they have a trial to start."""
        now = time.monotonic()
        return [
            self._contender(one)
            for one in self._studies.values()
            if one.submission.state == "queued"
            and (one.name not in self._trouble or self._trouble[one.name].not_before <= now)
        ]

    def _contender(self, one: Submitted) -> Contender:
        submission = one.submission
        return Contender(
            study=one.name,
            user=submission.user,
            priority=submission.priority,
            waiting_since=max(submission.queued, submission.served or 0.0),
            most=self._most.get(one.study_id),
        )

    def _held(self, but: Place | None = None) -> list[Held]:
        """Whom the slots count for, but one."""
        return [place.held for place in self._places if place.held and place is not but]

    def _with_a_trial(self, contender: Contender) -> OpenStudy | None:
        """A study that has a trial to start, for whose worker there is no slot yet; else None.

        What has ended, or was stopped by hand, is noted.
        """
        study = self._open(contender.study)
        if study is None:
            return None
        if submissions.notice_stop(study):
            self._read_at = 0.0
            return None
        if (over := ending(study)) is not None:
            submissions.finish(study, over)
            self._read_at = 0.0
            return None
        count = study.file.workers.count
        most = self._most[study.study_id] = count if isinstance(count, int) else None
        own = sum(held.study == study.name for held in self._held())
        if most is not None and own >= most:
            return None
        return study if self._places_left(study) > 0 else None

    def _places_left(self, study: OpenStudy) -> int:
        """Trials that may start and for which no worker of ours is on its way."""
        counts = study.counts()
        running = {
            heartbeat.owner.get("worker") for heartbeat in study.storage.heartbeats(study.study_id)
        }
        idle = sum(
            held.study == study.name and place.child.worker not in running
            for place in self._places
            if (held := place.held) is not None
        )
        return study.budget.trials - counts.counted - counts.running - idle

    def _open(self, name: str) -> OpenStudy | None:
        """A study; None where it is gone, or cannot be read."""
        try:
            study = load_study(self.storage, name)
        except HpsearchError as error:
            _log.warning("%s", error)
            self._trouble[name].not_before = time.monotonic() + READ_EVERY
            return None
        study.stay()
        return study

    def _start(self, place: Place, contender: Contender, study: OpenStudy) -> None:
        """Start a worker for a study in a free slot."""
        where = self.workspace
        command = [*python(*supervise.WORKER, study.name), "--home", str(where.home.root)]
        command += ["--force"] if where.force else []
        environment = {STORAGE_VARIABLE: where.url, KNOWN_VARIABLE: "1"}
        try:
            place.child.start(command, environment, where.home, study.name)
        except HpsearchError as error:
            _log.warning("%s", error)
            self._trouble[study.name].not_before = time.monotonic() + ASK_EVERY
            return
        place.study, place.user, place.since = study, contender.user, time.time()
        place.counted = study.counts().counted
        submissions.serve(study)
        known = self._studies[study.name]
        served = known.submission.model_copy(update={"served": place.since})
        self._studies[study.name] = replace(known, submission=served)
        _log.info("slot %d: a worker for %s", place.child.slot.index, study.name)

    def _pass_on(self) -> None:
        """Have workers take no further trial where another study's turn is next in their slot."""
        if any(place.study is None for place in self._places):
            return  # who waits has a slot to go to
        contenders = {one.study: one for one in self._contenders()}
        for place in self._places:
            if place.study is None or place.passes_to or place.asked_at is not None:
                continue
            own = contenders.get(place.study.name)
            if own is None:
                continue
            found = self._passes_to(place, own, contenders)
            if found is not None:
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
                for_seconds=time.time() - place.since,
                most_of_user=self.most_of_user,
            )
            if found is None or self._with_a_trial(found) is not None:
                return found
            del contenders[found.study]

    # The end

    def _end_all(self) -> None:
        """Have all workers save where their trials stand, and leave; nobody is left behind."""
        alive = [place for place in self._places if place.child.is_there]
        for place in alive:
            place.child.send(signal.SIGTERM)
        until = time.monotonic() + LEAVE_WITHIN
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
