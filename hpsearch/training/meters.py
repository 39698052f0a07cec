"""Meters: Keras metrics that are fed with sums over many batches at once, in float64.

Sums of float32 numbers are all but exact in float64, so that what a meter shows does not depend
on how many batches were summed before it was told.
"""

import keras
import tensorflow as tf


class Ratio(keras.metrics.Metric):  # type: ignore[misc]  # keras ships no types
    """A sum over examples, divided by their number."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.total = self.add_variable((), initializer="zeros", dtype="float64", name="total")
        self.examples = self.add_variable((), initializer="zeros", dtype="float64", name="count")

    def update_state(self, total: tf.Tensor, examples: tf.Tensor) -> None:
        """Add a sum and the number of examples that it goes over."""
        self.total.assign_add(tf.cast(total, tf.float64))
        self.examples.assign_add(tf.cast(examples, tf.float64))

    def result(self) -> tf.Tensor:
        """The mean, 0 before the first example."""
        # Not divide_no_nan: a loss that is no number must be seen.
        return tf.convert_to_tensor(self.total) / tf.maximum(
            tf.convert_to_tensor(self.examples), tf.constant(1.0, tf.float64)
        )


class MacroF1(keras.metrics.Metric):  # type: ignore[misc]  # keras ships no types
    """Unweighted mean of the classes' F1 over the classes that occur, as labels or as answers.

    The same as ``sklearn.metrics.f1_score(average="macro")`` over all examples at once.
    """

    def __init__(self, classes: int, name: str = "f1_macro") -> None:
        super().__init__(name=name)
        self.classes = classes
        self.confusion = self.add_variable(
            (classes, classes), initializer="zeros", dtype="float64", name="confusion"
        )

    def update_state(self, confusion: tf.Tensor, sample_weight: None = None) -> None:
        """Add a confusion matrix of :func:`confusion`."""
        self.confusion.assign_add(tf.cast(confusion, tf.float64))

    def result(self) -> tf.Tensor:
        """F1 of class c is 2 right(c) / (labels(c) + answers(c))."""
        confusion = tf.convert_to_tensor(self.confusion)
        right = tf.linalg.diag_part(confusion)
        seen = tf.reduce_sum(confusion, axis=0) + tf.reduce_sum(confusion, axis=1)
        present = tf.reduce_sum(tf.cast(seen > 0, tf.float64))
        return tf.math.divide_no_nan(tf.reduce_sum(tf.math.divide_no_nan(2 * right, seen)), present)


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
