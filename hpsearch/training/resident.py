"""Resident examples: a trial's inputs and labels, kept where it trains and looked up by row."""

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from hpsearch.data.parts import Part, Parts
from hpsearch.training import devices

Rows = npt.NDArray[np.int64]

_WORD = 8
"""Bytes of an int64."""
_ALIGNMENT = 64
"""What TensorFlow's kernels may expect of an address; NumPy's files keep to it."""


class Resident:
    """The training and validation examples of some parts.

    On a CPU, arrays that are memory-mapped files of bytes or float32 stay where they are:
    TensorFlow reads the file's pages, of which the system keeps one copy for all processes.
    Everything else, and everything for a GPU, is copied once. Bytes (images) stay bytes: they
    need a quarter of the memory that floats would, and a batch of them is moved four times as
    fast. Other types are kept as float32, which the network would make of them anyway.

    Attributes:
        train: row numbers of the training part, in the part's order; for :meth:`batch`.
        validation: row numbers of the validation part.
    """

    def __init__(self, parts: Parts) -> None:
        self._shape = parts.input_shape
        self._features = parts.inputs
        self._packed = False
        parted = (parts.train, parts.validation)
        if not devices.on_gpu() and {_shared_type(part.x) for part in parted} in (
            {"uint8"},
            {"float32"},
        ):
            self._share(*parted)
        else:
            self._copy(*parted)

    def batch(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The examples in some rows, all of the training part or all of the validation part.

        Args:
            rows: int64, shape (batch,).

        Returns:
            inputs, not scaled yet, uint8 or float32, shape (batch, *input_shape), and labels,
            int64, or float64 targets, shape (batch,); with weights float64, shape (batch, 2):
            the target and the weight.
        """
        inputs = self._gather(rows)
        if self._packed:
            width = self._inputs[0].shape[1] * _WORD
            inputs = tf.reshape(tf.bitcast(inputs, tf.uint8), (-1, width))
            if width > self._features:
                inputs = inputs[:, : self._features]
        return tf.reshape(inputs, (-1, *self._shape)), tf.gather(self._labels, rows)

    def _gather(self, rows: tf.Tensor) -> tf.Tensor:
        """Rows of the one array that there is, or of the two that follow one another."""
        if len(self._inputs) == 1:
            return tf.gather(self._inputs[0], rows)
        train, validation = self._inputs
        first = train.shape[0]
        return tf.cond(
            rows[0] < first,
            lambda: tf.gather(train, rows),
            lambda: tf.gather(validation, rows - first),
        )

    def _share(self, train: Part, validation: Part) -> None:
        """Take the parts' arrays as they are, the other examples in them included."""
        arrays = [train] if validation.x is train.x else [train, validation]
        start = 0 if validation.x is train.x else len(train.x)
        self.train, self.validation = train.rows, start + validation.rows
        self._inputs = [_as_tensor(part.x) for part in arrays]
        self._labels = tf.constant(np.concatenate([_targets(part, train) for part in arrays]))

    def _copy(self, *parted: Part) -> None:
        """Copy the parts' examples to the device, one after another."""
        ends = np.cumsum([len(part) for part in parted])
        self.train, self.validation = np.arange(ends[0]), np.arange(ends[0], ends[1])
        self._packed = all(part.x.dtype == np.uint8 for part in parted)
        inputs = (_pack if self._packed else _floats)(parted, self._features)
        labels = np.concatenate([_targets(part, parted[0])[part.rows] for part in parted])
        # On the device from the start: a tensor that lies elsewhere is copied at every call.
        with tf.device(devices.main_device()):
            self._inputs = [tf.constant(inputs)]
            self._labels = tf.constant(labels)


def _targets(part: Part, train: Part) -> npt.NDArray[np.generic]:
    """What is to be learned of all of a part's examples; with the weight where training has any."""
    if train.weights is None:
        return part.y
    weights = part.weights if part.weights is not None else np.ones(len(part.y), np.float32)
    return np.stack([part.y.astype(np.float64), weights.astype(np.float64)], axis=1)


class _Exported:
    """An array's memory by NumPy's array interface, said to be writeable.

    NumPy hands out read-only memory only by a newer DLPack than TensorFlow reads. TensorFlow
    never writes to a tensor; if it did, the system would stop the process at a read-only page.
    """

    def __init__(self, array: npt.NDArray[np.generic]) -> None:
        interface = array.__array_interface__
        self.__array_interface__ = {**interface, "data": (interface["data"][0], False)}
        self._array = array
        """Keeps the memory for as long as anything refers to this."""


def _shared_type(x: npt.NDArray[np.generic]) -> str | None:
    """The type of an array that other processes can have in the same memory; None: it cannot be.

    Only what a file backs is shared. And TensorFlow ends the process where memory is not aligned.
    """
    if isinstance(x.base, np.memmap) and x.flags.c_contiguous and x.ctypes.data % _ALIGNMENT == 0:
        return str(x.dtype)
    return None


def _as_tensor(x: npt.NDArray[np.generic]) -> tf.Tensor:
    """A tensor in the memory of an array."""
    return tf.experimental.dlpack.from_dlpack(np.asarray(_Exported(x)).__dlpack__())


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
