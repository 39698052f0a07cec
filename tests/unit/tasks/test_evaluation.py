"""Evaluation of classifiers: metrics as scikit-learn has them, and intervals that hold."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss, roc_auc_score

from hpsearch.tasks.evaluation import Confusion, evaluate
from hpsearch.tasks.results import written

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


def noisy(
    seed: int, examples: int = 200, classes: int = 3, known: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and logits that know something of them."""
    random = np.random.default_rng(seed)
    y = np.concatenate([np.arange(classes), random.integers(0, classes, examples - classes)])
    logits = random.normal(size=(examples, classes)) + known * np.eye(classes)[y]
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


def test_where_nothing_scatters_there_is_no_interval() -> None:
    found = evaluate(Y_TRUE, 50 * np.eye(3, dtype=np.float32)[Y_TRUE], NAMES)
    assert found.auc == found.f1_macro == found.balanced_accuracy == 1.0
    assert found.auc_interval is found.f1_macro_interval is found.log_loss_interval is None
    rows = written(asdict(found))
    assert [ends for name, _, ends, _ in rows if name != "accuracy"] == [""] * 4


def test_of_a_class_with_one_example_the_area_has_no_interval() -> None:
    y, logits = noisy(1)
    y[:] = 0
    y[7] = 1
    found = evaluate(y, logits, NAMES)
    assert found.auc is not None
    assert found.auc_interval is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_outputs_that_are_no_numbers_are_judged_too(value: float) -> None:
    y, logits = noisy(2)
    logits[5, y[5]] = value
    found = evaluate(y, logits, NAMES)
    assert json.loads(json.dumps(asdict(found), allow_nan=False))["examples"] == len(y)


def test_one_example_and_many_classes() -> None:
    assert evaluate(np.array([1]), LOGITS[:1], NAMES).accuracy == 0.0
    y, logits = noisy(3, examples=1500, classes=700)
    assert evaluate(y, logits, [str(number) for number in range(700)]).thresholds.of == 700


def test_the_interval_of_macro_f1_holds_for_many_classes_with_few_examples() -> None:
    names = [str(number) for number in range(60)]
    y, logits = noisy(0, examples=60_000, classes=60, known=3.0)
    large = f1_score(y, logits.argmax(axis=1), average="macro")  # without its interval
    held = 0
    for seed in range(1, 31):
        ends = evaluate(*noisy(seed, 200, 60, known=3.0), names).f1_macro_interval
        assert ends is not None
        held += ends[0] <= large <= ends[1]
    assert held >= 0.85 * 30


def test_intervals_hold_as_often_as_they_say() -> None:
    """Of 150 small samples; what they are samples of is told by a large one."""
    names = ("f1_macro", "balanced_accuracy", "auc", "log_loss")
    large = evaluate(*noisy(0, examples=100_000), NAMES)
    held = dict.fromkeys(names, 0)
    for seed in range(1, 151):
        found = evaluate(*noisy(seed), NAMES)
        for name in names:
            low, high = getattr(found, f"{name}_interval")
            held[name] += low <= getattr(large, name) <= high
    assert min(held.values()) >= 0.91 * 150, held
    assert max(held.values()) <= 0.99 * 150, held
