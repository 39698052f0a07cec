"""A task with what a model of the user's own was compiled with: its loss, and its metrics."""

from collections.abc import Mapping

import keras
import tensorflow as tf

from hpsearch.data.parts import Parts
from hpsearch.training.networks.python import gives_probabilities, loss_of, measured, metrics_of
from hpsearch.training.targets import standardised
from hpsearch.training.tasks.task import Scores, Task, weighted


class Own:
    """A task (``hpsearch.training.tasks.Task``) whose scores are another one's, and more.

    Labels are class numbers, shape (batch,); targets standardised numbers, shape (batch, 1).
    """

    def __init__(self, task: Task, network: keras.Model, model: keras.Model, parts: Parts) -> None:
        """A task.

        Args:
            task: has the scores, and the loss where the model has none.
            network: around the model.
            model: the user's, compiled. Its loss is of targets and outputs, as Keras' losses are,
                and so are its metrics, which are told of an evaluation.
            parts: have weights of classes, and how targets are standardised.
        """
        weights = parts.class_weights
        self.totals = task.totals
        self._task, self._loss, self._target = task, loss_of(model), parts.target
        self._weights = None if weights is None else tf.constant(weights)
        self._metrics = metrics_of(model)
        self._probabilities = gives_probabilities(network)

    def losses(self, y: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """The loss of each example, weighted where classes or examples are."""
        if self._loss is None:
            return self._task.losses(y, outputs)
        y, weights = weighted(y)
        found = tf.cast(self._loss(self._wanted(y), outputs), tf.float32)
        if found.shape.rank == 0:  # a loss of one's own that has the batch's mean
            found = tf.broadcast_to(found, tf.shape(y))
        elif found.shape.rank > 1:
            found = tf.reduce_mean(found, axis=[*range(1, found.shape.rank)])
        if self._weights is not None:
            found *= tf.gather(self._weights, tf.cast(y, tf.int64))
        return found if weights is None else found * weights

    def _wanted(self, y: tf.Tensor) -> tf.Tensor:
        """Targets as the model learns them."""
        return y if self._target is None else standardised(self._target, y)[:, tf.newaxis]

    def count(self, losses: tf.Tensor, y: tf.Tensor, outputs: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """As the other task."""
        return self._task.count(losses, y, outputs)

    def means(self, totals: Mapping[str, float], examples: int) -> dict[str, float]:
        """As the other task."""
        return self._task.means(totals, examples)

    def score(self, y: tf.Tensor, outputs: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """As the other task; for the model's metrics targets and its outputs as they are."""
        found = self._task.score(y, outputs)
        if self._metrics is None:
            return found
        given = tf.exp(outputs) if self._probabilities else outputs
        return *found, self._wanted(weighted(y)[0]), given

    def values(self, scores: Scores) -> dict[str, float]:
        """As the other task, and the model's metrics, but for those of the same name."""
        if self._metrics is None:
            return self._task.values(scores)
        own = measured(self._metrics, [(wanted, given) for *_, wanted, given in scores])
        return own | self._task.values([each[:-2] for each in scores])


def with_own(task: Task, network: keras.Model, model: keras.Model | None, parts: Parts) -> Task:
    """The task of a network: another one where the user's model came with loss or metrics.

    Args:
        task: by the data.
        network: the network.
        model: the user's compiled model in it; None: there is none.
        parts: the data.
    """
    if model is None or (loss_of(model) is None and metrics_of(model) is None):
        return task
    return Own(task, network, model, parts)
