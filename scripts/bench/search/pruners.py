"""Replays pruners over the recorded learning curves of random configurations.

    .venv/bin/python scripts/bench/search/pruners.py

Needs results/search-curves.csv, made by curves.py. Each replay is a search by one worker: trials
drawn from the curves in a random order report their epochs to Optuna's own pruner, which ends them
or not; early stopping ends them as it comes. "Carried" means that a trial which was stopped early
counts at later epochs with its best value; else it is not there, and a trial is compared with those
that were still getting better. What a replay cannot show: that a sampler learns less from trials
that were cut off, that several workers compare with trials that still run, and that the time saved
buys more trials.
Results: results/search-pruners.csv, .md and .png beside the other benchmarks'.
"""

import csv
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from statistics import fmean
from typing import Any

import figure
import optuna
from curves import EPOCHS, read
from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
)
from optuna.trial import TrialState

from record import RESULTS, machine  # isort: skip  # found once curves is imported

REPLAYS, TRIALS = 100, 60
PATIENCE = 5
"""Epochs without a better value after which early stopping ends a trial, as it comes."""

PRUNERS: dict[str, Callable[[], BasePruner]] = {
    "none": NopPruner,
    **{
        f"median, {startup} trials, {warmup} epochs": partial(
            # One step more of warm-up: Optuna's count starts at 0, epochs at 1.
            MedianPruner,
            n_startup_trials=startup,
            n_warmup_steps=warmup + 1,
        )
        for startup in (5, 10)
        for warmup in (1, 2, 4, 6, 10)
    },
    **{
        f"best {share:.0f} %, 5 trials, {warmup} epochs": partial(
            PercentilePruner, share, n_startup_trials=5, n_warmup_steps=warmup + 1
        )
        for share in (25.0, 33.0)
        for warmup in (2, 4, 6)
    },
    **{
        f"successive halving, from {least}, by {factor}": partial(
            SuccessiveHalvingPruner, min_resource=least, reduction_factor=factor
        )
        for least in (1, 2, 4)
        for factor in (2, 3, 4)
    },
    **{
        f"hyperband, from {least}, by 3": partial(
            HyperbandPruner, min_resource=least, max_resource=EPOCHS, reduction_factor=3
        )
        for least in (1, 2)
    },
}


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A configuration's validation accuracy after each epoch."""

    lr_schedule: str
    values: tuple[float, ...]

    @property
    def best(self) -> float:
        """What a trial of it that is not pruned is worth: its best epoch."""
        return max(self.values)


def stopped_early(values: Sequence[float]) -> tuple[float, ...]:
    """The part of a curve that early stopping lets be trained."""
    best = 0
    for epoch, value in enumerate(values):
        if value > values[best]:
            best = epoch
        if epoch - best >= PATIENCE:
            return tuple(values[: epoch + 1])
    return tuple(values)


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What came of one replay."""

    epochs: float
    """Share of all epochs that were trained."""
    regret: float
    """Accuracy that the best of the trials which were not pruned lacks to the best of all."""
    is_lost: bool
    """Whether the best of all was pruned."""
    pruned: tuple[str, ...]
    """Schedules of the trials that were pruned."""


def load() -> list[Curve]:
    """The recorded curves; those that diverged are no use to any pruner and left out."""
    found = []
    for row in read():
        values = tuple(float(row[str(epoch + 1)]) for epoch in range(EPOCHS) if row[str(epoch + 1)])
        if len(values) == EPOCHS:
            found.append(Curve(lr_schedule=row["lr_schedule"], values=stopped_early(values)))
    return found


def replay(curves: Sequence[Curve], pruner: BasePruner, number: int, *, carried: bool) -> Replay:
    """One search through the curves in their order."""
    study = optuna.create_study(
        study_name=f"replay {number}",  # Hyperband's brackets follow from it
        direction="maximize",
        sampler=optuna.samplers.RandomSampler(seed=0),
        pruner=pruner,
    )
    trained, kept, pruned = 0, [], []
    for curve in curves:
        trial = study.ask()
        is_pruned = False
        for epoch, value in enumerate(curve.values, 1):
            trained += 1
            trial.report(value, epoch)
            # After its last epoch a trial is complete, as in hpsearch.
            if epoch < EPOCHS and trial.should_prune():
                is_pruned = True
                break
        if is_pruned:
            pruned.append(curve)
            study.tell(trial, state=TrialState.PRUNED)
        else:
            kept.append(curve)
            for epoch in range(len(curve.values) + 1, EPOCHS + 1 if carried else 0):
                trial.report(curve.best, epoch)
                trial.should_prune()  # successive halving notes its rungs when asked
            study.tell(trial, curve.best)
    best = max(curve.best for curve in curves)
    reached = max((curve.best for curve in kept), default=0.0)
    return Replay(
        epochs=trained / (EPOCHS * len(curves)),
        regret=best - reached,
        is_lost=reached < best,
        pruned=tuple(curve.lr_schedule for curve in pruned),
    )


def draw(rows: Sequence[Mapping[str, Any]]) -> None:
    """The figure: what is lost over what is saved."""
    drawn: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
    for row in rows:
        family, _, rest = row["pruner"].partition(", ")
        drawn[f"{family}, carried" if row["carried"] else family][rest] = (
            100 * row["epochs saved"],
            100 * row["regret"],
        )
    figure.points(
        "search-pruners",
        f"Pruners, replayed over {REPLAYS} searches of {TRIALS} trials",
        "epochs saved, %",
        "regret, points of accuracy",
        drawn,
    )


def main() -> None:
    """Replay every pruner over the same orders; write the tables and draw the figure."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    curves = load()
    orders = [
        random.Random(number).sample(curves, TRIALS)  # noqa: S311  # to be the same again
        for number in range(REPLAYS)
    ]
    schedules = sorted({curve.lr_schedule for curve in curves})
    rows: list[dict[str, Any]] = []
    for (name, make), carried in product(PRUNERS.items(), (False, True)):
        replays = [
            replay(order, make(), number, carried=carried) for number, order in enumerate(orders)
        ]
        shares = {
            f"pruned of {schedule}": sum(r.pruned.count(schedule) for r in replays)
            / sum(curve.lr_schedule == schedule for order in orders for curve in order)
            for schedule in schedules
        }
        rows.append(
            {
                "pruner": name,
                "carried": "yes" if carried else "",
                "epochs saved": 1 - fmean(r.epochs for r in replays),
                "regret": fmean(r.regret for r in replays),
                "worst regret of 20": sorted(r.regret for r in replays)[int(0.95 * REPLAYS)],
                "best lost": fmean(r.is_lost for r in replays),
                **shares,
            }
        )
        print(
            *(v if isinstance(v, str) else f"{100 * v:.1f}" for v in rows[-1].values()), flush=True
        )
    with (RESULTS / "search-pruners.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    lines = [
        "# Pruners, replayed",
        "",
        (
            f"Made by `scripts/bench/search/pruners.py`: {REPLAYS} searches of {TRIALS} trials"
            f" each, drawn from {len(curves)} recorded curves of {EPOCHS} epochs. All but the"
            " pruner's name in percent (regret: in points of accuracy); the last columns are the"
            " shares of trials that were pruned by learning-rate schedule."
        ),
        "",
    ]
    lines += [f"- {key}: {value}" for key, value in machine().items()]
    lines += ["", "| " + " | ".join(rows[0]) + " |", "|---" * len(rows[0]) + "|"]
    for row in rows:
        cells = [v if isinstance(v, str) else f"{100 * v:.2f}" for v in row.values()]
        lines.append("| " + " | ".join(cells) + " |")
    (RESULTS / "search-pruners.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    draw(rows)


if __name__ == "__main__":
    main()
