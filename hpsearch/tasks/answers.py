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
from hpsearch.tasks.scores import area, balanced_accuracy, counted, log_odds, macro_f1

Answers = npt.NDArray[np.floating]
"""Probabilities, shape (n, classes), or predictions in the target's own unit, shape (n, 1)."""
Truth = npt.NDArray[Any]
"""Labels or targets, shape (n,)."""

_LEAST = float(np.finfo(np.float32).tiny)
"""What a probability counts as at least: the least that float32 holds in full, 1.2e-38."""


def logits_of(probabilities: Answers) -> Answers:
    """Logits that have these probabilities: their logarithms, finite."""
    return np.asarray(np.log(np.maximum(probabilities, _LEAST)))


def cross_entropy(y: Truth, probabilities: Answers) -> float:
    """The mean cross-entropy, in nats."""
    own = probabilities[np.arange(len(y)), y].astype(np.float64)
    return float(-np.log(np.maximum(own, _LEAST)).mean())


def value_of(metric: str, y: Truth, answers: Answers) -> float:
    """What a metric comes to, as validation has it.

    Args:
        metric: the name of any but the loss, such as "val_accuracy".
        y: of n examples, n at least 1.
        answers: to the same.
    """
    return _VALUES[metric](y, answers)


def _accuracy(y: Truth, answers: Answers) -> float:
    return float(np.mean(answers.argmax(axis=1) == y))


def _f1_macro(y: Truth, answers: Answers) -> float:
    return float(macro_f1(*counted(y, answers.argmax(axis=1), answers.shape[1])))


def _balanced_accuracy(y: Truth, answers: Answers) -> float:
    return float(balanced_accuracy(*counted(y, answers.argmax(axis=1), answers.shape[1])[:2]))


def _auc(y: Truth, answers: Answers) -> float:
    return area(y, log_odds(logits_of(answers.astype(np.float64))))


def _rmse(y: Truth, answers: Answers) -> float:
    return errors.rmse(*_numbers(y, answers))


def _mae(y: Truth, answers: Answers) -> float:
    return errors.mae(*_numbers(y, answers))


def _r2(y: Truth, answers: Answers) -> float:
    return errors.r2(*_numbers(y, answers)) or 0.0


def _numbers(y: Truth, answers: Answers) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    return y.astype(np.float64), answers[:, 0].astype(np.float64)


_VALUES: dict[str, Callable[[Truth, Answers], float]] = {
    ACCURACY.name: _accuracy,
    F1_MACRO.name: _f1_macro,
    BALANCED_ACCURACY.name: _balanced_accuracy,
    AUC.name: _auc,
    RMSE.name: _rmse,
    MAE.name: _mae,
    R2.name: _r2,
}
