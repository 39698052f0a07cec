"""Dense networks: a stack of Dense layers with batch normalisation and dropout."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, Strict

from hpsearch.fields import Bool
from hpsearch.networks.network import Network, Shape
from hpsearch.searchable import Repeated

Layers = Annotated[int, Strict(), Field(ge=1, le=64)]
Units = Annotated[int, Strict(), Field(ge=1, le=65536)]
Activation = Literal[
    "relu", "gelu", "tanh", "elu", "selu", "silu", "leaky_relu", "sigmoid", "softplus", "mish"
]
Dropout = Annotated[float, Strict(), Field(ge=0.0, lt=1.0)]
L2 = Annotated[float, Strict(), Field(ge=0.0, le=1.0)]
Initializer = Literal[
    "he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal", "lecun_uniform"
]

MOST_WIDTHS = 6
"""Layers whose widths a short line names; of more it names the first ones."""


class Dense(Network):
    """One or more hidden Dense layers, then one of the outputs.

    In a file ``units`` and ``dropout`` are one value for all layers or a list of one for each, from
    which the number of layers follows where it is left out; here they are always one for each
    layer.
    """

    grows_with = ("layers", "units", "batch_norm")

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
        """Dense kernels and biases.

        With batch normalisation a hidden layer has a scale and an offset for each unit in place of
        its bias.
        """
        widths: Sequence[int] = (math.prod(shape), *self.units)
        per_unit = 2 if self.batch_norm else 1
        hidden = sum(fan_in * fan_out + per_unit * fan_out for fan_in, fan_out in pairwise(widths))
        return hidden + widths[-1] * outputs + outputs

    def output_sizes(self, shape: Shape, outputs: int) -> list[int]:
        """Of a hidden layer Dense, activation, and what else it has."""
        found = [math.prod(shape)]
        for units, dropout in zip(self.units, self.dropout, strict=True):
            found += [units] * (2 + self.batch_norm + (dropout > 0))
        return [*found, outputs]

    @classmethod
    def summary(cls, network: Mapping[str, Any]) -> list[str]:
        """Widths, activation, batch normalisation and mean dropout: "512-256", "gelu", ..."""
        units, dropout = network["units"], network["dropout"]
        widths = "-".join(str(width) for width in units[:MOST_WIDTHS])
        words = [widths if len(units) <= MOST_WIDTHS else f"{widths}-… ({len(units)} layers)"]
        words.append(network["activation"])
        if network["batch_norm"]:
            words.append("bn")
        if any(dropout):
            words.append(f"drop {math.fsum(dropout) / len(dropout):.2f}")
        return words
