"""Evaluation of a finished classifier, from labels and logits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.special import expit, log_softmax, logit
from scipy.stats import rankdata
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from hpsearch.tasks.classification import CLASSIFICATION
from hpsearch.tasks.interval import Z, of_mean, of_resampled, wilson
from hpsearch.tasks.results import Ends
from hpsearch.tasks.scores import (
    Counts,
    area,
    balanced_accuracy,
    counted,
    finite,
    log_odds,
    macro_f1,
)
from hpsearch.tasks.task import Task
from hpsearch.tasks.thresholds import Thresholds, thresholds

Labels = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]
"""Of each class, shape (examples, classes)."""


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
    """What a classifier achieves on examples that it was not trained on."""

    task: ClassVar[Task] = CLASSIFICATION
    examples: int
    accuracy: float
    accuracy_low: float
    """Lower end of the 95 % Wilson interval of the accuracy."""
    accuracy_high: float
    f1_macro: float
    """Unweighted mean of F1 over the classes that occur, as labels or as answers."""
    f1_macro_interval: Ends | None
    """By the bootstrap, of the examples. An interval is None where nothing scatters, as where all
    answers are right: then the examples do not tell it."""
    balanced_accuracy: float
    """Unweighted mean of the recall of the classes that occur as labels."""
    balanced_accuracy_interval: Ends | None
    """By the bootstrap, of the examples."""
    auc: float | None
    """Area under the ROC curve: the mean over the classes, each against all others; None where
    all labels are of one class."""
    auc_interval: Ends | None
    """By DeLong's formula (1988), of the mean of the classes' areas; None where a class that occurs
    has one example."""
    log_loss: float
    """Mean cross-entropy, in nats."""
    log_loss_interval: Ends | None
    """By the standard error of its logarithm."""
    classes: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Counts: rows are labels, columns are answers."""
    most_confused: tuple[Confusion, ...]
    """The most frequent mistakes, most frequent first."""
    thresholds: Thresholds
    """Curves and calibration."""


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
        logits: shape (n, classes); what is no number counts as the least.
        class_names: by label.
        mistakes: length of ``most_confused``; pairs that never occur are left out.
    """
    logits = finite(logits)
    y_pred, odds = logits.argmax(axis=1), log_odds(logits)
    losses = -log_softmax(logits.astype(np.float64), axis=1)[np.arange(len(y_true)), y_true]
    labels = np.arange(len(class_names))
    matrix = confusion_matrix(y_true, y_pred, labels=labels)
    scores = precision_recall_fscore_support(y_true, y_pred, labels=labels, zero_division=0)
    right = int(np.trace(matrix))
    low, high = wilson(right, len(y_true))
    found, drawn = counted(y_true, y_pred, len(labels)), _resampled(matrix)
    f1, balanced = float(macro_f1(*found)), float(balanced_accuracy(*found[:2]))
    areas = _area(y_true, odds)
    return Evaluation(
        examples=len(y_true),
        accuracy=right / len(y_true),
        accuracy_low=low,
        accuracy_high=high,
        f1_macro=f1,
        f1_macro_interval=of_resampled(f1, macro_f1(*drawn)),
        balanced_accuracy=balanced,
        balanced_accuracy_interval=of_resampled(balanced, balanced_accuracy(*drawn[:2])),
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
        thresholds=thresholds(y_true, odds, class_names),
    )


def _resampled(matrix: npt.NDArray[np.int64]) -> tuple[Counts, Counts, Counts]:
    """What :func:`hpsearch.tasks.scores.counted` gives, of examples drawn anew again and again.

    To draw examples with replacement is to draw how many fall into each cell of the confusion
    matrix.

    Args:
        matrix: shape (classes, classes).

    Returns:
        three arrays, shape (_RESAMPLES, classes); the same for the same matrix.
    """
    label, answer = np.nonzero(matrix)
    shares = matrix[label, answer] / matrix.sum()
    drawn = np.random.default_rng(0).multinomial(matrix.sum(), shares, _RESAMPLES)
    cells = np.arange(len(label))

    def summed(classes: npt.NDArray[np.int64], of: npt.NDArray[np.int64]) -> Counts:
        shape = (len(label), len(matrix))
        return np.asarray(drawn @ csr_array((np.ones(len(of), np.int64), (of, classes)), shape))

    same = np.flatnonzero(label == answer)
    return summed(label[same], same), summed(label, cells), summed(answer, cells)


def _area(y: Labels, scores: Scores) -> tuple[float, Ends | None] | None:
    """The area under the ROC curve as ``Evaluation`` has it; None where there is none.

    The area of a class is the mean, over its examples, of how many others each is ahead of; and as
    well the mean, over the others, of how many examples of the class are ahead of each. How far
    these scatter is how far the area does (DeLong et al. 1988, "Comparing the areas under two or
    more correlated receiver operating characteristic curves"); of the mean over the classes it is
    how far the sums over the classes do. The interval is that of the area's logit.
    """
    present, sizes = np.unique(y, return_counts=True)
    if len(present) < 2:
        return None
    influence = np.zeros(len(y))
    for label in present:
        own, score = y == label, scores[:, label]
        ranks, ahead = rankdata(score), np.empty(len(y))
        ahead[own] = (ranks[own] - rankdata(score[own])) / np.sum(~own)
        ahead[~own] = 1 - (ranks[~own] - rankdata(score[~own])) / np.sum(own)
        for side in (own, ~own):
            size = int(side.sum())
            scatter = ahead[side] - ahead[side].mean()
            influence[side] += scatter / math.sqrt(size * max(1, size - 1))
    found = area(y, scores)
    error = math.sqrt(float(np.square(influence).sum())) / len(present)
    if sizes.min() < 2 or not error or not 0 < found < 1:
        return found, None
    low, high = (expit(logit(found) + sign * Z * error / (found * (1 - found))) for sign in (-1, 1))
    return found, (float(low), float(high))


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
