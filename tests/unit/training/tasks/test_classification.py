import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import confusion_matrix, f1_score

from hpsearch.training.tasks.classification import confusion, macro_f1


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_counts_and_macro_f1_equal_those_of_scikit_learn(classes: int) -> None:
    random = np.random.default_rng(classes)
    # The last class is neither a label nor an answer.
    y = random.integers(0, classes - 1, 60)
    logits = random.normal(size=(60, classes)).astype(np.float32)
    logits[:, -1] = -9
    counts = sum(
        confusion(y[part], tf.constant(logits[part]), classes).numpy()
        for part in (slice(0, 25), slice(25, 60))
    )
    answers = logits.argmax(axis=-1)
    np.testing.assert_array_equal(counts, confusion_matrix(y, answers, labels=range(classes)))
    assert macro_f1(counts) == pytest.approx(f1_score(y, answers, average="macro"))


def test_nothing_right_is_no_f1() -> None:
    assert macro_f1(np.array([[0.0, 3.0], [2.0, 0.0]])) == 0.0
