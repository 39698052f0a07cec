"""Scores of the reference models, by the definitions by which networks are judged."""

import numpy as np
import numpy.typing as npt

from hpsearch.tasks.errors import mae, r2, rmse
from hpsearch.tasks.interval import of_root
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
    found = {"rmse": rmse(y, predicted), "mae": mae(y, predicted), "r2": r2(y, predicted)}
    return {name: value for name, value in found.items() if value is not None}


def rmse_interval(y: npt.NDArray[np.generic], predicted: Numbers) -> Ends | None:
    """95 % interval of an RMSE, by the standard error of its logarithm, as networks have it.

    Args:
        y: targets, shape (n,), n at least 1.
        predicted: shape (n,).
    """
    return of_root(np.square(predicted - y.astype(np.float64)))
