"""Parts: the training and validation examples of one study, as rows of arrays that stay put."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hpsearch.data.arrays import Targets
from hpsearch.data.tables.fitted import Tabular
from hpsearch.data.tables.shape import TableShape
from hpsearch.data.target import Standard
from hpsearch.data.transform import Affine
from hpsearch.errors import DataError

_ROWS = 4096
"""Examples that are checked at a time."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some examples of an array: which rows, in which order."""

    x: npt.NDArray[np.generic]
    """All examples that rows point into, shape (n, *input_shape), as stored (memory-mapped)."""
    y: Targets
    """Labels 0 ... classes - 1 of all examples, or numbers to be predicted, shape (n,)."""
    rows: npt.NDArray[np.int64]
    """The examples of this part: indices into ``x`` and ``y``, ascending."""
    weights: npt.NDArray[np.generic] | None = None
    """Of all examples in the training loss, at least 0, shape (n,); None: all alike."""

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What one recipe trains and validates on. Never the test split."""

    train: Part
    validation: Part
    """Shares ``x`` and ``y`` with ``train`` unless the source gives a part of its own. Its examples
    are none of ``train``, but where ``include_validation`` asks for it."""
    input_shape: tuple[int, ...]
    """Shape of one example, without the batch: (32, 32, 3), (64,) ..."""
    class_names: tuple[str, ...]
    """By label; of a regression none."""
    transform: Affine | Tabular
    """What the network does to inputs first."""
    target: Standard | None = None
    """Of a regression: how targets are standardised."""
    class_weights: npt.NDArray[np.float32] | None
    """Weight of each class in the training loss, shape (classes,); None: all alike."""
    fingerprint: str
    """SHA-256 of the whole data set, test split included, as hexadecimal digits."""
    trained_on: int | None = None
    """Training examples, where ``train`` has not all of them; None: it has."""
    others: tuple["Parts", ...] = ()
    """Of a cross-validation the other folds, of which this is the first."""

    @property
    def training_rows(self) -> int:
        """Examples that a network is trained on."""
        return len(self.train) if self.trained_on is None else self.trained_on

    @property
    def folds(self) -> "tuple[Parts, ...]":
        """Each fold by itself; without a cross-validation these alone."""
        return (replace(self, others=()), *self.others)

    @property
    def answers(self) -> Standard | None:
        """How what the kept network puts out becomes predictions; None: it is of classes.

        With folds it puts out the mean of their predictions, brought to about -1 to 1.
        """
        targets = [fold.target for fold in self.folds if fold.target is not None]
        if len(targets) < 2:
            return self.target
        low, high = min(one.low for one in targets), max(one.high for one in targets)
        return Standard(
            mean=(low + high) / 2, deviation=(high - low) / 2, low=low, high=high, is_log=False
        )

    @property
    def inputs(self) -> int:
        """Number of input features of one example, flattened."""
        return int(np.prod(self.input_shape))

    @property
    def shape(self) -> tuple[int, ...] | TableShape:
        """What a network gets of an example."""
        return self.transform.shape if isinstance(self.transform, Tabular) else self.input_shape

    @property
    def affine(self) -> Affine:
        """The transform of arrays.

        Raises:
            TypeError: they are rows of a table.
        """
        if isinstance(self.transform, Tabular):
            raise TypeError("rows of a table are not scaled")
        return self.transform

    @property
    def grey(self) -> npt.NDArray[np.generic] | None:
        """The input that becomes 0, for images that are augmented; None: they are none."""
        if isinstance(self.transform, Tabular):
            return None
        return self.transform.zero(self.train.x.dtype)

    @property
    def outputs(self) -> int:
        """Values that a network puts out for an example: one for each class, or one number."""
        return len(self.class_names) or 1

    def first(self, training: int, validation: int) -> "Parts":
        """Parts of fewer examples and one fold, for a moment's training.

        Args:
            training: at most so many of the training part, from 1.
            validation: likewise.
        """
        return replace(
            self,
            others=(),
            trained_on=self.training_rows,
            train=replace(self.train, rows=self.train.rows[:training]),
            validation=replace(self.validation, rows=self.validation.rows[:validation]),
        )


def check_values(parts: Parts) -> None:
    """Check what a network is trained on: that it is still what import has let in.

    Raises:
        DataError: an input that is NaN or infinite, or a label that is no class.
    """
    last = parts.folds[-1]  # which has the examples of all: folds in order of time grow
    for name, part in (("training", last.train), ("validation", last.validation)):
        for rows in np.array_split(part.rows, -(-len(part.rows) // _ROWS)):
            targets: npt.NDArray[Any] = part.y[rows]
            wrong = ~np.isfinite(targets)
            if parts.class_names:
                wrong |= (targets < 0) | (targets >= len(parts.class_names))
            if isinstance(parts.transform, Affine) and np.issubdtype(part.x.dtype, np.floating):
                wrong |= ~np.isfinite(part.x[rows]).reshape(len(rows), -1).all(axis=1)
            if wrong.any():
                raise DataError(
                    f"the data on this machine are damaged: row {rows[np.argmax(wrong)]} of the"
                    f" {name} examples has NaN, infinity or a label that is not a class; to import"
                    " them again: hpsearch data FILE --clear"
                )
