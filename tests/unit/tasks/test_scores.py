"""Scores of a classifier: those of scikit-learn, and the order of probabilities."""

import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp
from sklearn.metrics import f1_score, roc_auc_score

from hpsearch.tasks.scores import area, balanced_accuracy, counted, finite, log_odds, macro_f1


def test_what_is_counted_by_hand() -> None:
    right, labels, answers = counted(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 2]), 4)
    assert right.tolist() == [1, 1, 0, 0]
    assert labels.tolist() == [2, 2, 0, 0]
    assert answers.tolist() == [1, 2, 1, 0]
    wanted = f1_score([0, 0, 1, 1], [0, 1, 1, 2], average="macro")
    assert macro_f1(right, labels, answers) == pytest.approx(wanted)
    assert balanced_accuracy(right, labels) == 0.5


def test_nothing_right_is_no_f1() -> None:
    assert macro_f1(*counted(np.array([0, 0, 1]), np.array([1, 1, 0]), 2)) == 0.0


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_log_odds_are_what_they_are_called(classes: int) -> None:
    logits = np.random.default_rng(classes).normal(0, 3, (50, classes)).astype(np.float32)
    found = log_odds(logits)
    exact = logits.astype(np.float64)
    for label in range(classes):
        others = np.delete(exact, label, axis=1)
        np.testing.assert_allclose(found[:, label], exact[:, label] - logsumexp(others, axis=1))


@pytest.mark.parametrize("classes", [2, 3])
def test_the_order_of_confident_answers_is_kept(classes: int) -> None:
    """By probabilities all of them would be alike."""
    logits = np.zeros((3, classes), np.float32)
    logits[:, 0] = [40, 50, 3e38]
    assert np.exp(log_softmax(logits, axis=1))[:, 0].tolist() == [1, 1, 1]
    found = log_odds(logits)
    assert np.isfinite(found[:, 0]).all()
    assert np.all(np.diff(found[:, 0]) > 0)


def test_an_area_is_the_same_whatever_the_logits_are_multiplied_with() -> None:
    random = np.random.default_rng(0)
    y = random.integers(0, 2, 500)
    logits = (random.normal(size=(500, 2)) + np.eye(2)[y]).astype(np.float32)
    wanted = roc_auc_score(y, logits[:, 1].astype(float) - logits[:, 0])
    for factor in (1, 16, 1024):
        assert area(y, log_odds(factor * logits)) == pytest.approx(wanted, abs=1e-4)


def test_an_area_needs_two_classes() -> None:
    scores = np.zeros((3, 2))
    assert area(np.array([1, 1, 1]), scores) == 0.5
    assert area(np.array([0, 1, 1]), scores) == 0.5


def test_what_is_no_number_is_the_least() -> None:
    found = finite(np.array([[np.nan, np.inf, -np.inf, 1.0]]))
    assert np.isfinite(found).all()
    assert found[0, 0] == found[0, 2] < found[0, 3] < found[0, 1]
    assert np.isfinite(log_odds(found)).all()
