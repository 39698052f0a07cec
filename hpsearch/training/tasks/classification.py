"""Classification in TensorFlow: cross-entropy, and what is counted of right and wrong answers."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from hpsearch.config import TrialConfig
from hpsearch.data.parts import Parts
from hpsearch.training.tasks.task import Scores


class Classification:
    """A task (``hpsearch.training.tasks.Task``) whose labels are class numbers, outputs logits."""

    totals: tuple[str, ...] = ("loss", "right")

    def __init__(self, config: TrialConfig, parts: Parts) -> None:
        weights = parts.class_weights
        self._config = config
        self._weights = None if weights is None else tf.constant(weights)

    def losses(self, y: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Cross-entropies in nats, weighted where classes are."""
        found = losses(self._config, y, logits)
        return found if self._weights is None else found * tf.gather(self._weights, y)

    def count(self, losses: tf.Tensor, y: tf.Tensor, logits: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Summed loss, and the number of right answers."""
        right = tf.cast(tf.equal(tf.argmax(logits, axis=-1), y), tf.float32)
        return total(losses), total(right)

    def means(self, totals: Mapping[str, float], examples: int) -> dict[str, float]:
        """Loss and accuracy."""
        return {"loss": totals["loss"] / examples, "accuracy": totals["right"] / examples}

    def score(self, y: tf.Tensor, logits: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """See :func:`score`."""
        return score(y, logits)

    def values(self, scores: Scores) -> dict[str, float]:
        """See :func:`values`."""
        return values(scores)


def score(y: tf.Tensor, logits: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Summed cross-entropy without weights and penalties, the confusion matrix, labels, and
    probabilities.
    """
    loss = total(cross_entropies(y, logits))
    return loss, confusion(y, logits, logits.shape[-1]), y, tf.nn.softmax(logits)


def values(scores: Scores) -> dict[str, float]:
    """The metrics of what was scored."""
    losses, matrices, labels, probabilities = zip(*scores, strict=True)
    counts = np.asarray(np.sum(matrices, axis=0), np.float64)
    seen = counts.sum()
    return {
        "loss": float(sum(losses) / seen),
        "accuracy": float(np.trace(counts) / seen),
        "f1_macro": macro_f1(counts),
        "balanced_accuracy": balanced_accuracy(counts),
        "auc": area(np.concatenate(labels), np.concatenate(probabilities)),
    }


def losses(config: TrialConfig, y: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """What training makes small, of each example, shape (batch,)."""
    return cross_entropies(y, logits, config.label_smoothing)


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


def confusion(y: tf.Tensor, logits: tf.Tensor, classes: int) -> tf.Tensor:
    """Counts, float32, shape (classes, classes): rows are labels, columns are answers.

    A product of two one-hot tables: exact in float32 and, unlike counting by scattering, the
    same on every device and in any order.

    Args:
        y: labels, int64, shape (batch,).
        logits: shape (batch, classes).
        classes: number of classes.
    """
    labels = tf.one_hot(y, classes)
    answers = tf.one_hot(tf.argmax(logits, axis=-1), classes)
    return tf.linalg.matmul(labels, answers, transpose_a=True)


def macro_f1(counts: npt.NDArray[np.floating]) -> float:
    """Unweighted mean of the classes' F1 over the classes that occur, as labels or as answers.

    The same as ``sklearn.metrics.f1_score(average="macro")`` over all examples at once.

    Args:
        counts: summed matrices of :func:`confusion`, at least one example.
    """
    # F1 of class c is 2 right(c) / (labels(c) + answers(c)).
    seen = counts.sum(axis=0) + counts.sum(axis=1)
    present = seen > 0
    return float(np.mean(2 * np.diag(counts)[present] / seen[present]))


def balanced_accuracy(counts: npt.NDArray[np.floating]) -> float:
    """Unweighted mean of the share that is right over the classes that occur as labels.

    The same as ``sklearn.metrics.balanced_accuracy_score``.

    Args:
        counts: as for :func:`macro_f1`.
    """
    labels = counts.sum(axis=1)
    present = labels > 0
    return float(np.mean(np.diag(counts)[present] / labels[present]))


def area(y: npt.NDArray[np.generic], probabilities: npt.NDArray[np.floating]) -> float:
    """The area under the ROC curve of each class against the others, the mean over the classes.

    The same as ``sklearn.metrics.roc_auc_score(multi_class="ovr")``; but classes that do not occur
    as labels are left out, and 0.5 stands where there is nothing to be told apart.

    Args:
        y: labels, shape (n,).
        probabilities: shape (n, classes).
    """
    found = []
    for label in np.unique(y):
        own = probabilities[y == label, label]
        others = np.sort(probabilities[y != label, label])
        if len(others):
            # Of how many others it is ahead; one that it shares a place with counts half.
            ahead = np.searchsorted(others, own, "left") + np.searchsorted(others, own, "right")
            found.append(ahead.mean() / (2 * len(others)))
    return float(np.mean(found)) if found else 0.5


def total(values: tf.Tensor) -> tf.Tensor:
    """A batch's sum in float64, in which sums of float32 numbers are all but exact: what is
    reported does not depend on how many batches one call has.
    """
    return tf.cast(tf.reduce_sum(values), tf.float64)
