"""Resident examples: a trial's inputs and labels, kept on the device and looked up by row."""

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from hpsearch.data.parts import Part, Parts
from hpsearch.training import devices

Rows = npt.NDArray[np.int64]

_WORD = 8
"""Bytes of an int64."""


class Resident:
    """The training and validation examples of some parts, copied to the device once.

    Bytes (images) stay bytes: they need a quarter of the memory that floats would, and a batch
    of them is moved four times as fast. Everything else is kept as float32, which the network
    would make of it anyway.

    Attributes:
        train: rows of the training part, 0 ... n - 1, in the part's order.
        validation: rows of the validation part, which follow them.
    """

    def __init__(self, parts: Parts) -> None:
        parted = (parts.train, parts.validation)
        total = sum(len(part) for part in parted)
        self.train: Rows = np.arange(len(parts.train))
        self.validation: Rows = np.arange(len(parts.train), total)
        self._shape = parts.input_shape
        self._features = parts.inputs
        self._packed = all(part.x.dtype == np.uint8 for part in parted)
        inputs = _pack(parted, parts.inputs) if self._packed else _floats(parted, parts.inputs)
        labels = np.concatenate([part.y[part.rows] for part in parted])
        # On the device from the start: a tensor that lies elsewhere is copied at every call.
        with tf.device(devices.main_device()):
            self._inputs = tf.constant(inputs)
            self._labels = tf.constant(labels, tf.int64)

    def batch(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The examples in some rows.

        Args:
            rows: int64, shape (batch,).

        Returns:
            inputs, not scaled yet, uint8 or float32, shape (batch, *input_shape), and labels,
            int64, shape (batch,).
        """
        inputs = tf.gather(self._inputs, rows)
        if self._packed:
            width = self._inputs.shape[1] * _WORD
            inputs = tf.reshape(tf.bitcast(inputs, tf.uint8), (-1, width))
            if width > self._features:
                inputs = inputs[:, : self._features]
        return tf.reshape(inputs, (-1, *self._shape)), tf.gather(self._labels, rows)


def _floats(parted: tuple[Part, ...], features: int) -> npt.NDArray[np.float32]:
    """The parts' examples one after another, shape (examples, features)."""
    return np.concatenate(
        [part.x[part.rows].reshape(-1, features).astype(np.float32) for part in parted]
    )


def _pack(parted: tuple[Part, ...], features: int) -> npt.NDArray[np.int64]:
    """The parts' examples one after another, eight bytes to a word, zeros at an example's end.

    TensorFlow has no kernel that gathers bytes on a GPU, but one that gathers words.
    """
    words = np.zeros((sum(len(part) for part in parted), -(-features // _WORD)), np.int64)
    values = words.view(np.uint8)
    start = 0
    for part in parted:
        end = start + len(part)
        values[start:end, :features] = part.x[part.rows].reshape(-1, features)
        start = end
    return words
