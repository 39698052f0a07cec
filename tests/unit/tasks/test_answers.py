"""Values of answers are those that training has of the same outputs."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss, roc_auc_score

from hpsearch.tasks.answers import logits_of, losses, needed, value, value_of
from hpsearch.tasks.classification import LOSS
from hpsearch.tasks.classification import METRICS as CLASS_METRICS

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
    assert losses(LABELS, CHANCES).mean() == pytest.approx(log_loss(LABELS, CHANCES))


def test_numbers_are_judged_by_their_errors() -> None:
    errors = NUMBERS[:, 0] - TARGETS
    assert value_of("val_rmse", TARGETS, NUMBERS) == pytest.approx(np.sqrt(np.mean(errors**2)))
    assert value_of("val_mae", TARGETS, NUMBERS) == pytest.approx(np.mean(np.abs(errors)))
    assert value_of("val_r2", TARGETS, NUMBERS) == pytest.approx(
        1 - np.mean(errors**2) / TARGETS.var()
    )


def test_an_impossible_class_has_a_finite_loss() -> None:
    sure = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert 80 < losses(np.array([1, 1]), sure).sum() < 90
    assert np.isfinite(logits_of(sure)).all()


def test_logits_have_the_probabilities_that_they_are_of() -> None:
    np.testing.assert_allclose(softmax(logits_of(CHANCES), axis=1), CHANCES, rtol=1e-12)


@pytest.mark.parametrize("metric", [one.name for one in CLASS_METRICS if one != LOSS])
def test_samples_of_examples_need_nothing_but_their_rows(metric: str) -> None:
    found, rows = needed(metric, CHANCES), RANDOM.integers(0, 200, 200)
    expected = value_of(metric, LABELS[rows], CHANCES[rows])
    assert value(metric, LABELS[rows], found[rows]) == pytest.approx(expected)
