"""The board: how all submitted studies stand, as clients poll it.

One snapshot serves all of them, with its JSON, also compressed. It is renewed because somebody
asks, at most twice a second, and in a thread of its own while others wait for nothing. What is read
again are the studies that may have changed: those with a slot or a running trial, just now or when
last looked at, and those of which something was decided since; all of them every few seconds.
"""

import gzip
import itertools
import json
import secrets
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from anyio.to_thread import run_sync

from hpsearch.errors import HpsearchError
from hpsearch.search.database.messages import STORAGE_ERRORS
from hpsearch.search.storage import Storage
from hpsearch.search.storage.queued import Standing, Submitted
from hpsearch.server.texts import text_of

FRESH = 0.5
"""Seconds for which a snapshot is shown without looking again."""

OLDEST = 1.0
"""Seconds for which it is shown while the next one is made."""

WHOLE_EVERY = 5.0
"""Seconds after which every study is read again, whatever may have changed it."""

Slots = Sequence[Mapping[str, Any]]
"""The slots of the box, as the scheduler shows them."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """JSON that many clients get."""

    plain: bytes
    gzipped: bytes
    """The same, for clients that take it: about a tenth."""

    @classmethod
    def of(cls, plain: bytes) -> "Content":
        """JSON and what it comes to."""
        return cls(plain=plain, gzipped=gzip.compress(plain, compresslevel=1, mtime=0))


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What was seen at one moment."""

    rows: Sequence[Mapping[str, Any]]
    """The studies, the oldest first."""
    slots: Slots
    studies: Content
    """The rows as JSON."""
    queue: Content
    """The same with the slots."""
    etag: str
    """Another one where anything is different."""
    made_at: float
    """When (``time.monotonic``)."""
    writes: int
    """Changes by our own clients that it certainly has."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A study's row, and what it was made of."""

    study: Submitted
    standing: Standing
    is_held: bool
    row: Mapping[str, Any]
    text: bytes
    """The row as JSON."""

    def is_of(self, study: Submitted, standing: Standing, *, is_held: bool) -> bool:
        """Whether it would be made of the same; objects that were not read again are the same."""
        return (
            (self.study is study or self.study == study)
            and (self.standing is standing or self.standing == standing)
            and self.is_held == is_held
        )


class Board:
    """The latest snapshot, and how it is renewed."""

    def __init__(self, storage: Storage, slots: Callable[[], Slots]) -> None:
        """Args: where the studies are; what shows the slots."""
        self._storage, self._slots = storage, slots
        self._lock = threading.Lock()
        self._writes = 0
        self._latest: Snapshot | None = None
        self._studies: Sequence[Submitted] = ()
        self._standings: dict[int, Standing] = {}
        self._event, self._whole_at = -1, 0.0
        self._busy: set[int] = set()
        """The studies that had a slot or a running trial."""
        self._start, self._versions = secrets.token_hex(4), itertools.count()
        self._shown: dict[int, Shown] = {}
        """The rows of the latest snapshot, by the studies' keys."""
        self._is_renewed = False
        """Whether a thread renews it that nobody waits for."""

    def changed(self) -> None:
        """Note that a client has changed something, which its next question must see."""
        self._writes += 1

    def look(self) -> Snapshot:
        """A snapshot that has all that clients changed before, and is not older than a moment.

        While one thread renews it the others get the one before, unless a change is not in it.
        """
        writes, latest = self._writes, self._latest
        has_all = latest is not None and latest.writes >= writes
        if latest is not None and has_all and time.monotonic() - latest.made_at < FRESH:
            return latest
        if not self._lock.acquire(blocking=not has_all) and latest is not None:
            return latest
        try:
            if self._latest is None or self._latest is latest:  # else somebody else was quicker
                self._latest = self._renewed(self._latest)
            return self._latest
        finally:
            self._lock.release()

    async def now(self) -> Snapshot:
        """As :meth:`look`, in an event loop: only who needs what is not known yet waits for it."""
        latest = self._latest
        if latest is not None and latest.writes >= self._writes:
            age = time.monotonic() - latest.made_at
            if FRESH <= age < OLDEST and not self._is_renewed:
                self._is_renewed = True
                threading.Thread(target=self._renew, name="board", daemon=True).start()
            if age < OLDEST:
                return latest
        return await run_sync(self.look)

    def _renew(self) -> None:
        """Renew the snapshot; where the storage is away, who asks later says so."""
        try:
            with suppress(HpsearchError, *STORAGE_ERRORS):
                self.look()
        finally:
            self._is_renewed = False

    def _renewed(self, before: Snapshot | None) -> Snapshot:
        """The snapshot of this moment; the content stays where nothing has changed."""
        made_at, writes, slots = time.monotonic(), self._writes, [*self._slots()]
        held = {slot["study"] for slot in slots}
        self._read(held)
        shown = [self._show(one, is_held=one.name in held) for one in self._studies]
        self._shown = {one.study.study_id: one for one in shown}
        rows = [one.row for one in shown]
        if before is not None and before.rows == rows and before.slots == slots:
            studies, queue, etag = before.studies, before.queue, before.etag
        else:
            listed = b"[%s]" % b", ".join(one.text for one in shown)
            named = json.dumps([{**one, "since": moment(one["since"])} for one in slots]).encode()
            studies = Content.of(listed)
            queue = Content.of(b'{"slots": %s, "studies": %s}' % (named, listed))
            etag = f'W/"{self._start}-{next(self._versions)}"'  # weak: plain and compressed have it
        return Snapshot(
            rows=rows, slots=slots, studies=studies, queue=queue, etag=etag, made_at=made_at,
            writes=writes,
        )  # fmt: skip

    def _show(self, one: Submitted, *, is_held: bool) -> "Shown":
        """A study's row; that of before where nothing about it has changed."""
        standing, known = self._standings[one.study_id], self._shown.get(one.study_id)
        if known is not None and known.is_of(one, standing, is_held=is_held):
            return known
        row = study_row(one, standing, is_held=is_held)
        text = text_of(row).encode()
        return Shown(study=one, standing=standing, is_held=is_held, row=row, text=text)

    def _read(self, held: Collection[str | None]) -> None:
        """Read what may have changed since the last time."""
        event, now = self._storage.last_event(), time.monotonic()
        is_whole = now >= self._whole_at
        decided = set[int]()
        if is_whole or event != self._event:
            before = {one.study_id: one.submission for one in self._studies}
            self._studies = self._submitted(is_whole=is_whole)
            self._event = event
            decided = {
                one.study_id
                for one in self._studies
                if before.get(one.study_id) is not one.submission
            }
        running = self._storage.with_running()
        busy = {one.study_id for one in self._studies if one.name in held}
        busy |= running & {one.study_id for one in self._studies}
        known = {} if is_whole else self._standings
        again = [
            one.study_id
            for one in self._studies
            if one.study_id not in known or one.study_id in busy | self._busy | decided
        ]
        self._standings = {**known, **self._storage.standings(again)}
        self._busy = busy
        self._whole_at = now + WHOLE_EVERY if is_whole else self._whole_at

    def _submitted(self, *, is_whole: bool) -> Sequence[Submitted]:
        """All studies, of which only those are read that events tell of, or all."""
        if is_whole:
            return self._storage.submitted()
        changed = self._storage.studies_after(self._event)
        kept = [one for one in self._studies if one.name not in changed]
        kept += self._storage.submitted(sorted(changed))
        return sorted(kept, key=lambda one: one.study_id)


def study_row(one: Submitted, standing: Standing, *, is_held: bool) -> dict[str, Any]:
    """A submitted study in a list, ready for JSON.

    Args:
        one: the study, and what was decided of it.
        standing: how it stands.
        is_held: whether it has a slot of this box.
    """
    counts, submission = standing.counts, one.submission
    runs = submission.state == "queued" and (is_held or counts.running > 0)
    return {
        "id": one.study_id,
        "name": one.name,
        "state": "running" if runs else submission.state,
        "user": submission.user,
        "priority": submission.priority,
        "queued": moment(submission.queued),
        "why": submission.why,
        "metric": standing.metric,
        "best": standing.best,
        "trials": standing.trials,
        **counts.plain(),
    }


def moment(seconds: float | None) -> str | None:
    """Seconds since 1970 as ISO 8601, in UTC."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
