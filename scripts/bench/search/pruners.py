"""Replays pruners over the recorded learning curves of random configurations.

    .venv/bin/python scripts/bench/search/pruners.py

Needs results/search-curves.csv, made by curves.py. Each replay is a search by one worker: trials
drawn from the curves in a random order report their epochs to Optuna's own pruner, which ends them
or not; early stopping ends them as it comes. "Carried" means that a trial which was stopped early
counts at later epochs with its best value; else it is not there, and a trial is compared with those
that were still getting better. What a replay cannot show: that a sampler learns less from trials
that were cut off, and that several workers compare with trials that still run. Pruners are compared
at equal trials, and at equal epochs, where what is saved buys more trials. Results:
results/search-pruners.csv, .md and .png beside the other benchmarks'.
"""

import csv
import multiprocessing
import random
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from statistics import fmean
from typing import Any, Literal

import figure
import numpy as np
import optuna
from curves import EPOCHS, TABLE
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
SPENT = (100, 300, 600)
"""Epochs, after which searches that have as many trials as these pay for are compared."""

MEDIANS = ((2, 2), (2, 4), (3, 2), (3, 4), (3, 6), (5, 1), (5, 2), (5, 4), (5, 6), (5, 10), (10, 4))
"""Of the median pruners: after how many complete trials they begin, and epochs of warm-up."""
Stopping = Literal["no", "yes", "carried"]
"""Whether early stopping ends trials, and whether those that it ended count at later epochs."""
DEFAULT = "median, 3 trials, 4 epochs"
"""How hpsearch comes: a warm-up of a fifth of the epochs."""
PATIENCE = 5
"""Epochs without a better value after which early stopping ends a trial, as it comes."""


class BestSoFar(BasePruner):
    """As the percentile pruner, but others count with their best so far, as the trial itself."""

    def __init__(self, share: float, n_startup_trials: int, n_warmup_steps: int) -> None:
        self._share, self._startup, self._warmup = share, n_startup_trials, n_warmup_steps

    def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
        """Whether the trial's best so far is not among the best share at its step."""
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        step = trial.last_step
        if step is None or step < self._warmup or len(complete) < self._startup:
            return False
        others = [
            max(value for at, value in other.intermediate_values.items() if at <= step)
            for other in complete
        ]
        own = max(trial.intermediate_values.values())
        return bool(own < np.percentile(others, 100 - self._share))


PRUNERS: dict[str, Callable[[], BasePruner]] = {
    "none": NopPruner,
    **{
        f"median, {startup} trials, {warmup} epochs": partial(
            # One step more of warm-up: Optuna's count starts at 0, epochs at 1.
            MedianPruner,
            n_startup_trials=startup,
            n_warmup_steps=warmup + 1,
        )
        for startup, warmup in MEDIANS
    },
    **{
        f"best {share:.0f} %, 5 trials, {warmup} epochs": partial(
            PercentilePruner, share, n_startup_trials=5, n_warmup_steps=warmup + 1
        )
        for share in (25.0, 33.0)
        for warmup in (2, 4, 6)
    },
    **{
        f"best so far {share:.0f} %, 5 trials, {warmup} epochs": partial(
            BestSoFar, share, n_startup_trials=5, n_warmup_steps=warmup + 1
        )
        for share in (33.0, 50.0)
        for warmup in (1, 2, 4, 6)
    },
    **{
        f"successive halving, from {least}, by {factor}": partial(
            SuccessiveHalvingPruner, min_resource=least, reduction_factor=factor
        )
        for least in (1, 2, 4)
        for factor in (3, 4)
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

    def stopped_early(self) -> "Curve":
        """The part that early stopping lets be trained."""
        best = 0
        for epoch, value in enumerate(self.values):
            if value > self.values[best]:
                best = epoch
            if epoch - best >= PATIENCE:
                return replace(self, values=self.values[: epoch + 1])
        return self


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What came of one replay."""

    epochs: float
    """Share of all epochs that were trained."""
    regret: float
    """Accuracy that the best of the trials which were not pruned lacks to the best of all."""
    pruned: tuple[str, ...]
    """Schedules of the trials that were pruned."""


def load() -> list[Curve]:
    """The recorded curves; those that diverged are no use to any pruner and left out."""
    found = []
    for row in TABLE.rows():
        values = tuple(float(row[str(epoch + 1)]) for epoch in range(EPOCHS) if row[str(epoch + 1)])
        if len(values) == EPOCHS:
            found.append(Curve(lr_schedule=row["lr_schedule"], values=values))
    return found


def replay(
    name: str, stopping: Stopping, curves: Sequence[Curve], number: int, most: int | None = None
) -> Replay:
    """One search through the curves in their order, or until so many epochs are trained."""
    study = optuna.create_study(
        study_name=f"replay {number}",  # Hyperband's brackets follow from it
        direction="maximize",
        sampler=optuna.samplers.RandomSampler(seed=0),
        pruner=PRUNERS[name](),
    )
    trained, reached, pruned = 0, 0.0, []
    for whole in curves:
        if most is not None and trained >= most:
            break
        curve = whole if stopping == "no" else whole.stopped_early()
        trial = study.ask()
        for epoch, value in enumerate(curve.values, 1):
            trained += 1
            trial.report(value, epoch)
            # After its last epoch a trial is complete, as in hpsearch.
            if epoch < len(curve.values) and trial.should_prune():
                pruned.append(curve.lr_schedule)
                study.tell(trial, state=TrialState.PRUNED)
                break
        else:
            value = max(curve.values)
            reached = max(reached, value)
            if stopping == "carried":
                for epoch in range(len(curve.values) + 1, EPOCHS + 1):
                    trial.report(value, epoch)
                    trial.should_prune()  # successive halving notes its rungs when asked
            study.tell(trial, value)
    best = max(max(curve.values) for curve in curves)
    return Replay(
        epochs=trained / (EPOCHS * len(curves)), regret=best - reached, pruned=tuple(pruned)
    )


def replays(job: tuple[str, Stopping]) -> dict[str, Any]:
    """All replays of one pruner: a row of the table."""
    name, stopping = job
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    curves = load()
    orders = [
        random.Random(number).sample(curves, TRIALS)  # noqa: S311  # to be the same again
        for number in range(REPLAYS)
    ]
    found = [replay(name, stopping, order, number) for number, order in enumerate(orders)]
    drawn = Counter(curve.lr_schedule for order in orders for curve in order)
    # Curves may come again: there are not enough for what the harshest pruners leave time for.
    longer = [
        random.Random(number).choices(curves, k=max(SPENT))  # noqa: S311  # as above
        for number in range(REPLAYS)
    ]
    after = {
        spent: fmean(
            replay(name, stopping, order, number, spent).regret
            for number, order in enumerate(longer)
        )
        for spent in SPENT
    }
    pruned = Counter(schedule for one in found for schedule in one.pruned)
    return {
        "pruner": name,
        "early stopping": stopping,
        "epochs saved": 1 - fmean(one.epochs for one in found),
        "regret": fmean(one.regret for one in found),
        "regret of 1 in 20": sorted(one.regret for one in found)[int(0.95 * REPLAYS)],
        "best lost": fmean(one.regret > 0.0 for one in found),
        **{f"regret after {spent} epochs": regret for spent, regret in after.items()},
        **{f"pruned of {kind}": pruned[kind] / drawn[kind] for kind in sorted(drawn)},
    }


def draw(rows: Sequence[Mapping[str, Any]]) -> None:
    """The figure: what is lost over what is saved."""
    own = f"as it comes: {DEFAULT}"
    drawn: dict[str, list[tuple[float, float]]] = {own: []}  # the first of the legend
    for row in rows:
        if row["early stopping"] == "yes":
            family = row["pruner"].partition(", ")[0]
            group = own if row["pruner"] == DEFAULT else family
            point = (100 * row["epochs saved"], 100 * row["regret"])
            drawn.setdefault(group, []).append(point)
    figure.points(
        "search-pruners",
        f"Pruners with early stopping, replayed over {REPLAYS} searches of {TRIALS} trials",
        "epochs saved, %",
        "regret, points of accuracy",
        drawn,
    )


def main() -> None:
    """Replay every pruner over the same orders; write the tables and draw the figure."""
    kinds: tuple[Stopping, ...] = ("yes", "carried")
    jobs: list[tuple[str, Stopping]] = [("none", "no"), *product(PRUNERS, kinds)]
    jobs.remove(("none", "carried"))  # nobody compares
    rows: list[dict[str, Any]] = []
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for row in pool.imap(replays, jobs):
            rows.append(row)
            cells = [v if isinstance(v, str) else f"{100 * v:.2f}" for v in row.values()]
            print(*cells, flush=True)
    with (RESULTS / "search-pruners.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    lines = [
        "# Pruners, replayed",
        "",
        (
            f"Made by `scripts/bench/search/pruners.py`: {REPLAYS} searches of {TRIALS} trials"
            f" each, drawn from {len(load())} recorded curves of {EPOCHS} epochs, of which a"
            " trial's best counts. Epochs saved: of all that there are. Regret: what the best trial"
            " that was not pruned lacks to the best of all curves, as they are without early"
            " stopping, in points of accuracy. Then the regret that 1 of 20 searches exceeds, how"
            " often it was not zero, the regret of searches that go on until so many epochs are"
            " trained, and the trials that were pruned by learning-rate schedule, in"
            " percent."
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
