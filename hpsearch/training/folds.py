"""Folds of a cross-validation: what each came to, and what of them is in a checkpoint."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hpsearch.training.outcome import Epoch

Arrays = Mapping[str, npt.NDArray[np.generic]]


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A fold that is trained; of a training without folds the only one."""

    curves: tuple[Epoch, ...]
    kept: int
    """The epoch (from 1) that counts."""
    best: int
    """The epoch with the best value of the objective's metric."""
    train_value: float
    """See ``hpsearch.training.outcome.Outcome``."""
    weights: Sequence[npt.NDArray[np.generic]]
    """Of the network, at the epoch that counts."""

    def value(self, metric: str) -> float:
        """A validation value of the epoch that counts."""
        return self.curves[self.kept - 1].values[metric]


def mean_of(folds: Sequence[Finished], metric: str) -> float:
    """The mean over folds of a validation value. Arguments as of :meth:`Finished.value`."""
    return statistics.fmean(one.value(metric) for one in folds)


def state_of(folds: Sequence[Finished]) -> tuple[list[dict[str, Any]], Arrays]:
    """What a checkpoint has of folds that are trained: values as JSON has them, and arrays."""
    values = [
        {
            "epochs": [epoch.row() for epoch in one.curves],
            "kept": one.kept,
            "best": one.best,
            "train_value": one.train_value,
            "weights": len(one.weights),
        }
        for one in folds
    ]
    arrays = {
        f"fold.{number}.{i}": weight
        for number, one in enumerate(folds)
        for i, weight in enumerate(one.weights)
    }
    return values, arrays


def finished_of(values: Sequence[Mapping[str, Any]], arrays: Arrays) -> list[Finished]:
    """The folds that :func:`state_of` was given.

    Raises:
        KeyError: one has no such values or arrays.
        ValueError: the epoch that counts is none of its epochs.
    """
    found = []
    for number, one in enumerate(values):
        curves = tuple(Epoch.of_row(row) for row in one["epochs"])
        if not {one["kept"], one["best"]} <= {*range(1, len(curves) + 1)}:
            raise ValueError("the epoch that counts of a fold is none of its epochs")
        found.append(
            Finished(
                curves=curves,
                kept=one["kept"],
                best=one["best"],
                train_value=one["train_value"],
                weights=[arrays[f"fold.{number}.{i}"] for i in range(one["weights"])],
            )
        )
    return found
