"""The board: how all submitted studies stand, as clients poll it.

One snapshot serves all of them. It is renewed by whoever asks, at most every half a second, from a
few queries for all studies together; of studies that nobody works on any more what is known stays.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hpsearch.search.shapes import Submission
from hpsearch.search.storage import Storage
from hpsearch.search.storage.queued import Standing, Submitted

FRESH = 0.5
"""Seconds for which a snapshot is shown without looking again."""

Slots = Sequence[Mapping[str, Any]]
"""The slots of the box, as the scheduler shows them."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What was seen at one moment."""

    rows: Sequence[Mapping[str, Any]]
    """The studies, the oldest first."""
    slots: Slots
    etag: str
    """Another one where anything is different."""
    made_at: float
    """When (``time.monotonic``)."""
    writes: int
    """Changes by our own clients that it certainly has."""


class Board:
    """The latest snapshot, and how it is renewed."""

    def __init__(self, storage: Storage, slots: Callable[[], Slots]) -> None:
        """Args: where the studies are; what shows the slots."""
        self._storage, self._slots = storage, slots
        self._lock = threading.Lock()
        self._writes = 0
        self._latest: Snapshot | None = None
        self._settled: dict[int, tuple[Submission, dict[str, Any]]] = {}
        """The rows of studies that nobody works on, while nothing else is decided of them."""

    def changed(self) -> None:
        """Note that a client has changed something, which its next question must see."""
        self._writes += 1

    def look(self) -> Snapshot:
        """A snapshot that has all that clients changed before, and is not older than a moment.

        While one thread renews it the others get the one before, unless a change is not in it.
        """
        writes = self._writes
        latest = self._latest
        has_all = latest is not None and latest.writes >= writes
        if latest is not None and has_all and time.monotonic() - latest.made_at < FRESH:
            return latest
        if not self._lock.acquire(blocking=not has_all) and latest is not None:
            return latest
        try:
            if self._latest is latest:  # else somebody else was quicker
                self._latest = self._snapshot()
            return self._latest if self._latest is not None else self._snapshot()
        finally:
            self._lock.release()

    def _snapshot(self) -> Snapshot:
        made_at, writes, slots = time.monotonic(), self._writes, self._slots()
        held = {slot["study"] for slot in slots}
        studies = self._storage.submitted()
        open_ones = [one.study_id for one in studies if not self._is_settled(one)]
        standings = self._storage.standings(open_ones)
        rows = [self._row(one, standings.get(one.study_id), held) for one in studies]
        content = json.dumps([rows, slots], sort_keys=True)
        etag = f'"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'
        return Snapshot(rows=rows, slots=slots, etag=etag, made_at=made_at, writes=writes)

    def _is_settled(self, one: Submitted) -> bool:
        known = self._settled.get(one.study_id)
        return known is not None and known[0] == one.submission

    def _row(
        self, one: Submitted, standing: Standing | None, held: set[str | None]
    ) -> dict[str, Any]:
        if standing is None:
            return self._settled[one.study_id][1]
        row = study_row(one, standing, is_held=one.name in held)
        if one.submission.state != "queued" and not standing.counts.running and not row["held"]:
            self._settled[one.study_id] = one.submission, row
        else:
            self._settled.pop(one.study_id, None)
        return row


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
        "held": is_held,
        "user": submission.user,
        "priority": submission.priority,
        "queued": moment(submission.queued),
        "served": moment(submission.served),
        "why": submission.why,
        "metric": standing.metric,
        "best": standing.best,
        "trials": standing.trials,
        "counted": counts.counted,
        "complete": counts.complete,
        "pruned": counts.pruned,
        "failed": counts.failed,
        "running": counts.running,
        "waiting": counts.waiting,
    }


def moment(seconds: float | None) -> str | None:
    """Seconds since 1970 as ISO 8601, in UTC."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
