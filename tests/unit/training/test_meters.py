import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import f1_score

from hpsearch.training.meters import MacroF1, Ratio, confusion


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_macro_f1_equals_that_of_scikit_learn(classes: int) -> None:
    random = np.random.default_rng(classes)
    # The last class is neither a label nor an answer.
    y = random.integers(0, classes - 1, 60)
    logits = random.normal(size=(60, classes)).astype(np.float32)
    logits[:, -1] = -9
    metric = MacroF1(classes)
    for part in (slice(0, 25), slice(25, 60)):
        metric.update_state(confusion(y[part], tf.constant(logits[part]), classes))
    expected = f1_score(y, logits.argmax(axis=-1), average="macro")
    assert float(metric.result()) == pytest.approx(expected)
    metric.reset_state()
    assert float(metric.result()) == 0.0


def test_a_ratio_is_the_same_however_it_was_summed() -> None:
    values = np.random.default_rng(0).gamma(1.0, size=997).astype(np.float32)
    found = set()
    for size in (1, 10, 997):
        meter = Ratio("loss")
        for start in range(0, 997, size):
            some = values[start : start + size].astype(np.float64)
            meter.update_state(tf.constant(some.sum()), len(some))
        found.add(float(meter.result()))
    assert len(found) == 1
    assert found.pop() == pytest.approx(values.mean(dtype=np.float64))


def test_a_ratio_shows_a_sum_that_is_no_number() -> None:
    meter = Ratio("loss")
    meter.update_state(tf.constant(float("nan")), 3)
    assert np.isnan(float(meter.result()))
