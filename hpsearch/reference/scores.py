"""Scores of the reference models, by the definitions by which networks are judged."""

import math

import numpy as np
import numpy.typing as npt
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from hpsearch.tasks.interval import of_mean
from hpsearch.tasks.results import Ends
from hpsearch.tasks.scores import area, balanced_accuracy, counted, log_odds, macro_f1

Numbers = npt.NDArray[np.float64]


def of_classes(y: npt.NDArray[np.integer], probabilities: Numbers) -> dict[str, float]:
    """The metrics of :mod:`hpsearch.tasks.classification`, without ``val_``.

    Args:
        y: labels 0 ... classes - 1, shape (n,), n at least 1.
        probabilities: shape (n, classes). As in ``sklearn.metrics.log_loss`` none counts as less
            than 2.2e-16, so that the loss is finite.
    """
    logits = np.log(np.maximum(probabilities, np.finfo(np.float64).eps))
    answers = probabilities.argmax(axis=1)
    right, labels, found = counted(y, answers, probabilities.shape[1])
    return {
        "accuracy": float(right.sum() / len(y)),
        "f1_macro": float(macro_f1(right, labels, found)),
        "balanced_accuracy": float(balanced_accuracy(right, labels)),
        "auc": area(y, log_odds(logits)),
        "loss": float(-logits[np.arange(len(y)), y].mean()),
    }


def of_numbers(y: Numbers, predicted: Numbers) -> dict[str, float]:
    """RMSE, MAE and R² (:mod:`hpsearch.tasks.regression`), without ``val_``.

    R² is left out where all targets are the same, which leaves nothing to explain. The loss of
    that task is left out, too: it is of the network's own standardised target.

    Args:
        y: targets, shape (n,), n at least 1.
        predicted: shape (n,).
    """
    found = {
        "rmse": float(root_mean_squared_error(y, predicted)),
        "mae": float(mean_absolute_error(y, predicted)),
    }
    if y.min() < y.max():
        found["r2"] = float(r2_score(y, predicted))
    return found


def rmse_interval(y: npt.NDArray[np.generic], predicted: Numbers) -> Ends | None:
    """95 % interval of an RMSE, by the standard error of its logarithm, as networks have it.

    Args:
        y: targets, shape (n,), n at least 1.
        predicted: shape (n,).
    """
    of_square = of_mean(np.square(predicted - y.astype(np.float64)))
    return of_square and (math.sqrt(of_square[0]), math.sqrt(of_square[1]))
