"""Evaluation of classifiers: metrics as scikit-learn has them, and intervals that hold."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss, roc_auc_score

from hpsearch.tasks.evaluation import Confusion, evaluate

NAMES = ("cat", "dog", "owl")
Y_TRUE = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 2])
Y_PRED = np.array([0, 0, 1, 1, 1, 1, 0, 2, 2, 0])
LOGITS = np.eye(3, dtype=np.float32)[Y_PRED]


def test_accuracy_and_macro_f1() -> None:
    found = evaluate(Y_TRUE, LOGITS, NAMES)
    assert found.examples == 10
    assert found.accuracy == 0.6
    assert found.f1_macro == f1_score(Y_TRUE, Y_PRED, average="macro")


def test_scores_of_each_class_by_hand() -> None:
    cat, dog, owl = evaluate(Y_TRUE, LOGITS, NAMES).classes
    assert (cat.name, cat.precision, cat.recall, cat.support) == ("cat", 0.5, 0.5, 4)
    assert (dog.precision, dog.recall, dog.support) == (0.5, pytest.approx(2 / 3), 3)
    assert (owl.precision, owl.recall) == (1.0, pytest.approx(2 / 3))
    assert owl.f1 == pytest.approx(0.8)


def test_confusion_has_labels_in_rows() -> None:
    assert evaluate(Y_TRUE, LOGITS, NAMES).confusion == ((2, 2, 0), (1, 2, 0), (1, 0, 2))


def test_the_most_confused_pairs_are_named_most_frequent_first() -> None:
    found = evaluate(Y_TRUE, LOGITS, NAMES).most_confused
    assert found == (
        Confusion(true="cat", predicted="dog", count=2),
        Confusion(true="dog", predicted="cat", count=1),
        Confusion(true="owl", predicted="cat", count=1),
    )
    assert evaluate(Y_TRUE, LOGITS, NAMES, mistakes=1).most_confused == found[:1]


def test_a_class_that_does_not_occur_counts_for_nothing() -> None:
    found = evaluate(np.array([0, 1]), np.eye(3, dtype=np.float32)[:2], NAMES)
    assert found.classes[2].support == 0
    assert found.classes[2].f1 == 0.0
    assert found.f1_macro == 1.0


def noisy(seed: int, examples: int = 200, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and logits that know something of them."""
    random = np.random.default_rng(seed)
    y = np.concatenate([np.arange(classes), random.integers(0, classes, examples - classes)])
    logits = random.normal(size=(examples, classes)) + np.eye(classes)[y]
    return y, logits.astype(np.float32)


@pytest.mark.parametrize("classes", [2, 3])
def test_metrics_are_those_of_scikit_learn(classes: int) -> None:
    y, logits = noisy(classes, classes=classes)
    found = evaluate(y, logits, NAMES[:classes])
    probabilities = softmax(logits.astype(np.float64), axis=1)
    scores = probabilities[:, 1] if classes == 2 else probabilities
    assert found.auc == pytest.approx(roc_auc_score(y, scores, multi_class="ovr"))
    assert found.log_loss == pytest.approx(log_loss(y, probabilities))
    answers = logits.argmax(axis=1)
    assert found.balanced_accuracy == pytest.approx(balanced_accuracy_score(y, answers))


def test_there_is_no_area_of_one_class() -> None:
    found = evaluate(np.array([1, 1]), LOGITS[:2], NAMES)
    assert found.auc is None
    assert found.auc_interval is None
    assert found.thresholds.classes == ()


def test_a_network_that_is_always_right() -> None:
    found = evaluate(Y_TRUE, 50 * np.eye(3, dtype=np.float32)[Y_TRUE], NAMES)
    assert found.auc == found.f1_macro == found.balanced_accuracy == 1.0
    for ends in (found.auc_interval, found.f1_macro_interval, found.balanced_accuracy_interval):
        assert ends == (1.0, 1.0)


def test_intervals_hold_as_often_as_they_say() -> None:
    """Of 300 small samples; what they are samples of is told by a large one."""
    names = ("f1_macro", "balanced_accuracy", "auc", "log_loss")
    large = evaluate(*noisy(0, examples=100_000), NAMES)
    held = dict.fromkeys(names, 0)
    for seed in range(1, 301):
        found = evaluate(*noisy(seed), NAMES)
        for name in names:
            low, high = getattr(found, f"{name}_interval")
            held[name] += low <= getattr(large, name) <= high
    assert min(held.values()) >= 0.91 * 300, held
    assert max(held.values()) <= 0.99 * 300, held
