"""Watching a study: what one look at its storage finds; looking until it is over."""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Protocol, TypeVar

from hpsearch.cli.output import say
from hpsearch.data.section import Folds
from hpsearch.search import trials as rows
from hpsearch.search.budget import ending, seconds_used
from hpsearch.search.database.messages import STORAGE_ERRORS, is_locked, is_passing
from hpsearch.search.shown import Shown, setting_of, shown
from hpsearch.search.storage import LEASE, Counts
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import Trial
from hpsearch.search_sections import BudgetSection
from hpsearch.tasks.metric import Metric

LOOK_EVERY = 0.5
"""Seconds between two looks."""

PATIENCE = 2.0
"""Seconds that a look waits for another program's lock on the database; the next tries again."""

READ_EVERY = 10.0
"""Seconds between two readings of the time used, for which all trials are read."""

_Found = TypeVar("_Found")


class Source(Protocol):
    """Where a view looks: the storage, or a service."""

    @property
    def name(self) -> str:
        """The study's."""

    @property
    def idle(self) -> str:
        """What is said where nobody is busy with it."""

    def trials(self) -> Sequence[Shown]:
        """All trials, by number."""

    def counts(self) -> Counts:
        """How many trials are in which state; costs less than a look."""

    def setting(self, number: int) -> str:
        """The configuration of a trial in one line, as far as it is drawn."""

    def look(self) -> "Look":
        """How the study stands now."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a study stands."""

    source: Source
    metric: str
    """The name of the objective's, as a study file has it."""
    measure: Metric
    """The same, with what there is to know of it."""
    epochs: int
    """Of a training, at most."""
    folds: int
    """Of each trial; 1 where there are none."""
    counts: Counts
    budget: BudgetSection
    trials: Sequence[Shown]
    """All, by number."""
    best: Shown | None
    silent: Mapping[int, float]
    """By number of a running trial the seconds since its worker's last heartbeat; trials that
    other programs run by Optuna are not among them."""
    used: float
    """Seconds of the budget's timeout that are used; 0 where it has none."""

    @cached_property
    def running(self) -> Sequence[Shown]:
        """The running trials, by number."""
        return [trial for trial in self.trials if trial.state == "running"]

    @cached_property
    def since_best(self) -> int:
        """Counted trials that ended after the first one with the best value."""
        return 0 if self.best is None else _since(self.best, self.trials)

    @property
    def is_idle(self) -> bool:
        """Whether no trial runs, or only such whose workers are dead."""
        return all(self.silent.get(trial.number, 0.0) > LEASE for trial in self.running)

    def setting(self, trial: Shown) -> str:
        """The configuration of a trial in one line, as far as it is drawn."""
        return self.source.setting(trial.number)


@dataclass
class Used:
    """The seconds of a budget's timeout that are used, between two readings by the clock."""

    seconds: float = 0.0
    _looked_at: float = 0.0

    def now(self, read: float | None, *, is_running: bool) -> float:
        """How many they are.

        Args:
            read: what was just read of them; None: nothing was.
            is_running: whether a trial runs, so that they have grown.
        """
        now = time.monotonic()
        if read is not None:
            self.seconds = read
        elif is_running:
            self.seconds += now - self._looked_at
        self._looked_at = now
        return self.seconds


@dataclass
class Looker:
    """Looks at one study again and again; a look costs little where there are many trials.

    Attributes:
        study: the study.
    """

    study: OpenStudy
    _ended: dict[int, Shown] = field(default_factory=dict)
    """Those that have ended: what is shown of them stays."""
    _used: Used = field(default_factory=Used)
    _read_at: float = -math.inf

    @property
    def name(self) -> str:
        """The study's."""
        return self.study.name

    @property
    def idle(self) -> str:
        """What is said where nobody is busy with it."""
        return "no worker is running the study now"

    def counts(self) -> Counts:
        """How many trials are in which state."""
        return self.study.counts()

    def setting(self, number: int) -> str:
        """The configuration of a trial in one line, as far as it is drawn."""
        return setting_of(self.study, self.study.trials()[number])

    def trials(self) -> Sequence[Shown]:
        """All trials, by number."""
        return [self._ended.get(trial.number) or self._look(trial) for trial in self.study.trials()]

    def _look(self, trial: Trial) -> Shown:
        found = shown(self.study, trial)
        if not found.is_open:
            self._ended[found.number] = found
        return found

    def look(self) -> Look:
        """How the study stands now."""
        study = self.study
        trials, counts, budget = self.trials(), study.counts(), study.budget
        is_running = any(trial.state == "running" for trial in trials)
        heartbeats = study.storage.heartbeats(study.study_id) if is_running else []
        best = rows.find_best(study) if counts.complete else None
        validation, objective = study.file.dataset.validation, study.file.objective
        return Look(
            source=self,
            metric=objective.metric,
            measure=objective.measure,
            epochs=study.file.training.epochs,
            folds=validation.count if isinstance(validation, Folds) else 1,
            counts=counts,
            budget=budget,
            trials=trials,
            best=None if best is None else shown(study, best),
            silent={
                heartbeat.number: heartbeat.age
                for heartbeat in heartbeats
                if heartbeat.age is not None
            },
            used=self._time_used(is_running) if budget.timeout else 0.0,
        )

    def _time_used(self, is_running: bool) -> float:
        """Read now and then; in between it grows as the clock while a trial runs."""
        now, read = time.monotonic(), None
        if now - self._read_at >= READ_EVERY:
            read, self._read_at = seconds_used(self.study.trial_summaries()), now
        return self._used.now(read, is_running=is_running)


def _since(best: Shown, trials: Iterable[Shown]) -> int:
    """Counted trials that ended after the first one with the best value, as the budget counts."""
    ended = [trial for trial in trials if not trial.is_open]
    equals = [ended_at(t) for t in ended if t.state == "complete" and t.value == best.value]
    first = min(equals, default=ended_at(best))
    return sum(ended_at(trial) > first and trial.counted for trial in ended)


def ended_at(trial: Shown) -> datetime:
    """When a trial ended, in UTC; one that has not: now."""
    return trial.ended or datetime.now(UTC)


def say_reading(study: OpenStudy) -> None:
    """Tell where the first look takes longer: it reads all trials."""
    total = study.storage.get_n_trials(study.study_id)
    if total > 1000:  # at some 0.3 ms each
        say(f"Reading the study's {total:,} trials first.")


def patiently(look: Callable[[], _Found]) -> _Found:
    """What a look finds; tried again while the database is locked, or its server away."""
    said = False
    while True:
        try:
            return look()
        except STORAGE_ERRORS as error:
            if not is_passing(error):
                raise
            if not said and not is_locked(error):
                said = True
                say("The storage cannot be reached; trying again until it can.")
        time.sleep(LOOK_EVERY)


def watch_until_over(study: OpenStudy, look: Callable[[], Look]) -> None:
    """Look until the study is over and nobody is busy with it any more.

    Args:
        study: the study; its storage opened with ``PATIENCE``.
        look: looks at it, and shows what it finds.

    Raises:
        StudyGoneError: it was deleted meanwhile.
    """
    study.stay()
    while not patiently(lambda: look().is_idle and ending(study) is not None):
        time.sleep(LOOK_EVERY)
