"""Parts: the training and validation examples of one study, as rows of arrays that stay put."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some examples of an array: which rows, in which order."""

    x: npt.NDArray[np.generic]
    """All examples that rows point into, shape (n, *input_shape), as stored (memory-mapped)."""
    y: Labels
    """Labels 0 ... classes - 1 of all examples, shape (n,)."""
    rows: npt.NDArray[np.int64]
    """The examples of this part: indices into ``x`` and ``y``, ascending."""

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What one recipe trains and validates on. Never the test split."""

    train: Part
    validation: Part
    """Shares ``x`` and ``y`` with ``train`` unless the source gives a part of its own."""
    input_shape: tuple[int, ...]
    """Shape of one example, without the batch: (32, 32, 3), (64,) ..."""
    class_names: tuple[str, ...]
    multiplier: npt.NDArray[np.float32]
    """Inputs are scaled as x * multiplier + offset; shape broadcasts to ``input_shape``."""
    offset: npt.NDArray[np.float32]
    class_weights: npt.NDArray[np.float32] | None
    """Weight of each class in the training loss, shape (classes,); None: all alike."""
    fingerprint: str
    """SHA-256 of the whole data set, test split included, as hexadecimal digits."""

    @property
    def inputs(self) -> int:
        """Number of input features of one example, flattened."""
        return int(np.prod(self.input_shape))

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)
