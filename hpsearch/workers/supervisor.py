"""The supervisor: starts this machine's workers, revives them, and passes signals on."""

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

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
from hpsearch.search.attributes import FAILURE_KEY, WORKER_KEY
from hpsearch.search.database.messages import STORAGE_ERRORS, is_passing
from hpsearch.search.shapes import Stop
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import Trial
from hpsearch.signals import heard
from hpsearch.workers.child import UNTOLD, Child, LocalChild, how
from hpsearch.workers.crowding import Crowding
from hpsearch.workers.identity import signature
from hpsearch.workers.lease import AWAY_FOR, BEAT, Observer, mend
from hpsearch.workers.slots import Slot

UNPLACED_FOR = 30.0
"""Seconds after which it is said that no worker has got a place."""

IDLE_FOR = 30.0
"""Seconds after which it is said that slots are idle, and why, while others still train."""

LASTED = 120.0
"""Seconds after whose passing a machine that is lost has been there for a while."""

TICK = 0.5
"""Seconds between two looks at the workers."""

MAX_CRASHES = 5
"""Crashes of one slot in a row, none of which ended a trial, before the run is given up."""

PATIENCE = 2.0
"""Seconds that the supervisor waits for another program's lock on the database: it must go on
hearing signals. What it could not do it does with a later look."""

ASK_EVERY = 5.0
"""Seconds between two requests to workers that they leave."""

LEAVE_WITHIN = 10.0
"""Seconds that workers have for leaving in good order when the run ends by an error."""

MEND_FOR = 100.0
"""Seconds that are given to the last mending, when the workers have left and the database is
locked; a signal ends it sooner."""


@dataclass
class Supervisor:
    """Runs the workers of one study on this machine until the study is over.

    Attributes:
        study: the study; its storage opened with ``PATIENCE``.
        slots: one worker is kept in each.
        command: the worker's command line; the same that a human would type.
        environment: added to the workers' environment.
        home: where the logs go.
        make_child: makes what runs a slot's workers; processes of this machine where not given.
        on_tick: called about twice a second, to show progress.
        on_stop: called once when workers have been asked to leave; told whether a signal did it,
            or ``hpsearch stop``.
        on_wait: called once when trials of others hold all places and no worker is left here.
        on_fewer: called when a GPU gets fewer workers; told the GPU's slot and how many there are.
        on_unplaced: called once when no worker got a place for half a minute; told how many wait.
        on_idle: called once when slots have been idle for half a minute while others train, as no
            trial is left to start; told which.
        on_away: called when the storage cannot be reached (told True), and when it is back.
        may_thin_out: whether a GPU gets a worker fewer when one of its workers ran out of memory:
            where the number was ours to choose.
    """

    study: OpenStudy
    slots: Sequence[Slot]
    command: Sequence[str]
    environment: Mapping[str, str]
    home: Home
    make_child: Callable[..., Child] = LocalChild
    on_tick: Callable[[], None] = lambda: None
    on_stop: Callable[[bool], None] = lambda _: None
    on_wait: Callable[[], None] = lambda: None
    on_fewer: Callable[[Slot, int], None] = lambda *_: None
    may_thin_out: bool = False
    on_unplaced: Callable[[int], None] = lambda _: None
    on_idle: Callable[[Sequence[Slot]], None] = lambda _: None
    on_away: Callable[[bool], None] = lambda _: None
    _children: list[Child] = field(default_factory=list)
    _signals: list[int] = field(default_factory=list)
    _passed_on: int = 0
    _stop: Stop | None = None
    """What ``hpsearch stop`` asks for, as far as it was heard."""
    _stops_over: int = 0
    _waits: bool = False
    _ask_at: float = 0.0
    _observer: Observer = field(default_factory=Observer)
    _observe_at: float = 0.0
    _mend_due: bool = False
    _dead: list[object] = field(default_factory=list)
    """Signatures of workers that have ended since the last mending, on whatever machine."""
    _crowding: Crowding | None = None
    _away_since: float | None = None
    _placed_at: float | None = None
    """When a worker had a place last, or the first one was asked for; None: that was said."""
    _idle_since: float | None = None
    """When a slot became idle for want of trials."""
    _idle_told: bool = False
    _killed: bool = False
    """Whether we killed workers: their trials are not to blame."""

    def run(self) -> int:
        """Keep the workers going; returns when the study is over or after a signal.

        Returns:
            0; 130 or 143 after a signal; 143 where ``hpsearch stop`` ended it. No trial of this
            machine is left running.

        Raises:
            HpsearchError: what a worker died of, with the last lines of its log.
        """
        self._children = [self.make_child(slot=slot) for slot in self.slots]
        self._placed_at = time.monotonic()
        if self.may_thin_out:
            self._crowding = Crowding(self._children, self.on_fewer)
        self._stops_over = budget.stops_over(self.study)
        numbers = [
            # SIGINT also where a shell started us in the background and so with SIGINT ignored;
            # but SIGHUP stays ignored: that is what nohup is for.
            number
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN
        ]
        with heard(numbers, self._note):
            try:
                while self._look():
                    time.sleep(TICK)
            finally:
                self._end_all()
        return self._exit_code()

    def _look(self) -> bool:
        """A step, and what is shown of it; both wait while the storage's server is away.

        Returns:
            False when done.
        """
        self.home.check()
        try:
            goes_on = self._step()
            self.on_tick()
        except STORAGE_ERRORS as error:
            now = time.monotonic()
            if self._away_since is None and is_passing(error):
                self._away_since = now
                self.on_away(True)
            if self._away_since is None or now > self._away_since + AWAY_FOR:
                raise
            # Who is to leave does so without the storage; the next run mends what is left.
            if self._is_leaving:
                self._withdraw()
            return not self._is_leaving or any(c.is_there and not c.is_over for c in self._children)
        if self._away_since is not None:
            self._away_since = None
            self.on_away(False)
        return goes_on

    def _step(self) -> bool:
        """One step: pass signals on, note who ended, start who is missing. False when done."""
        self._pass_signals_on()
        self._hear_stop()
        if self._is_leaving and time.monotonic() >= self._ask_at:
            self._ask_to_leave()
        for child in self._children:
            if child.is_over:
                self._ended(child)
        self._mend()
        if self._crowding is not None:
            self._crowding.look(self.study.trials())
        alive = any(child.is_there for child in self._children)
        # Nothing depends on it while all workers run, and of 10,000 trials it takes 0.2 s.
        asks = not alive or any(child.may_start or child.is_waiting for child in self._children)
        if self._is_leaving or (asks and budget.ending(self.study) is not None):
            self._withdraw()
            self._notice_idle(0)
            return alive  # those still running end by themselves
        places = self._free_places()
        if not alive and places < 1 and not self._waits:
            self._waits = True
            self.on_wait()
        for child in self._children:
            if child.may_start and places > 0:
                child.start(self.command, self.environment, self.home, self.study.name)
                child.started = time.monotonic()
                places -= 1
            elif places < 0 and child.withdraw():
                places += 1
        self._notice_unplaced()
        self._notice_idle(places)
        return True

    def _notice_idle(self, places: int) -> None:
        """Tell once where slots are idle and others train, and no place is left to start in."""
        busy = [c.slot for c in self._children if c.is_there and not c.is_waiting]
        used = {slot.gpu for slot in busy if slot.gpu is not None}
        idle = [
            child.slot
            for child in self._children
            if not child.is_there and not child.is_retired and child.slot.gpu not in used
        ]
        if not idle or not busy or places > 0 or self._is_leaving or self._idle_told:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = time.monotonic()
        elif time.monotonic() > self._idle_since + IDLE_FOR:
            self._idle_told = True
            self.on_idle(idle)

    def _notice_unplaced(self) -> None:
        """Tell once where workers wait for a place, and none has one."""
        waiting = [child for child in self._children if child.is_waiting]
        if self._placed_at is None:
            return
        if len(waiting) < sum(child.is_there for child in self._children) or not waiting:
            self._placed_at = time.monotonic()
        elif time.monotonic() > self._placed_at + UNPLACED_FOR:
            self._placed_at = None
            self.on_unplaced(len(waiting))

    def _withdraw(self) -> None:
        for child in self._children:
            child.withdraw()

    @property
    def _is_leaving(self) -> bool:
        return bool(self._signals) or self._stop is not None

    def _free_places(self) -> int:
        """Trials that may start and for which no worker is on its way, or between two trials."""
        counts = self.study.counts()
        heartbeats = self.study.storage.heartbeats(self.study.study_id)
        running = {heartbeat.owner.get(WORKER_KEY) for heartbeat in heartbeats}
        idle = sum(
            c.is_there and (c.worker is None or c.worker not in running) for c in self._children
        )
        if self.study.is_closed:
            return counts.waiting - idle
        return self.study.budget.trials - counts.counted - counts.running - idle

    def _hear_stop(self) -> None:
        """Pass on what ``hpsearch stop`` asks for: workers hear of it too, but later."""
        stop = budget.stop_requested(self.study, self._stops_over)
        if stop in (None, self._stop):
            return
        if self._stop is None:
            self.on_stop(False)
        self._stop = stop
        if stop == "now":
            self._kill()
        else:
            self._ask_to_leave()

    def _mend(self) -> None:
        """Free the trials of the dead: at once where a child has ended, else now and then."""
        if not self._mend_due and time.monotonic() < self._observe_at:
            return
        try:
            mend(self.study, self._observer, dead=self._dead, blame=not self._killed)
            self._mend_due = False
            self._dead.clear()
        except UnreachableError:
            self._mend_due = False  # the study, or its database, is not there any more
        except STORAGE_ERRORS as error:
            # Where it does not pass, waiting mends nothing; the next run does.
            self._mend_due = self._mend_due and is_passing(error)
        self._observe_at = time.monotonic() + BEAT

    def _ended(self, child: Child) -> None:
        """A worker ended: see whether that was in order."""
        code = child.collect()
        if not child.is_lost:
            self._dead.append(child.signature)
        self._mend_due = True
        self._mend()
        asked, child.is_asked = child.is_asked, False
        if code == EXIT_OK or asked or self._is_leaving:
            child.crashes = 0
            return
        words = child.last_words()
        if code in _ERRORS and not words.startswith(UNTOLD):
            raise _ERRORS[code](words)
        if code in _ERRORS:  # by chance: code of the user's has ended the process
            raise ProgramError(f"{self._who(child)} ended with {how(code)}; {words}")
        # A machine that was there for a while and is lost is no fault of the worker's.
        lasted = child.is_lost and time.monotonic() > child.started + LASTED
        child.crashes = 1 if lasted or self._ended_a_trial(child) else child.crashes + 1
        if child.crashes >= MAX_CRASHES:
            words = words if words.startswith(UNTOLD) else f"its log ends with:\n{words}"
            raise ProgramError(
                f"worker {child.slot.index} crashed {child.crashes} times in a row"
                f" ({how(code)}); {words}"
            )
        child.back_off()

    def _who(self, child: Child) -> str:
        """A worker that has ended, and the trial in which it did: "worker 0, in trial 7,"."""
        told = f"worker {child.slot.index}"
        for trial in reversed(self.study.trials()):
            if child.signature is not None and signature(trial.user_attrs) == child.signature:
                # The one that it left, or has ended before it took another one.
                return f"{told}, in trial {trial.number}," if _is_cut_off(trial) else told
        return told

    def _ended_a_trial(self, child: Child) -> bool:
        """Whether a worker brought a trial to its end; the one that it died of does not count."""
        return child.signature is not None and any(
            signature(trial.user_attrs) == child.signature
            and budget.counts(trial)
            and trial.user_attrs.get(FAILURE_KEY) != Failure.CRASHED
            for trial in self.study.trials()
        )

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(number)

    def _pass_signals_on(self) -> None:
        """First signal: workers finish in good order. Second: they are killed."""
        count = len(self._signals)  # two may have come since the last look
        if count <= self._passed_on:
            return
        self._passed_on = count
        if count > 1:
            self._kill()
            return
        self._ask_to_leave()
        self.on_stop(True)

    def _ask_to_leave(self) -> None:
        """Have the workers leave; asked again now and then, as one may just have started anew."""
        self._send_all(signal.SIGTERM)
        self._ask_at = time.monotonic() + ASK_EVERY

    def _kill(self) -> None:
        self._killed = True
        self._send_all(signal.SIGKILL)

    def _send_all(self, number: int) -> None:
        for child in self._children:
            child.send(number)

    def _end_all(self) -> None:
        """Leave nobody behind, and nothing running, whatever ended the loop."""
        alive = [child for child in self._children if child.is_there]
        for child in alive:
            child.withdraw()
            child.send(signal.SIGTERM)
        until = time.monotonic() + LEAVE_WITHIN
        for child in alive:
            if not child.wait(max(0.0, until - time.monotonic())):
                self._killed = True
                child.send(signal.SIGKILL)
                child.wait(LEAVE_WITHIN)
            if child.is_over:
                child.collect()
                if not child.is_lost:
                    self._dead.append(child.signature)
        self._mend_due |= bool(alive)
        wait = MEND_FOR if self._away_since is None else 0.0
        heard, until = len(self._signals), time.monotonic() + wait
        self._mend()
        while self._mend_due and time.monotonic() < until and len(self._signals) == heard:
            time.sleep(TICK)
            self._mend()

    def _exit_code(self) -> int:
        if self._signals:
            return EXIT_SIGINT if self._signals[0] == signal.SIGINT else EXIT_SIGTERM
        return EXIT_OK if self._stop is None else EXIT_SIGTERM


def _is_cut_off(trial: Trial) -> bool:
    """Whether the worker of a trial has died in it."""
    return trial.user_attrs.get(FAILURE_KEY) in (Failure.INTERRUPTED, Failure.CRASHED)


_ERRORS: dict[int, type[HpsearchError]] = {
    EXIT_NO_TRIAL: ProgramError,
    EXIT_INPUT: InputError,
    EXIT_UNREACHABLE: UnreachableError,
    EXIT_PROGRAM: ProgramError,
}
