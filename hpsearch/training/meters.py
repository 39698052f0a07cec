"""Meters: right and wrong answers counted on the device, and what is told from the counts."""

import numpy as np
import numpy.typing as npt
import tensorflow as tf


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
