"""The queue: the submitted studies as the scheduler knows them, and which of them have work."""

import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from hpsearch.errors import (
    EXIT_INPUT,
    EXIT_NO_TRIAL,
    EXIT_OK,
    EXIT_PROGRAM,
    EXIT_SIGINT,
    EXIT_SIGTERM,
    HpsearchError,
)
from hpsearch.search import submissions
from hpsearch.search.attributes import WORKER_KEY
from hpsearch.search.budget import ending
from hpsearch.search.lookup import load_study
from hpsearch.search.shapes import Submission
from hpsearch.search.storage import Storage
from hpsearch.search.storage.queued import Submitted
from hpsearch.search.study import OpenStudy
from hpsearch.server.places import Place
from hpsearch.server.policy import Contender
from hpsearch.services.rules import has_code
from hpsearch.workers.child import how
from hpsearch.workers.supervisor import ASK_EVERY, MAX_CRASHES

HELD = (
    "held: it has Python code of its own, which this service runs only with --allow-code; it goes"
    " on when the service has that again, or cancel it"
)
"""What is said of a study whose code may not be run."""

READ_EVERY = 5.0
"""Seconds after which the studies are read again though no event tells of a change."""

_log = logging.getLogger(__name__)


@dataclass
class Trouble:
    """Workers of a study that crashed."""

    crashes: int = 0
    """In a row, none of whose workers ended a trial."""
    not_before: float = 0.0
    """Start the next one at this moment (``time.monotonic``) at the earliest."""


@dataclass
class Queue:
    """The submitted studies of a storage.

    Attributes:
        storage: where they are.
        allow_code: whether studies run that have code of their user's; else they are held.
        studies: what was decided of them, by name, as last read.
        trouble: which of them had workers that crashed.
    """

    storage: Storage
    allow_code: bool = True
    studies: dict[str, Submitted] = field(default_factory=dict)
    trouble: dict[str, Trouble] = field(default_factory=lambda: defaultdict(Trouble))
    _seen: int = -1
    """The last event that was read."""
    _read_at: float = 0.0
    _most: dict[int, int | None] = field(default_factory=dict)
    """Workers that studies may have at most, as far as that is known, by their keys."""
    _contending: dict[str, tuple[Submission, Contender]] = field(default_factory=dict)
    """What studies last contended with, by name."""

    def read(self) -> None:
        """Read the studies, where one may have changed."""
        last, now = self.storage.last_event(), time.monotonic()
        if now >= self._read_at:
            self.studies = {one.name: one for one in self.storage.submitted()}
            self._read_at = now + READ_EVERY
            for gone in self._contending.keys() - self.studies.keys():
                del self._contending[gone]
        elif last != self._seen:
            changed = self.storage.studies_after(self._seen)
            found = {one.name: one for one in self.storage.submitted(sorted(changed))}
            for gone in changed - found.keys():
                self.studies.pop(gone, None)
            self.studies |= found
        self._seen = last

    def state(self, name: str) -> str | None:
        """What was decided of a study; None: it is gone."""
        found = self.studies.get(name)
        return None if found is None else found.submission.state

    def know(self, study: OpenStudy, submission: Submission) -> None:
        """Take note of what is known of a study by now; what others change is read in time."""
        if (known := self.studies.get(study.name)) is not None:
            self.studies[study.name] = replace(known, submission=submission)

    def serve(self, study: OpenStudy) -> None:
        """Note that a study has, or just had, a worker."""
        self.know(study, submissions.serve(study))

    def fail(self, study: OpenStudy, why: str) -> None:
        """Note that a study cannot go on; who resumes it begins without earlier crashes."""
        self.know(study, submissions.fail(study, why))
        self.trouble.pop(study.name, None)

    def note_end(self, study: OpenStudy, place: Place, code: int, *, was_asked: bool) -> None:
        """Note what the end of a worker's work means for its study, which may have ended, too.

        Args:
            study: the study.
            place: the worker's slot.
            code: the exit code, negative: a signal.
            was_asked: whether the worker was to leave, or to take no further trial.
        """
        self.serve(study)
        if code in (EXIT_NO_TRIAL, EXIT_INPUT, EXIT_PROGRAM) and not was_asked:
            self.fail(study, place.child.last_words())
            return
        now = self.open(study.name)  # its budget may be another one since the worker began
        if now is None or not self._is_open(now):
            self.trouble.pop(study.name, None)
            return
        trouble, got_on = self.trouble[study.name], study.counts().counted > place.counted
        if code == EXIT_OK or was_asked:
            trouble.crashes = 0
            # Whatever it found nothing to do for, the next one will, too.
            trouble.not_before = 0.0 if got_on or was_asked else time.monotonic() + ASK_EVERY
            return
        if code in (EXIT_SIGINT, EXIT_SIGTERM):  # somebody else asked it to leave
            trouble.not_before = time.monotonic() + ASK_EVERY
            return
        trouble.crashes = 1 if got_on else trouble.crashes + 1
        trouble.not_before = time.monotonic() + 2.0**trouble.crashes
        if trouble.crashes >= MAX_CRASHES:
            words = place.child.last_words()
            told = f"workers crashed {trouble.crashes} times in a row ({how(code)}): {words}"
            self.fail(study, told)

    def open(self, name: str) -> OpenStudy | None:
        """A study; None where it is gone.

        Raises:
            HpsearchError: it is gone since a moment, or cannot be read.
        """
        if name not in self.studies:
            return None
        study = load_study(self.storage, name)
        study.stay()
        return study

    @contextmanager
    def minding(self, name: str) -> Iterator[None]:
        """Where something is wrong with one study, say so, and leave it alone for a while."""
        try:
            yield
        except HpsearchError as error:
            _log.warning("%s", error)
            self.trouble[name].not_before = time.monotonic() + READ_EVERY

    def contenders(self) -> list[Contender]:
        """The studies that are queued, whether or not they have a trial to start."""
        now, clock = time.monotonic(), time.time()
        return [
            self._contender(one, clock)
            for one in self.studies.values()
            if one.submission.state == "queued"
            and (self.allow_code or not one.submission.why)  # it is held
            and (one.name not in self.trouble or self.trouble[one.name].not_before <= now)
        ]

    def _contender(self, one: Submitted, now: float) -> Contender:
        """What a study contends with; made anew where something was decided of it.

        Where the clock was set back it waits since now: it would not age before that is made up.
        """
        known = self._contending.get(one.name)
        most = self._most.get(one.study_id)
        submission = one.submission
        if (
            known is not None
            and known[0] is submission
            and known[1].most == most
            and known[1].waiting_since <= now
        ):
            return known[1]
        made = Contender(
            study=one.name,
            user=submission.user,
            priority=submission.priority,
            waiting_since=min(now, max(submission.queued, submission.served or 0.0)),
            most=most,
        )
        self._contending[one.name] = submission, made
        return made

    def with_a_trial(self, name: str, places: Sequence[Place]) -> OpenStudy | None:
        """A study that has a trial to start, for whose worker there is no slot yet; else None.

        What has ended, or was stopped by hand, is noted.

        Args:
            name: the study's.
            places: the slots of this box.
        """
        with self.minding(name):
            study = self.open(name)
            if study is not None and self._is_open(study) and self._may_run(study):
                own = [one for one in places if one.held and one.held.study == name]
                most = self._most[study.study_id]
                if (most is None or len(own) < most) and _places_left(study, own) > 0:
                    return study
        return None

    def _may_run(self, study: OpenStudy) -> bool:
        """Whether a study runs no code that may not be run; else it is held."""
        if self.allow_code or not has_code(study.file):
            return True
        self.know(study, submissions.hold(study, HELD))
        return False

    def release(self) -> None:
        """Have studies go on that an earlier service held, where their code may be run by now."""
        if not self.allow_code:
            return
        self.read()
        for one in self.studies.values():
            if one.submission.state == "queued" and one.submission.why:
                with self.minding(one.name):
                    submissions.hold(load_study(self.storage, one.name), "")

    def _is_open(self, study: OpenStudy) -> bool:
        """Whether a study is not over, and nobody has stopped it."""
        count = study.file.workers.count
        self._most[study.study_id] = count if isinstance(count, int) else None
        if (paused := submissions.notice_stop(study)) is not None:
            self.know(study, paused)
            return False
        known = self.studies.get(study.name)  # as it was before the trials are counted
        if (over := ending(study)) is not None:
            seen = None if known is None else known.submission
            self.know(study, submissions.finish(study, over, seen))
            return False
        return True


def _places_left(study: OpenStudy, own: Sequence[Place]) -> int:
    """Trials that may start and for which no worker is on its way.

    Args:
        study: the study.
        own: the slots that count for it.
    """
    counts, idle = study.counts(), 0
    if own:
        heartbeats = study.storage.heartbeats(study.study_id)
        running = {heartbeat.owner.get(WORKER_KEY) for heartbeat in heartbeats}
        idle = sum(place.child.worker not in running for place in own)
    return study.budget.trials - counts.counted - counts.running - idle
