"""Curves and calibration of probabilities."""

import numpy as np
import pytest
from sklearn.metrics import auc, average_precision_score, roc_auc_score

from hpsearch.tasks.thresholds import BINS, MOST_CLASSES, POINTS, Bin, thresholds


def some(examples: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and probabilities that know something of them."""
    random = np.random.default_rng(classes)
    y = random.integers(0, classes, examples)
    scores = random.random((examples, classes)) + np.eye(classes)[y] / 2
    return y, scores / scores.sum(axis=1, keepdims=True)


def test_curves_are_those_of_scikit_learn() -> None:
    y, probabilities = some(5000, 3)
    found = thresholds(y, probabilities, ["a", "b", "c"])
    assert [one.name for one in found.classes] == ["a", "b", "c"]
    for label, one in enumerate(found.classes):
        own, score = y == label, probabilities[:, label]
        assert len(one.roc) <= POINTS + 2
        assert one.roc[0] == (0.0, 0.0)
        assert one.roc[-1] == (1.0, 1.0)
        assert auc(*zip(*one.roc, strict=True)) == pytest.approx(
            roc_auc_score(own, score), abs=0.002
        )
        area = auc(*zip(*one.precision_recall, strict=True))
        assert area == pytest.approx(average_precision_score(own, score), abs=0.01)


def test_two_classes_have_one_curve() -> None:
    found = thresholds(*some(50, 2), ["no", "yes"])
    assert [one.name for one in found.classes] == ["yes"]


def test_of_many_classes_those_are_shown_that_are_worst_told() -> None:
    y, probabilities = some(4000, 14)
    probabilities[y == 5, 5] = 2.0
    shown = {one.name for one in thresholds(y, probabilities, [str(n) for n in range(14)]).classes}
    assert len(shown) == MOST_CLASSES
    assert "5" not in shown


def test_calibration_by_hand() -> None:
    right = np.arange(100) < 60
    y = np.where(right, 0, 1)
    probabilities = np.tile([0.8, 0.2], (100, 1))
    found = thresholds(y, probabilities, ["a", "b"])
    assert found.calibration == (Bin(probability=pytest.approx(0.8), accuracy=0.6, examples=100),)
    assert found.calibration_error == pytest.approx(0.2)


def test_calibration_has_groups_of_equal_size() -> None:
    y, probabilities = some(1000, 3)
    found = thresholds(y, probabilities, ["a", "b", "c"])
    assert [one.examples for one in found.calibration] == [1000 // BINS] * BINS
    means = [one.probability for one in found.calibration]
    assert means == sorted(means)
    mean = sum(one.accuracy for one in found.calibration) / BINS
    assert mean == pytest.approx(np.mean(probabilities.argmax(axis=1) == y))


def test_one_example() -> None:
    found = thresholds(np.array([1]), np.array([[0.3, 0.7]]), ["a", "b"])
    assert found.classes == ()
    assert [one.examples for one in found.calibration] == [1]
