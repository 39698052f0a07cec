"""What a classifier's probabilities are worth: ROC and precision-recall curves, calibration."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_curve

MOST_CLASSES = 10
"""Classes that have curves; of more, those with the least average precision."""
POINTS = 100
"""Of a curve, at most."""
BINS = 10
"""Groups, at most, of about equally many examples, by which probabilities are compared with what
came true."""

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class ClassCurves:
    """How well one class is told from all others, for each threshold of its probability."""

    name: str
    average_precision: float
    """Mean of the precision over the recall."""
    roc: Points
    """False positive rates (the share of the others that are taken for it) and recalls."""
    precision_recall: Points
    """Recalls and precisions."""


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Examples whose answers are about equally probable."""

    probability: float
    """Mean of what the network gives its answers."""
    accuracy: float
    """The share of the answers that is right."""
    examples: int


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Curves of the classes, and calibration."""

    classes: tuple[ClassCurves, ...]
    of: int
    """How many classes could have curves."""
    calibration: tuple[Bin, ...]
    """From the least probable answers to the most probable ones."""
    calibration_error: float
    """Expected calibration error: the mean difference of probability and accuracy over the
    examples, bin by bin (Naeini et al. 2015, there with bins of equal width)."""


def thresholds(
    y: npt.NDArray[np.int64], odds: npt.NDArray[np.float64], class_names: Sequence[str]
) -> Thresholds:
    """What there is to be told of some probabilities.

    Args:
        y: labels 0 ... classes - 1, shape (n,), n at least 1.
        odds: logarithms (``hpsearch.tasks.scores.log_odds``), shape (n, classes).
        class_names: by label.
    """
    present = [label for label in np.unique(y).tolist() if not np.all(y == label)]
    if len(class_names) == 2:  # the curves of the other class say the same
        present = present[-1:]
    precisions = {
        label: float(average_precision_score(y == label, odds[:, label])) for label in present
    }
    chosen = sorted(sorted(present, key=precisions.__getitem__)[:MOST_CLASSES])
    bins = _calibration(expit(odds.max(axis=1)), odds.argmax(axis=1) == y)
    error = sum(abs(one.probability - one.accuracy) * one.examples for one in bins) / len(y)
    return Thresholds(
        classes=tuple(
            _class_curves(class_names[label], precisions[label], y == label, odds[:, label])
            for label in chosen
        ),
        of=len(present),
        calibration=bins,
        calibration_error=error,
    )


def _class_curves(
    name: str,
    average_precision: float,
    own: npt.NDArray[np.bool_],
    odds: npt.NDArray[np.float64],
) -> ClassCurves:
    false, recall, _ = roc_curve(own, odds)
    precision, found, _ = precision_recall_curve(own, odds)
    return ClassCurves(
        name=name,
        average_precision=average_precision,
        roc=_thinned(false, recall),
        precision_recall=_thinned(found[::-1], precision[::-1]),
    )


def _thinned(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> Points:
    """At most so many points of a curve, its ends among them, about equally far apart."""
    way = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    places = np.searchsorted(way, np.linspace(0, way[-1], POINTS))
    kept = (
        np.unique(np.concatenate([[0], places, [len(x) - 1]])) if len(x) > POINTS else slice(None)
    )
    return tuple(
        (round(float(a), 6), round(float(b), 6)) for a, b in zip(x[kept], y[kept], strict=True)
    )


def _calibration(
    probability: npt.NDArray[np.float64], right: npt.NDArray[np.bool_]
) -> tuple[Bin, ...]:
    edges = np.unique(np.quantile(probability, np.linspace(0, 1, BINS + 1)[1:-1]))
    places = np.searchsorted(edges, probability, side="right")  # equal ones stay together
    return tuple(
        Bin(
            probability=float(probability[places == place].mean()),
            accuracy=float(right[places == place].mean()),
            examples=int(np.sum(places == place)),
        )
        for place in np.unique(places)
    )
