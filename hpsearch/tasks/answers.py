"""Values of answers: what a metric comes to of probabilities, or of a regression's predictions.

Training has them of a network's outputs (``hpsearch.training.tasks``); averages of several networks
have no outputs.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from hpsearch.tasks import errors
from hpsearch.tasks.classification import ACCURACY, AUC, BALANCED_ACCURACY, F1_MACRO
from hpsearch.tasks.regression import MAE, R2, RMSE
from hpsearch.tasks.scores import (
    Counts,
    area,
    balanced_accuracy,
    counted,
    log_odds,
    macro_f1,
)

Answers = npt.NDArray[np.floating]
"""Probabilities, shape (n, classes), or predictions in the target's own unit, shape (n, 1)."""
Truth = npt.NDArray[Any]
"""Labels or targets, shape (n,)."""

_LEAST = float(np.finfo(np.float32).tiny)
"""What a probability counts as at least: the least that float32 holds in full, 1.2e-38."""


def logits_of(probabilities: Answers) -> Answers:
    """Logits that have these probabilities: their logarithms, finite."""
    return np.asarray(np.log(np.maximum(probabilities, _LEAST)))


def losses(y: Truth, probabilities: Answers) -> npt.NDArray[np.float64]:
    """The cross-entropy of each example, in nats, shape (n,)."""
    own = probabilities[np.arange(len(y)), y].astype(np.float64)
    return np.asarray(-np.log(np.maximum(own, _LEAST)))


def value_of(metric: str, y: Truth, answers: Answers) -> float:
    """What a metric comes to, as validation has it.

    Args:
        metric: the name of any but the loss, such as "val_accuracy".
        y: of n examples, n at least 1.
        answers: to the same.
    """
    return value(metric, y, needed(metric, answers))


def needed(metric: str, answers: Answers) -> npt.NDArray[Any]:
    """What a metric needs of each answer, shape (n,) or (n, classes).

    Of some examples it is that of those rows: who measures many samples of them takes it once.
    """
    return _METRICS[metric][0](answers)


def value(metric: str, y: Truth, found: npt.NDArray[Any]) -> float:
    """What a metric comes to; see :func:`value_of`.

    Args:
        metric: its name.
        y: of n examples.
        found: what :func:`needed` gives of the answers to them.
    """
    return _METRICS[metric][1](y, found)


def _classes(answers: Answers) -> npt.NDArray[np.int64]:
    return np.asarray(answers.argmax(axis=1))


def _odds(answers: Answers) -> npt.NDArray[np.float64]:
    return log_odds(logits_of(answers.astype(np.float64)))


def _numbers(answers: Answers) -> npt.NDArray[np.float64]:
    return np.asarray(answers[:, 0].astype(np.float64))


def _counted(y: Truth, found: npt.NDArray[np.int64]) -> tuple[Counts, Counts, Counts]:
    return counted(y, found, int(max(y.max(), found.max())) + 1)


_Found = npt.NDArray[Any]
_METRICS: dict[str, tuple[Callable[[Answers], _Found], Callable[[Truth, _Found], float]]] = {
    ACCURACY.name: (_classes, lambda y, found: float(np.mean(found == y))),
    F1_MACRO.name: (_classes, lambda y, found: float(macro_f1(*_counted(y, found)))),
    BALANCED_ACCURACY.name: (
        _classes,
        lambda y, found: float(balanced_accuracy(*_counted(y, found)[:2])),
    ),
    AUC.name: (_odds, area),
    RMSE.name: (_numbers, errors.rmse),
    MAE.name: (_numbers, errors.mae),
    R2.name: (_numbers, lambda y, found: errors.r2(y, found) or 0.0),
}
"""Of each what it needs, and what it comes to."""
