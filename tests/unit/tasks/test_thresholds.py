"""Curves and calibration of odds."""

import numpy as np
import pytest
from sklearn.metrics import auc, average_precision_score, roc_auc_score

from hpsearch.tasks.scores import log_odds
from hpsearch.tasks.thresholds import BINS, MOST_CLASSES, POINTS, Bin, thresholds


def some(examples: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and log-odds that know something of them."""
    random = np.random.default_rng(classes)
    y = random.integers(0, classes, examples)
    return y, log_odds((random.normal(size=(examples, classes)) + np.eye(classes)[y]).astype("f4"))


def test_curves_are_those_of_scikit_learn() -> None:
    y, odds = some(5000, 3)
    found = thresholds(y, odds, ["a", "b", "c"])
    assert [one.name for one in found.classes] == ["a", "b", "c"]
    for label, one in enumerate(found.classes):
        own, score = y == label, odds[:, label]
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
    y, odds = some(4000, 14)
    odds[:, 5] = np.where(y == 5, 99, -99)
    shown = {one.name for one in thresholds(y, odds, [str(n) for n in range(14)]).classes}
    assert len(shown) == MOST_CLASSES
    assert "5" not in shown


def test_calibration_by_hand() -> None:
    right = np.arange(100) < 60
    y = np.where(right, 0, 1)
    odds = np.tile([np.log(4), -np.log(4)], (100, 1))
    found = thresholds(y, odds, ["a", "b"])
    assert found.calibration == (Bin(probability=pytest.approx(0.8), accuracy=0.6, examples=100),)
    assert found.calibration_error == pytest.approx(0.2)


def test_calibration_has_groups_of_equal_size() -> None:
    y, odds = some(1000, 3)
    found = thresholds(y, odds, ["a", "b", "c"])
    assert [one.examples for one in found.calibration] == [1000 // BINS] * BINS
    means = [one.probability for one in found.calibration]
    assert means == sorted(means)
    mean = sum(one.accuracy for one in found.calibration) / BINS
    assert mean == pytest.approx(np.mean(odds.argmax(axis=1) == y))


def test_one_example() -> None:
    found = thresholds(np.array([1]), np.array([[-1.0, 1.0]]), ["a", "b"])
    assert found.classes == ()
    assert [one.examples for one in found.calibration] == [1]
