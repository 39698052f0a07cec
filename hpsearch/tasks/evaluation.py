"""Evaluation of a finished classifier, from labels and answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support

from hpsearch.tasks.interval import wilson


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
    classes: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Counts: rows are labels, columns are answers."""
    most_confused: tuple[Confusion, ...]
    """The most frequent mistakes, most frequent first."""


def evaluate(
    y_true: npt.NDArray[np.int64],
    y_pred: npt.NDArray[np.int64],
    class_names: Sequence[str],
    *,
    mistakes: int = 10,
) -> Evaluation:
    """Compare answers with labels.

    Args:
        y_true: labels 0 ... classes - 1, shape (n,), n at least 1.
        y_pred: answers, shape (n,).
        class_names: by label.
        mistakes: length of ``most_confused``; pairs that never occur are left out.
    """
    labels = np.arange(len(class_names))
    matrix = confusion_matrix(y_true, y_pred, labels=labels)
    scores = precision_recall_fscore_support(y_true, y_pred, labels=labels, zero_division=0)
    right = int(np.trace(matrix))
    low, high = wilson(right, len(y_true))
    return Evaluation(
        examples=len(y_true),
        accuracy=right / len(y_true),
        accuracy_low=low,
        accuracy_high=high,
        f1_macro=float(f1_score(y_true, y_pred, average="macro", zero_division=0)),
        classes=tuple(
            ClassScores(name=name, precision=float(p), recall=float(r), f1=float(f), support=int(s))
            for name, p, r, f, s in zip(class_names, *scores, strict=True)
        ),
        confusion=tuple(tuple(int(count) for count in row) for row in matrix),
        most_confused=_most_confused(matrix, class_names)[:mistakes],
    )


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
