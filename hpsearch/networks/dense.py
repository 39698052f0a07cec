"""Dense networks: a stack of Dense layers with batch normalisation and dropout."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, Strict

from hpsearch.data.tables.shape import BINS, DIMENSION, TableShape
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
    described,
    shortened,
    width_of,
)
from hpsearch.searchable import Repeated

Layers = Annotated[int, Strict(), Field(ge=1, le=64)]
Members = Annotated[int, Strict(), Field(ge=1, le=64)]
Sigma = Annotated[float, Strict(), Field(gt=0.0, le=1000.0)]
Embedding = Literal["none", "periodic", "piecewise"]
DenseInitializer = Literal[Initializer, "ntk"]

FREQUENCIES = 16
"""Of the periodic embedding of a number."""
PERIODIC = 4
"""Values of the periodic embedding of a number, itself among them (Holzmüller et al. 2024)."""
PIECEWISE = 8
"""Values of the piecewise-linear embedding of a number: the least that TabM is tuned with."""


@dataclass(frozen=True, kw_only=True)
class _Embedded:
    """What an embedding has for each number."""

    values: int = 1
    """In its place."""
    parameters: int = 0
    macs: int = 0
    outputs: tuple[int, ...] = ()
    """Values that each of its layers puts out."""


_EMBEDDED: dict[Embedding, _Embedded] = {
    "none": _Embedded(),
    "periodic": _Embedded(
        values=PERIODIC,
        parameters=2 * FREQUENCIES + (FREQUENCIES + 1) * (PERIODIC - 1),
        macs=FREQUENCIES * PERIODIC,
        outputs=(FREQUENCIES, FREQUENCIES, PERIODIC - 1, PERIODIC),
    ),
    "piecewise": _Embedded(
        values=PIECEWISE,
        parameters=(1 + BINS + 1) * PIECEWISE,
        macs=(1 + BINS) * PIECEWISE,
        outputs=(BINS, BINS, BINS, 1 + BINS, PIECEWISE),
    ),
}


class Dense(Network):
    """One or more hidden Dense layers, then one of the outputs.

    In a file ``units`` and ``dropout`` are one value for all layers or a list of one for each, from
    which the number of layers follows where it is left out; here they are always one for each
    layer.
    """

    grows_with = (
        "layers", "units", "batch_norm", "members", "input_scale", "parametric_activation",
    )  # fmt: skip
    turning = ("numeric_embedding",)
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
    parametric_activation: Bool = False
    """Each unit mixes what its activation gives with what it got, by a trainable weight that begins
    at 1: the activation alone (RealMLP: Holzmüller et al., 2024)."""
    batch_norm: Bool = False
    """Batch normalisation between each hidden Dense layer and its activation."""
    dropout: Annotated[tuple[Dropout, ...], Repeated("layers")] = (0.0, 0.0)
    """Share of each hidden layer's outputs that is dropped in training."""
    l2: L2 = 0.0
    """Factor of the squared-weights penalty on every kernel."""
    initializer: DenseInitializer = "glorot_uniform"
    """Of the kernels; "ntk": normal with a deviation of 1, where each layer's inputs are divided by
    the root of their number (the neural tangent parametrisation: Jacot et al., 2018)."""
    numeric_embedding: Embedding = "none"
    """Of each number of a table: cosines of it with trainable frequencies, or its place in bins
    between quantiles, either followed by a linear layer of its own (Gorishniy et al., 2022)."""
    embedding_sigma: Sigma = 0.1
    """Standard deviation of the frequencies that a periodic embedding begins with."""
    input_scale: Bool = False
    """A trainable factor of each value that the first layer gets (Holzmüller et al., 2024)."""
    members: Members = 1
    """Networks that share kernels, differ by scales, biases and the last layer, and answer by their
    mean (TabM: Gorishniy et al., 2025); batch normalisation is over all of them."""

    @property
    def builder(self) -> str:
        """That of members, where there are several."""
        return "members" if self.members > 1 else self.type

    def misfit(self, shape: Shape) -> str:
        """Embeddings of numbers where examples are no rows of a table."""
        if self.numeric_embedding == "none" or isinstance(shape, TableShape):
            return ""
        return (
            f'numeric_embedding = "{self.numeric_embedding}" is for the numbers of a table, but an'
            f' example {described(shape)}; take it out, or write "none"'
        )

    def parameters(self, shape: Shape, outputs: int) -> int:
        """Dense kernels, biases, normalisation, scales, and what is embedded."""
        widths = self._widths(shape, outputs)
        found = self.input_scale * widths[0]
        if isinstance(shape, TableShape):
            found += shape.rows * DIMENSION + shape.numbers * self._embedded.parameters
        found += self.members * sum(self.units) * self.parametric_activation
        if self.members == 1:
            return found + dense_parameters(widths, batch_norm=self.batch_norm)
        *hidden, last = pairwise(widths)
        for fan_in, fan_out in hidden:
            found += fan_in * fan_out + self.members * (fan_in + 2 * fan_out)
            found += 2 * fan_out * self.batch_norm
        return found + self.members * dense_parameters(last, batch_norm=False)

    def macs(self, shape: Shape, outputs: int) -> int:
        """One for each weight of a kernel and each member; a scale adds nothing up."""
        found = self.members * dense_macs(self._widths(shape, outputs))
        if isinstance(shape, TableShape):
            found += shape.numbers * self._embedded.macs
        return found

    @property
    def _embedded(self) -> _Embedded:
        return _EMBEDDED[self.numeric_embedding]

    def _widths(self, shape: Shape, outputs: int) -> tuple[int, ...]:
        width = width_of(shape)
        if isinstance(shape, TableShape):
            width += shape.numbers * (self._embedded.values - 1)
        return (width, *self.units, outputs)

    def output_sizes(self, shape: Shape, outputs: int) -> list[int]:
        """Of a hidden layer Dense, activation, and what else it has; of what is embedded all."""
        width, *_ = self._widths(shape, outputs)
        found = [width] * (1 + self.input_scale)
        if isinstance(shape, TableShape):
            found += [shape.numbers * size for size in self._embedded.outputs]
        several, is_ntk = self.members > 1, self.initializer == "ntk"
        for units, dropout in zip(self.units, self.dropout, strict=True):
            found += [self.members * width] * several
            found += [self.members * width] * is_ntk
            made = 2 + several + self.batch_norm + 3 * self.parametric_activation + (dropout > 0)
            found += [self.members * units] * made
            width = units
        found += [self.members * width] * is_ntk
        return [*found, *[self.members * outputs] * several, outputs]

    @classmethod
    def summary(cls, network: Mapping[str, Any]) -> list[str]:
        """Widths, activation and what is not as usual: "512-256", "gelu", "bn", "drop 0.25",
        "periodic", "scaled", "ntk", "×16 members".
        """
        dropout = network["dropout"]
        # A stored configuration may be older than some of the fields.
        parametric = "parametric " if network.get("parametric_activation") else ""
        words = [shortened(network["units"]), parametric + network["activation"]]
        if network["batch_norm"]:
            words.append("bn")
        if any(dropout):
            words.append(f"drop {math.fsum(dropout) / len(dropout):.2f}")
        if (embedding := network.get("numeric_embedding", "none")) != "none":
            words.append(embedding)
        if network.get("input_scale"):
            words.append("scaled")
        if network.get("initializer") == "ntk":
            words.append("ntk")
        if (members := network.get("members", 1)) > 1:
            words.append(f"×{members} members")
        return words
