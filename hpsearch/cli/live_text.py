"""What the live view says: how a study stands, in lines and tables."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from hpsearch.cli.watch import Look, ended_at
from hpsearch.ranking import is_better
from hpsearch.search.shown import Shown
from hpsearch.search.trials import no_best
from hpsearch.text import decimal, duration

SILENT = 30.0
"""Seconds without a heartbeat after which a trial is marked; one is due every five."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a study stood just after one of its trials had ended."""

    counted: int
    """Places of the budget that were used up, by this trial too where it counts."""
    best: float | None
    """The best value; None before any trial completed."""


def standings(look: Look) -> dict[int, Standing]:
    """How the study stood after each of its ended trials, by number."""
    found: dict[int, Standing] = {}
    counted, best = 0, None
    for trial in sorted((t for t in look.trials if not t.is_open), key=ended_at):
        counted += trial.counted
        value = trial.value if trial.state == "complete" else None
        if value is not None and math.isfinite(value) and is_better(look.measure, value, best):
            best = value
        found[trial.number] = Standing(counted=counted, best=best)
    return found


def _seconds(trial: Shown) -> float:
    """How long a trial ran, or has been running."""
    end = ended_at(trial)
    return max(0.0, (end - (trial.started or end)).total_seconds())


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
    if look.best is None or look.best.value is None:
        return [(f"best: {no_best(look.counts.complete)}", "")]
    ago = max(0.0, (datetime.now(UTC) - ended_at(look.best)).total_seconds())
    since = f"{look.since_best or 'no'} trial{'s' * (look.since_best != 1)} since"
    value = f"{decimal(look.best.value)} {look.metric} in {look.best.name}"
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
    table: list[tuple[str, ...]] = [head]
    for trial in look.running:
        step, silent = trial.step, look.silent.get(trial.number, 0.0)
        pid = trial.worker.rpartition(":")[2]
        table.append(
            (
                (f"{_host(trial)}:{pid}" if len(hosts) > 1 else pid) if pid else "other",
                trial.device.partition(" (")[0],
                trial.cell,
                _progress(look, step or 0),
                "" if trial.latest is None else decimal(trial.latest),
                f"{_seconds(trial):.0f}",
                f"no heartbeat for {short(silent)}" if silent > SILENT else look.setting(trial),
            )
        )
    return table


def _progress(look: Look, step: int) -> str:
    """How far a trial is: "3/30" epochs; at a step behind these "2/5 folds"."""
    if step <= look.epochs:
        return f"{step}/{look.epochs}"
    return f"{step - look.epochs + 1}/{look.folds} folds"


def _host(trial: Shown) -> str:
    """The end of a worker's host name: there the names of a cluster's machines differ."""
    return trial.worker.rpartition(":")[0].partition(".")[0][-12:]


def ended_table(look: Look, last: Iterable[Shown]) -> list[tuple[str, ...]]:
    """Ended trials, the latest first: rows of cells, the head first."""
    table: list[tuple[str, ...]] = [("trial", "state", "value", "seconds", "configuration")]
    for trial in sorted(last, key=ended_at, reverse=True):
        state = (trial.failure or trial.state).replace("_", " ")
        table.append(
            (
                trial.cell,
                state + ", best" * (look.best is not None and look.best.number == trial.number),
                "" if trial.value is None else decimal(trial.value),
                f"{_seconds(trial):.1f}",
                look.setting(trial),
            )
        )
    return table
