import numpy as np
import pytest
from sklearn.metrics import f1_score

from hpsearch.tasks.evaluation import Confusion, evaluate

NAMES = ("cat", "dog", "owl")
Y_TRUE = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 2])
Y_PRED = np.array([0, 0, 1, 1, 1, 1, 0, 2, 2, 0])


def test_accuracy_and_macro_f1() -> None:
    found = evaluate(Y_TRUE, Y_PRED, NAMES)
    assert found.examples == 10
    assert found.accuracy == 0.6
    assert found.f1_macro == f1_score(Y_TRUE, Y_PRED, average="macro")


def test_scores_of_each_class_by_hand() -> None:
    cat, dog, owl = evaluate(Y_TRUE, Y_PRED, NAMES).classes
    assert (cat.name, cat.precision, cat.recall, cat.support) == ("cat", 0.5, 0.5, 4)
    assert (dog.precision, dog.recall, dog.support) == (0.5, pytest.approx(2 / 3), 3)
    assert (owl.precision, owl.recall) == (1.0, pytest.approx(2 / 3))
    assert owl.f1 == pytest.approx(0.8)


def test_confusion_has_labels_in_rows() -> None:
    assert evaluate(Y_TRUE, Y_PRED, NAMES).confusion == ((2, 2, 0), (1, 2, 0), (1, 0, 2))


def test_the_most_confused_pairs_are_named_most_frequent_first() -> None:
    found = evaluate(Y_TRUE, Y_PRED, NAMES).most_confused
    assert found == (
        Confusion(true="cat", predicted="dog", count=2),
        Confusion(true="dog", predicted="cat", count=1),
        Confusion(true="owl", predicted="cat", count=1),
    )
    assert evaluate(Y_TRUE, Y_PRED, NAMES, mistakes=1).most_confused == found[:1]


def test_a_class_that_does_not_occur_counts_for_nothing() -> None:
    found = evaluate(np.array([0, 1]), np.array([0, 1]), NAMES)
    assert found.classes[2].support == 0
    assert found.classes[2].f1 == 0.0
    assert found.f1_macro == 1.0
