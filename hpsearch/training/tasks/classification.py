"""Classification in TensorFlow: cross-entropy, and what is counted of right and wrong answers."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from hpsearch.config import TrialConfig
from hpsearch.data.parts import Parts
from hpsearch.tasks.scores import area, balanced_accuracy, counted, finite, log_odds, macro_f1
from hpsearch.training.tasks.task import Scores, each_member, total, weighted


class Classification:
    """A task (``hpsearch.training.tasks.Task``) whose labels are class numbers, outputs logits."""

    totals: tuple[str, ...] = ("loss", "right")

    def __init__(self, config: TrialConfig, parts: Parts) -> None:
        weights = parts.class_weights
        self._config = config
        self._weights = None if weights is None else tf.constant(weights)

    def losses(self, y: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Cross-entropies in nats, weighted where classes or examples are."""
        y, weights = weighted(y)
        found = losses(self._config, y, logits)
        if self._weights is not None:
            found *= tf.gather(self._weights, tf.cast(y, tf.int64))
        return found if weights is None else found * weights

    def count(self, losses: tf.Tensor, y: tf.Tensor, logits: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Summed loss, and the number of right answers."""
        y, _ = weighted(y)
        right = tf.cast(tf.equal(tf.argmax(logits, axis=-1), tf.cast(y, tf.int64)), tf.float32)
        return total(losses), total(right)

    def means(self, totals: Mapping[str, float], examples: int) -> dict[str, float]:
        """Loss and accuracy."""
        return {"loss": totals["loss"] / examples, "accuracy": totals["right"] / examples}

    def score(self, y: tf.Tensor, logits: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """See :func:`score`."""
        return score(tf.cast(weighted(y)[0], tf.int64), logits)

    def values(self, scores: Scores) -> dict[str, float]:
        """See :func:`values`."""
        return values(scores)


def score(y: tf.Tensor, logits: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Summed cross-entropy without weights and penalties, labels, and logits."""
    return total(cross_entropies(y, logits)), y, logits


def values(scores: Scores) -> dict[str, float]:
    """The metrics of what was scored."""
    losses, labels, logits = zip(*scores, strict=True)
    y, outputs = np.concatenate(labels), finite(np.concatenate(logits))
    right, seen, answers = counted(y, outputs.argmax(axis=1), outputs.shape[1])
    return {
        "loss": float(sum(losses) / len(y)),
        "accuracy": float(right.sum() / len(y)),
        "f1_macro": float(macro_f1(right, seen, answers)),
        "balanced_accuracy": float(balanced_accuracy(right, seen)),
        "auc": area(y, log_odds(outputs)),
    }


def losses(config: TrialConfig, y: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """What training makes small, of each example, shape (batch,); of members the mean."""
    smoothing = config.label_smoothing
    return each_member(lambda y, found: cross_entropies(y, found, smoothing), y, logits)


def cross_entropies(y: tf.Tensor, logits: tf.Tensor, smoothing: float = 0.0) -> tf.Tensor:
    """Cross-entropy of each example, in nats, shape (batch,).

    With determinism asked for, TensorFlow's own gathers and scatters, which takes long to trace.

    Args:
        y: labels, shape (batch,).
        logits: shape (batch, classes).
        smoothing: share of each label that is spread over all classes.
    """
    classes = logits.shape[-1]
    labels = tf.one_hot(tf.cast(y, tf.int64), classes)  # Keras' fit makes them numbers
    if smoothing:
        labels = labels * (1 - smoothing) + smoothing / classes
    return -tf.reduce_sum(labels * tf.nn.log_softmax(logits), axis=-1)
