import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from hpsearch.config import TrialConfig
from hpsearch.tasks.classification import CLASSIFICATION
from hpsearch.training.tasks.classification import (
    losses,
    score,
    values,
)


@given(st.integers(2, 5), st.integers(0, 99), st.sampled_from([1, 2, 9]))
def test_values_are_those_of_scikit_learn(classes: int, seed: int, digits: int) -> None:
    """Of a few digits there are many ties."""
    random = np.random.default_rng(seed)
    y = np.concatenate([np.arange(classes), random.integers(0, classes, 40)])
    logits = np.round(random.normal(size=(len(y), classes)), digits).astype(np.float32)
    batches = [
        [one.numpy() for one in score(tf.constant(y[part]), tf.constant(logits[part]))]
        for part in (slice(0, 25), slice(25, None))
    ]
    found = values(batches)
    answers = logits.argmax(axis=1)
    assert found["accuracy"] == np.mean(answers == y)
    assert found["f1_macro"] == pytest.approx(f1_score(y, answers, average="macro"))
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(y, answers))
    if digits > 2:  # of fewer, rounding tells apart what are ties here
        probabilities = softmax(logits.astype(np.float64), axis=1)
        scores = probabilities[:, 1] if classes == 2 else probabilities
        assert found["auc"] == pytest.approx(roc_auc_score(y, scores, multi_class="ovr"))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_smoothed_labels_are_those_of_keras(smoothing: float) -> None:
    random = np.random.default_rng(1)
    y, logits = random.integers(0, 3, 20), random.normal(size=(20, 3)).astype(np.float32)
    keras_own = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=smoothing, reduction="none"
    )
    found = losses(TrialConfig(label_smoothing=smoothing), tf.constant(y), tf.constant(logits))
    wanted = keras_own(tf.one_hot(y, 3), logits)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_what_is_told_of_validation_is_never_smoothed() -> None:
    y, logits = tf.constant([0, 1]), tf.constant([[9.0, 0.0], [0.0, 9.0]])
    loss, *_ = score(y, logits)
    assert float(loss) / 2 == pytest.approx(np.log1p(np.exp(-9.0)), rel=1e-3)


def test_the_loss_of_a_network_that_is_sure_and_wrong_is_finite() -> None:
    loss, *_ = score(tf.constant([0]), tf.constant([[0.0, 9000.0]]))
    assert float(loss) == pytest.approx(9000.0)


def test_what_is_scored_are_the_values_of_the_curves() -> None:
    found = values([[one.numpy() for one in score(tf.constant([0, 1]), tf.eye(2))]])
    told = {f"val_{name}" for name in found}
    assert told == {name for name in CLASSIFICATION.curves if name.startswith("val_")}
