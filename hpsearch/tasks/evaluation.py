"""Evaluation of a finished classifier, from labels and logits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax, softmax
from scipy.stats import rankdata
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from hpsearch.tasks.classification import ACCURACY, AUC, BALANCED_ACCURACY, F1_MACRO, LOSS
from hpsearch.tasks.interval import of_mean, of_resampled, wilson
from hpsearch.tasks.metric import Metric
from hpsearch.tasks.thresholds import Thresholds, thresholds

Labels = npt.NDArray[np.int64]
Probabilities = npt.NDArray[np.float64]
"""Of each class, shape (examples, classes)."""
Ends = tuple[float, float]
"""Of a 95 % interval, by the number of examples: the lower and the upper one."""


OTHERS: dict[str, tuple[Metric, str]] = {
    "f1_macro": (F1_MACRO, "bootstrap"),
    "balanced_accuracy": (BALANCED_ACCURACY, "bootstrap"),
    "auc": (AUC, "DeLong"),
    "log_loss": (LOSS, "standard error"),
}
"""Metrics of an evaluation beside the accuracy, by the name of its field, and how the interval of
each is found."""

_RESAMPLES = 1000
"""Of a bootstrap."""


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """How well one class is told from the others; a share of nothing is 0."""

    name: str
    precision: float
    """Of the answers that name the class, the share that is right."""
    recall: float
    """Of the class's examples, the share that was found."""
    f1: float
    """Harmonic mean of precision and recall."""
    support: int
    """Examples of the class."""


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """Two classes that are taken for one another."""

    true: str
    predicted: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a model achieves on examples that it was not trained on."""

    examples: int
    accuracy: float
    accuracy_low: float
    """Lower end of the 95 % Wilson interval of the accuracy."""
    accuracy_high: float
    f1_macro: float
    """Unweighted mean of F1 over the classes that occur, as labels or as answers."""
    f1_macro_interval: Ends
    """By the bootstrap, of the examples."""
    balanced_accuracy: float
    """Unweighted mean of the recall of the classes that occur as labels."""
    balanced_accuracy_interval: Ends
    """By the bootstrap, of the examples."""
    auc: float | None
    """Area under the ROC curve: the mean over the classes, each against all others; None where
    all labels are of one class."""
    auc_interval: Ends | None
    """By DeLong's formula (1988), of the mean of the classes' areas."""
    log_loss: float
    """Mean cross-entropy, in nats."""
    log_loss_interval: Ends
    """By its standard error."""
    classes: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Counts: rows are labels, columns are answers."""
    most_confused: tuple[Confusion, ...]
    """The most frequent mistakes, most frequent first."""
    thresholds: Thresholds
    """Curves and calibration."""


def with_intervals(result: Mapping[str, Any]) -> list[tuple[str, float, Ends, str]]:
    """The metrics of an evaluation for a reader: name, value, interval, and how that is found.

    Args:
        result: ``dataclasses.asdict`` of an :class:`Evaluation`, or one of an earlier version, of
            which there is the accuracy alone.
    """
    ends = (result["accuracy_low"], result["accuracy_high"])
    found = [(ACCURACY.short, result["accuracy"], ends, "Wilson")]
    for name, (metric, how) in OTHERS.items():
        if result.get(f"{name}_interval") is not None:
            found.append((metric.short, result[name], result[f"{name}_interval"], how))
    return found


def evaluate(
    y_true: Labels,
    logits: npt.NDArray[np.float32],
    class_names: Sequence[str],
    *,
    mistakes: int = 10,
) -> Evaluation:
    """Compare a network's outputs with labels; its answer is the class with the greatest one.

    Args:
        y_true: labels 0 ... classes - 1, shape (n,), n at least 1.
        logits: shape (n, classes).
        class_names: by label.
        mistakes: length of ``most_confused``; pairs that never occur are left out.
    """
    y_pred = logits.argmax(axis=1)
    probabilities = softmax(logits.astype(np.float64), axis=1)
    losses = -log_softmax(logits.astype(np.float64), axis=1)[np.arange(len(y_true)), y_true]
    labels = np.arange(len(class_names))
    matrix = confusion_matrix(y_true, y_pred, labels=labels)
    scores = precision_recall_fscore_support(y_true, y_pred, labels=labels, zero_division=0)
    right = int(np.trace(matrix))
    low, high = wilson(right, len(y_true))
    resampled = _resampled(matrix)
    areas = _area(y_true, probabilities)
    return Evaluation(
        examples=len(y_true),
        accuracy=right / len(y_true),
        accuracy_low=low,
        accuracy_high=high,
        f1_macro=float(_f1_macro(matrix)),
        f1_macro_interval=of_resampled(_f1_macro(resampled)),
        balanced_accuracy=float(_balanced_accuracy(matrix)),
        balanced_accuracy_interval=of_resampled(_balanced_accuracy(resampled)),
        auc=None if areas is None else areas[0],
        auc_interval=None if areas is None else areas[1],
        log_loss=float(losses.mean()),
        log_loss_interval=of_mean(losses),
        classes=tuple(
            ClassScores(name=name, precision=float(p), recall=float(r), f1=float(f), support=int(s))
            for name, p, r, f, s in zip(class_names, *scores, strict=True)
        ),
        confusion=tuple(tuple(int(count) for count in row) for row in matrix),
        most_confused=_most_confused(matrix, class_names)[:mistakes],
        thresholds=thresholds(y_true, probabilities, class_names),
    )


def _resampled(matrix: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Confusion matrices of examples drawn anew from those that there are.

    To draw examples with replacement is to draw how many fall into each cell.

    Args:
        matrix: shape (classes, classes).

    Returns:
        shape (_RESAMPLES, classes, classes); the same for the same matrix.
    """
    random = np.random.default_rng(0)
    filled = np.flatnonzero(matrix)
    counts = matrix.ravel()[filled]
    found = np.zeros((_RESAMPLES, matrix.size), np.int64)
    found[:, filled] = random.multinomial(matrix.sum(), counts / matrix.sum(), _RESAMPLES)
    return found.reshape(_RESAMPLES, *matrix.shape)


def _f1_macro(matrices: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Macro F1 of confusion matrices, shape (..., classes, classes)."""
    # F1 of class c is 2 right(c) / (labels(c) + answers(c)).
    seen = matrices.sum(axis=-1) + matrices.sum(axis=-2)
    return _mean_share(2 * np.diagonal(matrices, axis1=-2, axis2=-1), seen)


def _balanced_accuracy(matrices: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Balanced accuracy of confusion matrices, shape (..., classes, classes)."""
    return _mean_share(np.diagonal(matrices, axis1=-2, axis2=-1), matrices.sum(axis=-1))


def _mean_share(some: npt.NDArray[np.int64], of: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The mean of shares over the last axis, without shares of nothing."""
    found: npt.NDArray[np.float64] = np.mean(some / np.maximum(of, 1), axis=-1, where=of > 0)
    return found


def _area(y: Labels, probabilities: Probabilities) -> tuple[float, Ends] | None:
    """The area under the ROC curve as ``Evaluation`` has it; None where there is none.

    The area of a class is the mean, over its examples, of how many others each is ahead of; and as
    well the mean, over the others, of how many examples of the class are ahead of each. How far
    these scatter is how far the area does (DeLong et al. 1988, "Comparing the areas under two or
    more correlated receiver operating characteristic curves").
    """
    present = np.unique(y)
    if len(present) < 2:
        return None
    influence, areas = np.zeros(len(y)), []
    for label in present:
        own, score = y == label, probabilities[:, label]
        ranks, ahead = rankdata(score), np.empty(len(y))
        ahead[own] = (ranks[own] - rankdata(score[own])) / np.sum(~own)
        ahead[~own] = 1 - (ranks[~own] - rankdata(score[~own])) / np.sum(own)
        areas.append(ahead[own].mean())
        scale = np.where(own, np.sum(own), np.sum(~own)) * len(present) / len(y)
        influence += (ahead - areas[-1]) / scale
    area = float(np.mean(areas))
    low, high = of_mean(area + influence)
    return area, (max(0.0, low), min(1.0, high))


def _most_confused(
    matrix: npt.NDArray[np.int64], class_names: Sequence[str]
) -> tuple[Confusion, ...]:
    """All pairs that were confused, the most frequent first, then in the order of the classes."""
    pairs = [
        Confusion(true=true, predicted=predicted, count=int(matrix[i, j]))
        for i, true in enumerate(class_names)
        for j, predicted in enumerate(class_names)
        if i != j and matrix[i, j]
    ]
    return tuple(sorted(pairs, key=lambda pair: -pair.count))
