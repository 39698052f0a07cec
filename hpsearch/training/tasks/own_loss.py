"""A task with another loss: the one that a model of the user's own was compiled with."""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from hpsearch.data.parts import Parts
from hpsearch.training.targets import standardised
from hpsearch.training.tasks.task import Scores, Task, weighted


class OwnLoss:
    """A task (``hpsearch.training.tasks.Task``) whose scores are another one's.

    Labels are class numbers, shape (batch,); targets standardised numbers, shape (batch, 1).
    """

    def __init__(self, task: Task, loss: Callable[[Any, Any], Any], parts: Parts) -> None:
        """A task.

        Args:
            task: has the scores.
            loss: of targets and outputs, of each example by itself, as Keras' losses are.
            parts: have weights of classes, and how targets are standardised.
        """
        weights = parts.class_weights
        self.totals = task.totals
        self._task, self._loss, self._target = task, loss, parts.target
        self._weights = None if weights is None else tf.constant(weights)

    def losses(self, y: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """The loss of each example, weighted where classes or examples are."""
        y, weights = weighted(y)
        wanted = y if self._target is None else standardised(self._target, y)[:, tf.newaxis]
        found = tf.cast(self._loss(wanted, outputs), tf.float32)
        if found.shape.rank == 0:  # a loss of one's own that has the batch's mean
            found = tf.broadcast_to(found, tf.shape(y))
        elif found.shape.rank > 1:
            found = tf.reduce_mean(found, axis=[*range(1, found.shape.rank)])
        if self._weights is not None:
            found *= tf.gather(self._weights, tf.cast(y, tf.int64))
        return found if weights is None else found * weights

    def count(self, losses: tf.Tensor, y: tf.Tensor, outputs: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """As the other task."""
        return self._task.count(losses, y, outputs)

    def means(self, totals: Mapping[str, float], examples: int) -> dict[str, float]:
        """As the other task."""
        return self._task.means(totals, examples)

    def score(self, y: tf.Tensor, outputs: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """As the other task."""
        return self._task.score(y, outputs)

    def values(self, scores: Scores) -> dict[str, float]:
        """As the other task."""
        return self._task.values(scores)
