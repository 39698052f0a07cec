"""Server-sent events: a study's trials as they run, for any number of clients.

One poller for each study that somebody watches. Clients wait for a newer version of the one state
that it keeps, and are sent what has changed since theirs: so a slow client skips what it was too
slow for, holds nothing, and hurts nobody.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from anyio.to_thread import run_sync

from hpsearch.config import is_whole, summary
from hpsearch.errors import HpsearchError
from hpsearch.search import trials
from hpsearch.search.attributes import SUBMISSION_KEY
from hpsearch.search.budget import ending, seconds_used
from hpsearch.search.database.messages import STORAGE_ERRORS
from hpsearch.search.lookup import load_study
from hpsearch.search.shown import shown
from hpsearch.search.storage import Storage
from hpsearch.search.study import OpenStudy
from hpsearch.server.problems import RefusedError
from hpsearch.server.texts import text_of

EVERY = 1.0
"""Seconds between two looks at a study, where few are watched."""

SHARE = 0.1
"""Seconds by which that grows with each study that is watched: looking takes some milliseconds."""

SILENCE = 15.0
"""Seconds after which a line is sent that says nothing, so that proxies keep the connection."""

MOST_WATCHERS = 500
"""Clients that watch at the same time."""

AT_ONCE = 100
"""Trials of an event: of a slow client no more than a few wait to be sent."""

_KEYS = ("epochs", "seconds", "parameters")
"""What clients are sent of a trial beside what all see who watch (``hpsearch.search.shown``)."""

SILENT = 30.0
"""Seconds without a heartbeat after which clients are told of it, in steps of ten."""


@dataclass
class Watched:
    """A study that somebody watches."""

    study: OpenStudy | None = None
    version: int = 0
    """Grows with every change."""
    summary: str = ""
    """The study as ``ls --json`` has it, as JSON."""
    summary_version: int = 0
    trouble: str | None = None
    """Why nothing new can be seen just now; None: it can."""
    trouble_version: int = 0
    rows: dict[int, tuple[int, str]] = field(default_factory=dict)
    """By number: the version in which a trial changed last, and the trial as JSON."""
    ended: set[int] = field(default_factory=set)
    """Numbers of trials that have ended, and are looked at no more."""
    watchers: int = 0
    is_over: bool = False
    """Whether the study is gone."""
    newer: asyncio.Condition = field(default_factory=asyncio.Condition)
    task: asyncio.Task[None] | None = None

    def since(self, version: int) -> Iterator[str]:
        """What has changed since a version, as the texts of events, each made when it is sent."""
        changed = [text for seen, text in self.rows.values() if seen > version]
        said = f"event: study\ndata: {self.summary}\n\n" * (self.summary_version > version)
        if self.trouble_version > version:
            said += f"event: trouble\ndata: {json.dumps({'detail': self.trouble})}\n\n"
        return _texts(said, changed)

    def troubled(self, why: str | None) -> bool:
        """Take note that nothing can be seen, or again; whether that is new."""
        if why == self.trouble:
            return False
        self.version += 1
        self.trouble, self.trouble_version = why, self.version
        return True

    def take(self, summary: dict[str, Any], rows: list[dict[str, Any]]) -> bool:
        """Take note of how the study stands; whether anything has changed."""
        version, text = self.version + 1, text_of(summary)
        is_new = text != self.summary
        if is_new:
            self.summary, self.summary_version = text, version
        for row in rows:
            shown = text_of(row)
            if self.rows.get(row["number"], (0, ""))[1] != shown:
                self.rows[row["number"]] = version, shown
                is_new = True
        self.version = version if is_new else self.version
        return is_new


def _texts(said: str, rows: Sequence[str]) -> Iterator[str]:
    """Events as they are sent, some trials at a time; ``said`` comes before the first ones."""
    for at in range(0, max(1, len(rows)), AT_ONCE):
        part = ",".join(rows[at : at + AT_ONCE])
        yield said + (f"event: trials\ndata: [{part}]\n\n" if part else "")
        said = ""


class Hub:
    """The studies that are watched."""

    def __init__(self, storage: Storage, is_ending: Callable[[], bool]) -> None:
        """Args: where the studies are; whether the service ends, so that all streams do."""
        self._storage, self._is_ending = storage, is_ending
        self._watched: dict[str, Watched] = {}

    @property
    def watchers(self) -> int:
        """Clients that watch just now."""
        return sum(one.watchers for one in [*self._watched.values()])

    async def find(self, name: str) -> None:
        """See whether there is a study; where somebody watches it, that is known.

        Raises:
            HpsearchError: there is none, or it cannot be read.
            RefusedError: too many watch already.
        """
        self._refuse_more()
        watched = self._watched.get(name)
        if watched is None or watched.study is None or watched.is_over:
            await run_sync(load_study, self._storage, name)

    async def watch(
        self, name: str, may_see: Callable[[], bool] = lambda: True
    ) -> AsyncIterator[str]:
        """The events of a study, from how it stands now, until it is gone or the service ends.

        Args:
            name: the study's.
            may_see: asked about once a second, whether the client's token still holds.

        Raises:
            RefusedError: too many watch already.
        """
        self._refuse_more()
        watched = self._watched.setdefault(name, Watched())
        watched.watchers += 1
        if watched.task is None:
            watched.task = asyncio.create_task(self._poll(name, watched))
        seen, silent = 0, 0.0
        try:
            yield "retry: 2000\n\n"
            while not self._is_ending() and may_see():
                if watched.version > seen:
                    texts, seen, silent = watched.since(seen), watched.version, 0.0
                    for text in texts:
                        yield text
                elif watched.is_over:
                    yield "event: gone\ndata: {}\n\n"
                    return
                elif silent >= SILENCE:
                    silent = 0.0
                    yield ":\n\n"
                silent += await _newer(watched, seen)
        finally:
            watched.watchers -= 1
            if not watched.watchers and watched.task is not None:
                watched.task.cancel()
                self._watched.pop(name, None)

    def _refuse_more(self) -> None:
        if self.watchers >= MOST_WATCHERS:
            raise RefusedError(503, "too many clients watch studies; try again later")

    async def _poll(self, name: str, watched: Watched) -> None:
        """Look at a study again and again."""
        while not watched.is_over:
            found, why = None, None
            try:
                found = await run_sync(self._look, name, watched)
            except HpsearchError:
                watched.is_over = True
            except STORAGE_ERRORS:  # the next look may reach it again
                why = "the storage cannot be reached; the search goes on when it can"
            async with watched.newer:
                is_new = watched.troubled(why)
                is_new |= found is not None and watched.take(*found)
                if is_new or watched.is_over:
                    watched.newer.notify_all()
            await asyncio.sleep(EVERY + SHARE * len(self._watched))

    def _look(self, name: str, watched: Watched) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """How a study stands, and its trials; those that have ended are read once."""
        if watched.study is None:
            watched.study = load_study(self._storage, name)
            watched.study.stay()
        return looked_at(watched.study, watched.ended)


async def _newer(watched: Watched, seen: int) -> float:
    """Wait a second at most for a newer version; gives how long that may have been."""
    async with watched.newer:
        if watched.version == seen and not watched.is_over:
            try:
                # Not wait_for, which in Python 3.11 waits in another task: where the client goes
                # just then, the lock is let go of before that task has it again.
                async with asyncio.timeout(EVERY):
                    await watched.newer.wait()
            except TimeoutError:
                return EVERY
    return 0.0


def looked_at(study: OpenStudy, known: set[int]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """How a study stands, and its trials, ready for JSON.

    Args:
        study: the study.
        known: numbers of trials that are left out; those that have ended are added.
    """
    rows = [_row(study, trial) for trial in study.trials() if trial.number not in known]
    running = [row["number"] for row in rows if row["state"] == "running"]
    beats = study.storage.heartbeats(study.study_id) if running else []
    silent = {one.number: _tens(one.age) for one in beats if one.age and one.age > SILENT}
    for row in rows:
        row["silent"] = silent.get(row["number"])
    known |= {row["number"] for row in rows if row["ended"]}
    return {**trials.summary(study), **_decided(study)}, rows


def _decided(study: OpenStudy) -> dict[str, Any]:
    """What limits a study, which of its trials is the best, and what was decided of it."""
    best = trials.find_best(study)
    budget, stored = study.budget, study.optuna.user_attrs.get(SUBMISSION_KEY) or {}
    timed = study.trial_summaries() if budget.timeout else None
    used = None if timed is None else seconds_used(timed)
    return {
        "budget": budget.model_dump(mode="json"),
        "used": used and _tens(used),
        "over": ending(study, timed),
        "best_trial": None if best is None else best.number,
        "state": stored.get("state"),
        "why": stored.get("why"),
    }


def _tens(seconds: float) -> float:
    """Seconds in steps of ten: clients count on by themselves."""
    return seconds // 10 * 10


def _row(study: OpenStudy, trial: trials.Trial) -> dict[str, Any]:
    """What clients are sent of a trial."""
    whole = trials.row(study, trial)
    setting = summary(whole["config"]) if is_whole(whole["config"]) else ""
    more = {key: whole[key] for key in _KEYS}
    return {**shown(study, trial).plain(), **more, "setting": setting}
