import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from hpsearch.reference.scores import of_classes, of_numbers


@given(st.integers(0, 1000), st.integers(2, 5))
def test_scores_of_classes_are_those_of_scikit_learn(seed, classes):
    random = np.random.default_rng(seed)
    y = np.concatenate([np.arange(classes), random.integers(0, classes, 40)])
    probabilities = random.dirichlet(np.ones(classes), len(y))
    answers = probabilities.argmax(axis=1)
    scores = probabilities[:, 1] if classes == 2 else probabilities
    assert of_classes(y, probabilities) == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(y, answers),
            "f1_macro": metrics.f1_score(y, answers, average="macro"),
            "balanced_accuracy": metrics.balanced_accuracy_score(y, answers),
            "auc": metrics.roc_auc_score(y, scores, multi_class="ovr"),
            "loss": metrics.log_loss(y, probabilities),
        }
    )


def test_a_class_that_is_held_to_be_impossible_costs_a_finite_loss():
    found = of_classes(np.array([1, 0]), np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert found["loss"] == pytest.approx(-np.log(np.finfo(float).eps) / 2)


def test_scores_of_numbers_are_in_the_targets_unit():
    found = of_numbers(np.array([0.0, 10.0]), np.array([3.0, 6.0]))
    assert found == pytest.approx({"rmse": 12.5**0.5, "mae": 3.5, "r2": 0.5})


def test_targets_that_are_all_the_same_have_no_r2():
    assert of_numbers(np.array([2.0]), np.array([1.0])) == {"rmse": 1.0, "mae": 1.0}
