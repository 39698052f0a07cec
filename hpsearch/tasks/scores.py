"""Scores of a classifier, from labels and logits: the same in training and on the test split.

Exported scripts have these functions too.
"""

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.integer]
"""Of each class, shape (..., classes)."""


def counted(
    y: npt.NDArray[np.integer], answers: npt.NDArray[np.integer], classes: int
) -> tuple[Counts, Counts, Counts]:
    """Of each class how many answers are right, and how many labels and answers it has.

    Args:
        y: labels 0 ... classes - 1, shape (n,).
        answers: shape (n,).
        classes: how many there are.
    """
    right, labels, found = (
        np.bincount(some, minlength=classes) for some in (y[y == answers], y, answers)
    )
    return right, labels, found


def macro_f1(right: Counts, labels: Counts, answers: Counts) -> npt.NDArray[np.float64]:
    """Unweighted mean of the classes' F1 over the classes that occur, as labels or as answers.

    The same as ``sklearn.metrics.f1_score(average="macro")``. Arguments as of :func:`counted`.
    """
    # F1 of a class is 2 right / (labels + answers).
    return mean_share(2 * right, labels + answers)


def balanced_accuracy(right: Counts, labels: Counts) -> npt.NDArray[np.float64]:
    """Unweighted mean of the share that is right over the classes that occur as labels.

    The same as ``sklearn.metrics.balanced_accuracy_score``. Arguments as of :func:`counted`.
    """
    return mean_share(right, labels)


def mean_share(some: Counts, of: Counts) -> npt.NDArray[np.float64]:
    """The mean of shares over the last axis, without shares of nothing."""
    return np.asarray(np.mean(some / np.maximum(of, 1), axis=-1, where=of > 0))


def log_odds(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """The logarithm of each class's probability over that of all others, shape (n, classes).

    It has the order of the probabilities, but none that are so near to 1 that they are alike.

    Args:
        logits: finite, shape (n, classes).
    """
    rows = np.arange(len(logits))
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    top = logits.argmax(axis=1)
    # All but one: safe to subtract but for the greatest, whose others are added up themselves.
    others = powers.sum(axis=1, keepdims=True) - powers
    others[rows, top] = 0.0
    rest = shifted.copy()
    rest[rows, top] = -np.inf
    greatest = rest.max(axis=1)
    with np.errstate(divide="ignore"):
        found = shifted - np.log(others)
    beside = np.exp(rest - greatest[:, np.newaxis]).sum(axis=1)
    found[rows, top] = -(greatest + np.log(beside))
    return np.asarray(found)


def area(y: npt.NDArray[np.integer], scores: npt.NDArray[np.float64]) -> float:
    """The area under the ROC curve of each class against the others, the mean over the classes.

    The same as ``sklearn.metrics.roc_auc_score(multi_class="ovr")``; but classes that do not occur
    as labels are left out, and 0.5 stands where there is nothing to be told apart.

    Args:
        y: labels, shape (n,).
        scores: of each class, in the order of its probability, shape (n, classes).
    """
    found = []
    for label in np.unique(y):
        own = scores[y == label, label]
        others = np.sort(scores[y != label, label])
        if len(others):
            # Of how many others it is ahead; one that it shares a place with counts half.
            ahead = np.searchsorted(others, own, "left") + np.searchsorted(others, own, "right")
            found.append(ahead.mean() / (2 * len(others)))
    return float(np.mean(found)) if found else 0.5


def finite(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Logits as numbers: what is none counts as the least, infinity as the greatest."""
    limit = float(np.finfo(np.float32).max)
    return np.nan_to_num(logits.astype(np.float32), nan=-limit, posinf=limit, neginf=-limit)
