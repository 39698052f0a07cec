"""A task in TensorFlow: its loss, and what is counted of the outputs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

Scores = Sequence[Sequence[npt.NDArray[np.generic]]]
"""What was kept of the batches of an evaluation, of each the same arrays."""


class Task(Protocol):
    """What the engine asks of a task. All but means and values is compiled.

    Its module has functions ``losses``, ``score`` and ``values`` as well, which exported scripts
    take (``hpsearch.script.pieces``).
    """

    totals: tuple[str, ...]
    """What :meth:`count` gives, by name; "loss" is the first."""

    def losses(self, y: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """What training makes small, of each example.

        Args:
            y: labels, shape (batch, ...).
            outputs: of the network, dropout active, float32, shape (batch, outputs); of one with
                members theirs, shape (batch, members, outputs).

        Returns:
            float32, shape (batch,).
        """
        ...

    def count(self, losses: tf.Tensor, y: tf.Tensor, outputs: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Sums over a batch of training, float64, to be added up over an epoch."""
        ...

    def means(self, totals: Mapping[str, float], examples: int) -> dict[str, float]:
        """What is told of an epoch's training: "loss" and whatever else.

        Args:
            totals: of :meth:`count`, over the epoch so far.
            examples: how many they are of, from 1.
        """
        ...

    def score(self, y: tf.Tensor, outputs: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """What is kept of a batch of an evaluation, dropout off."""
        ...

    def values(self, scores: Scores) -> dict[str, float]:
        """What is told of an evaluation: "loss" and whatever else.

        Args:
            scores: of :meth:`score`, of each batch, at least one.
        """
        ...


def weighted(y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Targets, and their weights in the loss where there are any.

    Args:
        y: shape (batch,), or (batch, 2) with weights; see ``hpsearch.training.resident``.
    """
    if len(y.shape) == 1:
        return y, None
    return y[:, 0], tf.cast(y[:, 1], tf.float32)


def each_member(
    losses: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], y: tf.Tensor, outputs: tf.Tensor
) -> tf.Tensor:
    """The mean of the members' losses of each example, shape (batch,).

    Args:
        losses: of targets, shape (n,), and outputs, shape (n, outputs).
        y: shape (batch,).
        outputs: shape (batch, members, outputs); of a network without members (batch, outputs).
    """
    if len(outputs.shape) == 2:
        return losses(y, outputs)
    members, width = outputs.shape[1:]
    found = losses(tf.repeat(y, members), tf.reshape(outputs, (-1, width)))
    return tf.reduce_mean(tf.reshape(found, (-1, members)), axis=1)


def total(values: tf.Tensor) -> tf.Tensor:
    """A batch's sum as float64, in which sums over batches are all but exact: what is reported does
    not depend on how many batches one call has.
    """
    return tf.cast(tf.reduce_sum(values), tf.float64)
