"""Leases: a worker's heartbeats while it runs a trial, and telling that they have ended.

Clocks of different machines are never compared: who watches reckons by its own clock how long a
heartbeat has not changed. Optuna's own heartbeat ends with the first error of the database,
misses workers that die before their first beat, and is only looked at when a trial starts.
"""

import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NoReturn

from hpsearch.errors import EXIT_SIGTERM, UnreachableError
from hpsearch.search import budget, claims
from hpsearch.search.shapes import Stop
from hpsearch.search.storage import LEASE, Heartbeat
from hpsearch.search.study import OpenStudy
from hpsearch.workers.identity import is_signed, owner_is_gone, signature
from hpsearch.workers.presence import Presence

BEAT = 5.0
"""Seconds between two heartbeats."""

WATCH = 4
"""Beats from one look of a worker at the other ones to the next: all look at all, and hundreds of
them would keep a server busy. (Who started a worker sees its end at once.)"""

AWAY_FOR = 300.0
"""Seconds that workers, and who supervises them, wait for a database that is locked or away: a
trial that took minutes is not to be lost to a backup, or to a server that restarts."""

GIVE_BACK_FOR = 5.0
"""Seconds that a worker which is to end at once has for giving its trial back."""

_log = logging.getLogger(__name__)


class Observer:
    """Watches the heartbeats of a study's running trials."""

    def __init__(self, lease: float | None = None) -> None:
        """Begin to watch.

        Args:
            lease: seconds without a change after which a worker counts as dead; None: ``LEASE``.
        """
        self._lease = LEASE if lease is None else lease
        self._seen: dict[int, tuple[datetime | None, float]] = {}
        """For each trial its last beat, and when we saw that beat first."""
        self._looked = time.monotonic()

    def look(self, heartbeats: Sequence[Heartbeat]) -> set[int]:
        """Take note of all running trials.

        Returns:
            The numbers of those that have been silent for the length of the lease.
        """
        now = time.monotonic()
        if now - self._looked > self._lease / 2:
            # We ourselves were suspended, or the database was locked, perhaps for them too.
            self.forget()
        self._looked = now
        before, self._seen = self._seen, {}
        for heartbeat in heartbeats:
            beat, since = before.get(heartbeat.number, (heartbeat.beat, now))
            self._seen[heartbeat.number] = (
                (beat, since) if beat == heartbeat.beat else (heartbeat.beat, now)
            )
        return {n for n, (_, since) in self._seen.items() if now - since > self._lease}

    def forget(self) -> None:
        """Begin anew: nobody has been silent so far."""
        self._seen.clear()


def mend(
    study: OpenStudy,
    observer: Observer | None = None,
    *,
    dead: Collection[object] = (),
    blame: bool = True,
) -> list[int]:
    """End the trials whose workers are dead, so that they go on elsewhere; their numbers.

    Of this machine's workers it is known at once; of others when their lease has run out. Trials
    that other programs run by Optuna are left alone.

    Args:
        study: the study.
        observer: who watches the leases; None: only this machine's workers are looked at.
        dead: signatures of workers that are known to have ended.
        blame: as in ``hpsearch.search.claims.reap``.
    """
    heartbeats = study.storage.heartbeats(study.study_id)
    silent = set[int]() if observer is None else observer.look(heartbeats)
    silent &= {heartbeat.number for heartbeat in heartbeats if is_signed(heartbeat.owner)}
    reaped: list[int] = []
    try:

        def is_gone(heartbeat: Heartbeat) -> bool:
            return is_signed(heartbeat.owner) and (
                owner_is_gone(heartbeat.owner) or signature(heartbeat.owner) in dead
            )

        reaped = claims.reap(study, heartbeats, is_gone, silent, blame=blame)
    finally:
        if observer is not None and not silent.issubset(reaped):
            # We could not write, or not at once: perhaps they cannot send a heartbeat either.
            observer.forget()
    return reaped


class HeartbeatThread(threading.Thread):
    """A worker's thread: sends heartbeats, watches others, and hears what ``stop`` asks for.

    Errors of the database do not end it: it tries again with the next beat.

    Attributes:
        stop: what the study's workers are asked for, as last read.
    """

    def __init__(self, study: OpenStudy, presence: Presence | None = None) -> None:
        """Make the thread; it does not hold its process back at the end.

        Args:
            study: the study.
            presence: of this process at the study, which is kept up.
        """
        super().__init__(name="heartbeat", daemon=True)
        self.stop: Stop | None = None
        self._study, self._presence = study, presence
        self._stops_over = budget.stops_over(study)
        self._observer, self._beats = Observer(), itertools.count()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._number: int | None = None
        self._lease_lost = False

    @contextmanager
    def alive(self, number: int) -> Iterator[Callable[[], bool]]:
        """Send heartbeats for a running trial while the block runs.

        Yields:
            Whether the lease was lost: the trial is another one's, or over.
        """
        with self._lock:
            self._number, self._lease_lost = number, False
        try:
            yield lambda: self._lease_lost
        finally:
            with self._lock:
                self._number = None

    def end(self) -> None:
        """Ask the thread to end; it does so with its next beat at the latest."""
        self._ended.set()

    def run(self) -> None:
        """Beat until asked to end."""
        failing = False
        while not self._ended.wait(BEAT):
            try:
                self.beat()
                failing = False
            except Exception as error:  # noqa: BLE001  # whatever the database may say
                if not failing:
                    _log.warning("the heartbeat could not be written: %s; trying again", error)
                failing = True

    def beat(self) -> None:
        """One beat: a heartbeat, what ``stop`` asks for, and now and then those who are dead."""
        try:
            self.stop = budget.stop_requested(self._study, self._stops_over)
        except UnreachableError:  # the study, or its database, is not there any more
            self._lease_lost = True
            raise
        if self.stop == "now":
            self.end_now("hpsearch stop --now", EXIT_SIGTERM)
        number = self._number
        if number is not None and not self._study.storage.beat(self._study.trial_id(number)):
            with self._lock:
                # The worker may have ended the trial in the meantime, and begun another.
                self._lease_lost |= self._number == number
        if next(self._beats) % WATCH == 0:
            if self._presence is not None:
                self._presence.renew()
            for reaped in mend(self._study, self._observer):
                _log.info("trial %d: its worker is dead; a new trial resumes it", reaped)

    def end_now(self, by: str, code: int) -> NoReturn:
        """Give the trial back and end this process, whatever its other threads are doing.

        Args:
            by: what asks for it.
            code: the exit code.
        """
        _log.info("ends at once: %s", by)
        # A database that is locked must not keep it; who comes next mends what is left.
        threading.Timer(GIVE_BACK_FOR, os._exit, (code,)).start()
        try:
            if self._number is not None:
                claims.interrupt(self._study, self._number, f"ended by {by}")
            if self._presence is not None:
                self._presence.end()
        finally:
            os._exit(code)
