"""What a training loop of the user's own gets of the data: arrays as the model takes them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from hpsearch.data.parts import Part, Parts
from hpsearch.networks.python import Data
from hpsearch.training.targets import standardised

_ROWS = 4096
"""Examples that are brought at a time to what the model takes."""

Floats = npt.NDArray[np.float32]
Inputs = Any
"""An array, float32, shape (n, *input_shape); of a model of several inputs one of each, in the
structure that its own have."""


@dataclass(frozen=True, kw_only=True)
class FitData(Data):
    """What a training loop of the user's own gets: what ``build`` got, and the examples."""

    batch_size: int
    """The configuration's."""
    epochs: int
    """At most; reports are of epochs 0 ... epochs - 1."""
    first_epoch: int
    """Where to begin, from 0: above 0 the model has the weights of the epoch before, and so has its
    optimizer."""
    seed: int
    """The trial's; Keras', NumPy's and Python's random numbers follow from it already."""
    parts: Parts
    """hpsearch's own form of the examples."""
    front: keras.Model
    """What is done to them before the model."""

    @cached_property
    def x_train(self) -> Inputs:
        """Training inputs as the model takes them, shape (n, *input_shape)."""
        return self._inputs(self.parts.train)

    @cached_property
    def x_val(self) -> Inputs:
        """Validation inputs."""
        return self._inputs(self.parts.validation)

    @cached_property
    def y_train(self) -> npt.NDArray[np.generic]:
        """Class numbers, int64, shape (n,); of a regression standardised numbers, (n, 1)."""
        return self._targets(self.parts.train)

    @cached_property
    def y_val(self) -> npt.NDArray[np.generic]:
        """Those of the validation examples."""
        return self._targets(self.parts.validation)

    @cached_property
    def sample_weight(self) -> Floats | None:
        """Of training examples in the loss, of class weights and weights of examples; None: all
        are alike.
        """
        train, classes = self.parts.train, self.parts.class_weights
        if train.weights is None and classes is None:
            return None
        found = np.ones(len(train), np.float32)
        if train.weights is not None:
            found *= train.weights[train.rows].astype(np.float32)
        if classes is not None:
            found *= classes[train.y[train.rows]]
        return found

    def _inputs(self, part: Part) -> Inputs:
        chunks = np.array_split(part.rows, max(1, -(-len(part) // _ROWS)))
        found = [self.front(tf.constant(part.x[rows]), training=False) for rows in chunks]
        return keras.tree.map_structure(lambda *each: np.concatenate(each), *found)

    def _targets(self, part: Part) -> npt.NDArray[np.generic]:
        y = part.y[part.rows]
        if self.parts.target is None:
            return y.astype(np.int64)
        return np.asarray(standardised(self.parts.target, tf.constant(y)))[:, np.newaxis]
