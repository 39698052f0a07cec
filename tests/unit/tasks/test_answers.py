"""Values of answers are those that training has of the same outputs."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss, roc_auc_score

from hpsearch.tasks.answers import cross_entropy, logits_of, value_of

RANDOM = np.random.default_rng(0)
LABELS = RANDOM.integers(0, 4, 200)
CHANCES = softmax(RANDOM.normal(size=(200, 4)) + 2 * np.eye(4)[LABELS], axis=1)
TARGETS = RANDOM.normal(10, 3, 100)
NUMBERS = (TARGETS + RANDOM.normal(size=100)).reshape(-1, 1)


def test_classes_are_judged_as_by_scikit_learn() -> None:
    found = CHANCES.argmax(axis=1)
    assert value_of("val_accuracy", LABELS, CHANCES) == pytest.approx(np.mean(found == LABELS))
    assert value_of("val_f1_macro", LABELS, CHANCES) == pytest.approx(
        f1_score(LABELS, found, average="macro")
    )
    assert value_of("val_balanced_accuracy", LABELS, CHANCES) == pytest.approx(
        balanced_accuracy_score(LABELS, found)
    )
    assert value_of("val_auc", LABELS, CHANCES) == pytest.approx(
        roc_auc_score(LABELS, CHANCES, multi_class="ovr")
    )
    assert cross_entropy(LABELS, CHANCES) == pytest.approx(log_loss(LABELS, CHANCES))


def test_numbers_are_judged_by_their_errors() -> None:
    errors = NUMBERS[:, 0] - TARGETS
    assert value_of("val_rmse", TARGETS, NUMBERS) == pytest.approx(np.sqrt(np.mean(errors**2)))
    assert value_of("val_mae", TARGETS, NUMBERS) == pytest.approx(np.mean(np.abs(errors)))
    assert value_of("val_r2", TARGETS, NUMBERS) == pytest.approx(
        1 - np.mean(errors**2) / TARGETS.var()
    )


def test_an_impossible_class_has_a_finite_loss() -> None:
    sure = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert 80 < cross_entropy(np.array([1, 1]), sure) * 2 < 90
    assert np.isfinite(logits_of(sure)).all()


def test_logits_have_the_probabilities_that_they_are_of() -> None:
    np.testing.assert_allclose(softmax(logits_of(CHANCES), axis=1), CHANCES, rtol=1e-12)
