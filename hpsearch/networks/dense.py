"""Dense networks: a stack of Dense layers with batch normalisation and dropout."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, Strict

from hpsearch.data.tables.shape import DIMENSION, TableShape
from hpsearch.fields import Bool
from hpsearch.networks.network import (
    L2,
    Activation,
    Depth,
    Dropout,
    Initializer,
    Network,
    Shape,
    Units,
    dense_macs,
    dense_parameters,
    shortened,
    width_of,
)
from hpsearch.searchable import Repeated

Layers = Annotated[int, Strict(), Field(ge=1, le=64)]


class Dense(Network):
    """One or more hidden Dense layers, then one of the outputs.

    In a file ``units`` and ``dropout`` are one value for all layers or a list of one for each, from
    which the number of layers follows where it is left out; here they are always one for each
    layer.
    """

    grows_with = ("layers", "units", "batch_norm")
    depths = (
        Depth(
            layer="layer",
            axis="hidden layer",
            width="units",
            widths="widths",
            width_axis="width (units)",
            dropout="dropout",
        ),
    )

    type: Literal["dense"] = "dense"
    layers: Layers = 2
    """Hidden layers; follows from a list of one value for each."""
    units: Annotated[tuple[Units, ...], Repeated("layers")] = (128, 128)
    """Width of each hidden layer."""
    activation: Activation = "relu"
    """Behind each hidden layer."""
    batch_norm: Bool = False
    """Batch normalisation between each hidden Dense layer and its activation."""
    dropout: Annotated[tuple[Dropout, ...], Repeated("layers")] = (0.0, 0.0)
    """Share of each hidden layer's outputs that is dropped in training."""
    l2: L2 = 0.0
    """Factor of the squared-weights penalty on every kernel."""
    initializer: Initializer = "glorot_uniform"
    """Of the kernels."""

    def parameters(self, shape: Shape, outputs: int) -> int:
        """Dense kernels, biases, normalisation, and embedded categories."""
        categories = shape.rows * DIMENSION if isinstance(shape, TableShape) else 0
        stack = dense_parameters(self._widths(shape, outputs), batch_norm=self.batch_norm)
        return categories + stack

    def macs(self, shape: Shape, outputs: int) -> int:
        """One for each weight of a kernel."""
        return dense_macs(self._widths(shape, outputs))

    def _widths(self, shape: Shape, outputs: int) -> tuple[int, ...]:
        return (width_of(shape), *self.units, outputs)

    def output_sizes(self, shape: Shape, outputs: int) -> list[int]:
        """Of a hidden layer Dense, activation, and what else it has."""
        found = [width_of(shape)]
        for units, dropout in zip(self.units, self.dropout, strict=True):
            found += [units] * (2 + self.batch_norm + (dropout > 0))
        return [*found, outputs]

    @classmethod
    def summary(cls, network: Mapping[str, Any]) -> list[str]:
        """Widths, activation, batch normalisation and mean dropout: "512-256", "gelu", ..."""
        dropout = network["dropout"]
        words = [shortened(network["units"]), network["activation"]]
        if network["batch_norm"]:
            words.append("bn")
        if any(dropout):
            words.append(f"drop {math.fsum(dropout) / len(dropout):.2f}")
        return words
