"""The recorded trainings that stopping.py replays, as pools of one data set each."""

import csv
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

sys.path += [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "portfolio")]
from record import RESULTS  # isort: skip  # of the folder above
from choose import greedy  # isort: skip  # of the portfolios' folder
from regrets import MOST, recorded, regrets, weights  # isort: skip  # of the portfolios' folder

KINDS = ("dense", "conv", "vectors", "tables")
PATIENCE = {"dense": 10, "conv": 10, "vectors": 16, "tables": 16, "large": 5}
"""Epochs of patience as hpsearch comes; of the old space in the large pools without a preset."""
PORTFOLIO = 12
"""Configurations of a portfolio."""
LARGE = "large"
"""The kind of the pools of one space with many trainings, whose search is as long as a user's."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """One recorded training, to its last epoch."""

    errors: tuple[float, ...]
    """Of validation examples after each epoch: 1 - accuracy, or RMSE."""
    seconds: float
    """Of an epoch."""
    worth: float
    """The error that tells best how good the configuration is: of all examples that were not
    learned from and all folds, or the mean of its seeds."""
    again: tuple[tuple[float, ...], ...] = ()
    """The errors of the same configuration with other seeds."""

    @property
    def best(self) -> float:
        """The error of the best epoch, which is kept."""
        return min(self.errors)


@dataclass(frozen=True, kw_only=True)
class Pool:
    """The trainings of a data set, of which a search draws its trials."""

    name: str
    kind: str
    family: str
    """What it shares with pools of the same examples."""
    trainings: tuple[Training, ...]
    portfolio: tuple[int, ...] = ()
    """The trainings that a search with the preset tries first: chosen without its family."""
    drawn: int
    """Trials of a search."""

    @property
    def patience(self) -> int:
        """Epochs, as hpsearch comes."""
        return PATIENCE[self.kind]

    def seen(self, error: float) -> float:
        """The regret of a validation error: 0 the pool's best, 1 its median, ``MOST`` at most."""
        return _regret(error, [one.best for one in self.trainings])

    def chosen(self, training: Training) -> float:
        """The regret of a configuration by what it is worth."""
        return _regret(training.worth, [one.worth for one in self.trainings])


def _regret(error: float, errors: Sequence[float]) -> float:
    best = min(errors)
    spread = float(np.median(errors)) - best
    return min((error - best) / spread, MOST) if spread > 0 else 0.0


def pools() -> list[Pool]:
    """All pools; sets on which half of all trainings are as good as the best tell nothing."""
    text = (RESULTS / "portfolio.jsonl").read_text(encoding="utf-8")
    every = [json.loads(line) for line in text.splitlines()]
    found = [pool for kind in KINDS for pool in _of_kind(kind, every)]
    found += [_fashion(), *_grids()]
    return [one for one in found if one.seen(float("inf")) > 0.0]


def _of_kind(kind: str, every: Sequence[dict[str, Any]]) -> list[Pool]:
    """Of the portfolios' record, by set; of folds it has the first one's curve."""
    table = recorded(kind, every)
    regret, found = regrets(table.pooled), []
    for name, family, lines, worths in zip(
        table.sets, table.families, table.lines, table.pooled, strict=True
    ):
        whole = [(one, worth) for one, worth in zip(lines, worths, strict=True) if "curve" in one]
        numbers = [line["candidate"] for line, _ in whole]
        others = np.array([one != family for one in table.families])
        rest = [one for one in table.families if one != family]
        order = greedy(regret[others], weights(rest), PORTFOLIO)
        first = [table.candidates[one] for one in order]
        found.append(
            Pool(
                name=name,
                kind=kind,
                family=family,
                trainings=tuple(_training(line, float(worth)) for line, worth in whole),
                portfolio=tuple(numbers.index(one) for one in first if one in numbers),
                drawn=len(whole),
            )
        )
    return found


def _training(line: dict[str, Any], worth: float) -> Training:
    is_error = line["task"] == "regression"
    return Training(
        errors=tuple(one if is_error else 1 - one for one in line["curve"]),
        seconds=line["seconds"] / line["epochs"],
        worth=worth,
    )


def _fashion() -> Pool:
    """300 configurations of init's old space; their own validation value is all that is known."""
    found = []
    for row in _rows("search-curves"):
        values = [1 - float(row[str(one)]) for one in range(1, 21) if row[str(one)]]
        if len(values) == 20:
            seconds = float(row["seconds"])
            found.append(Training(errors=tuple(values), seconds=seconds, worth=min(values)))
    return Pool(
        name="fashion_mnist of 4,000",
        kind=LARGE,
        family="fashion",
        trainings=tuple(found),
        drawn=60,
    )


def _grids() -> list[Pool]:
    """All combinations of six choices on three sets, with five seeds; epochs cost the same."""
    curves: dict[tuple[str, ...], list[tuple[float, ...]]] = defaultdict(list)
    names = ("set", "layers", "activation", "batch_norm", "dropout", "optimizer", "learning_rate")
    for row in _rows("effects-grid"):
        values = [float(row[str(one)]) for one in range(1, 21) if row[str(one)]]
        if len(values) == 20:
            is_error = row["set"] == "diabetes"
            errors = tuple(one if is_error else 1 - one for one in values)
            curves[tuple(row[one] for one in names)].append(errors)
    by_set: dict[str, list[Training]] = defaultdict(list)
    for (name, *_), (first, *again) in curves.items():
        worth = fmean(min(one) for one in (first, *again))
        training = Training(errors=first, seconds=1.0, worth=worth, again=tuple(again))
        by_set[name].append(training)
    return [
        Pool(name=f"grid of {name}", kind=LARGE, family=name, trainings=tuple(found), drawn=60)
        for name, found in by_set.items()
    ]


def _rows(name: str) -> list[dict[str, str]]:
    with (RESULTS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
