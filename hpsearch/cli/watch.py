"""Watching a study: what one look at its storage finds, in words; looking until it is over."""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from hpsearch.cli.output import say
from hpsearch.config import describe
from hpsearch.data.section import Folds
from hpsearch.ranking import is_better
from hpsearch.search import trials as rows
from hpsearch.search.attributes import DEVICE_KEY, FAILURE_KEY, WORKER_KEY
from hpsearch.search.budget import counts as uses_place
from hpsearch.search.budget import ending, seconds_used
from hpsearch.search.confirmation import cell_of, name_of
from hpsearch.search.database.messages import STORAGE_ERRORS, is_locked, is_passing
from hpsearch.search.storage import LEASE, Counts
from hpsearch.search.storage.reading import utc
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import Trial
from hpsearch.search_sections import BudgetSection
from hpsearch.text import decimal, duration

LOOK_EVERY = 0.5
"""Seconds between two looks."""

PATIENCE = 2.0
"""Seconds that a look waits for another program's lock on the database; the next tries again."""

READ_EVERY = 10.0
"""Seconds between two readings of the time used, for which all trials are read."""

SILENT = 30.0
"""Seconds without a heartbeat after which a trial is marked; one is due every five."""

_Found = TypeVar("_Found")


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a study stands."""

    study: OpenStudy
    counts: Counts
    budget: BudgetSection
    trials: Sequence[Trial]
    """All, by number."""
    running: Sequence[Trial]
    best: Trial | None
    since_best: int
    """Counted trials that ended after the first one with the best value."""
    silent: Mapping[int, float]
    """By number of a running trial the seconds since its worker's last heartbeat; trials that
    other programs run by Optuna are not among them."""
    used: float
    """Seconds of the budget's timeout that are used; 0 where it has none."""

    @property
    def is_idle(self) -> bool:
        """Whether no trial runs, or only such whose workers are dead."""
        return all(self.silent.get(trial.number, 0.0) > LEASE for trial in self.running)

    def setting(self, trial: Trial) -> str:
        """The configuration of a trial in one line, as far as it is drawn."""
        config = rows.config(self.study, trial)
        return describe(config) if config else ""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a study stood just after one of its trials had ended."""

    counted: int
    """Places of the budget that were used up, by this trial too where it counts."""
    best: float | None
    """The best value; None before any trial completed."""


@dataclass
class Looker:
    """Looks at one study again and again; a look costs little where there are many trials.

    Attributes:
        study: the study.
    """

    study: OpenStudy
    _used: float = 0.0
    """Seconds of the budget's timeout."""
    _read_at: float = -math.inf
    _looked_at: float = 0.0

    def look(self) -> Look:
        """How the study stands now."""
        study = self.study
        trials, counts, budget = study.trials(), study.counts(), study.budget
        running = [trial for trial in trials if rows.is_running(trial)]
        heartbeats = study.storage.heartbeats(study.study_id) if running else []
        best = rows.find_best(study) if counts.complete else None
        return Look(
            study=study,
            counts=counts,
            budget=budget,
            trials=trials,
            running=running,
            best=best,
            since_best=_since(best, trials) if best else 0,
            silent={
                heartbeat.number: heartbeat.age
                for heartbeat in heartbeats
                if heartbeat.age is not None
            },
            used=self._time_used(bool(running)) if budget.timeout else 0.0,
        )

    def _time_used(self, is_running: bool) -> float:
        """Read now and then; in between it grows as the clock while a trial runs."""
        now = time.monotonic()
        if now - self._read_at >= READ_EVERY:
            self._used, self._read_at = seconds_used(self.study.trial_summaries()), now
        elif is_running:
            self._used += now - self._looked_at
        self._looked_at = now
        return self._used


def _since(best: Trial, trials: Iterable[Trial]) -> int:
    """Counted trials that ended after the first one with the best value, as the budget counts."""
    ended = [trial for trial in trials if not rows.is_open(trial)]
    equals = [ended_at(t) for t in ended if rows.is_complete(t) and t.value == best.value]
    first = min(equals, default=ended_at(best))
    return sum(ended_at(trial) > first and uses_place(trial) for trial in ended)


def standings(look: Look) -> dict[int, Standing]:
    """How the study stood after each of its ended trials, by number."""
    found: dict[int, Standing] = {}
    counted, best = 0, None
    objective = look.study.file.objective
    for trial in sorted((t for t in look.trials if not rows.is_open(t)), key=ended_at):
        counted += uses_place(trial)
        value = trial.values[0] if rows.is_complete(trial) else math.nan
        if math.isfinite(value) and is_better(objective.measure, value, best):
            best = value
        found[trial.number] = Standing(counted=counted, best=best)
    return found


def ended_at(trial: Trial) -> datetime:
    """When a trial ended, in UTC; one that has not: now."""
    return utc(trial.datetime_complete or datetime.now(UTC))


def _seconds(trial: Trial) -> float:
    """How long a trial ran, or has been running."""
    end = ended_at(trial)
    return max(0.0, (end - utc(trial.datetime_start or end)).total_seconds())


def short(seconds: float) -> str:
    """A clock for a reader, in whole seconds: "8 s", "3 min 05 s", "2 h 07 min"."""
    return f"{int(seconds)} s" if seconds < 60 else duration(int(seconds))


def notes(look: Look) -> list[tuple[str, str]]:
    """How a study stands: its trials by state, the best one, what limits it; lines and styles."""
    counts = look.counts
    states = [
        f"{getattr(counts, key)} {key}" for key in ("complete", "pruned", "failed", "running")
    ]
    states += [f"{counts.waiting} waiting"] if counts.waiting else []
    states += [f"{counts.uncounted} not counted"] if counts.uncounted else []
    lines = [(", ".join(states), ""), *_best(look)]
    if left := _left(look):
        lines.append((f"left: {'; '.join(left)}", ""))
    return lines


def _best(look: Look) -> list[tuple[str, str]]:
    if look.best is None:
        return [("best: no trial has completed yet", "")]
    ago = max(0.0, (datetime.now(UTC) - ended_at(look.best)).total_seconds())
    since = f"{look.since_best or 'no'} trial{'s' * (look.since_best != 1)} since"
    metric = look.study.file.objective.metric
    value = f"{decimal(look.best.values[0])} {metric} in {name_of(look.study, look.best)}"
    return [
        (f"best: {value}, {short(ago)} ago, {since}", "bold"),
        (f"      {look.setting(look.best)}", ""),
    ]


def _left(look: Look) -> list[str]:
    """What is left until the budget ends a study before its number of trials does."""
    budget, left = look.budget, []
    if budget.timeout:
        seconds = max(0.0, budget.timeout - look.used)
        left.append(f"{short(seconds)} of {short(budget.timeout)}")
    if budget.plateau:
        trials = max(0, budget.plateau - look.since_best)
        left.append(f"{trials} of {budget.plateau} trials without improvement")
    return left


def running_table(look: Look) -> list[tuple[str, ...]]:
    """The running trials, by number: rows of cells, the head first."""
    head = ("worker", "device", "trial", "epoch", "value", "seconds", "configuration")
    hosts = {_host(trial) for trial in look.running}
    epochs = look.study.file.training.epochs
    table: list[tuple[str, ...]] = [head]
    for trial in look.running:
        step, silent = trial.last_step, look.silent.get(trial.number, 0.0)
        pid = str(trial.user_attrs.get(WORKER_KEY, "")).rpartition(":")[2]
        table.append(
            (
                (f"{_host(trial)}:{pid}" if len(hosts) > 1 else pid) if pid else "other",
                str(trial.user_attrs.get(DEVICE_KEY, "")).partition(" (")[0],
                cell_of(look.study, trial),
                f"{step or 0}/{epochs}" if not step or step <= epochs else _folds(look, step),
                "" if step is None else decimal(trial.intermediate_values[step]),
                f"{_seconds(trial):.0f}",
                f"no heartbeat for {short(silent)}" if silent > SILENT else look.setting(trial),
            )
        )
    return table


def _folds(look: Look, step: int) -> str:
    """How many folds of a trial are trained, at a step behind its epochs: "2/5 folds"."""
    validation, epochs = look.study.file.dataset.validation, look.study.file.training.epochs
    count = validation.count if isinstance(validation, Folds) else 1
    return f"{step - epochs + 1}/{count} folds"


def _host(trial: Trial) -> str:
    """The end of a worker's host name: there the names of a cluster's machines differ."""
    host = str(trial.user_attrs.get(WORKER_KEY, "")).rpartition(":")[0]
    return host.partition(".")[0][-12:]


def ended_table(look: Look, last: Iterable[Trial]) -> list[tuple[str, ...]]:
    """Ended trials, the latest first: rows of cells, the head first."""
    table: list[tuple[str, ...]] = [("trial", "state", "value", "seconds", "configuration")]
    for trial in sorted(last, key=ended_at, reverse=True):
        state = str(trial.user_attrs.get(FAILURE_KEY) or rows.STATES[trial.state]).replace("_", " ")
        table.append(
            (
                cell_of(look.study, trial),
                state + ", best" * (look.best is not None and look.best.number == trial.number),
                decimal(trial.values[0]) if trial.values else "",
                f"{_seconds(trial):.1f}",
                look.setting(trial),
            )
        )
    return table


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
