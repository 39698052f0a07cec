"""Network: what every kind of network has, its size and its summary."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, Strict

from hpsearch.data.tables.shape import TableShape
from hpsearch.searchable import Searchable, kind_of

Shape = tuple[int, ...] | TableShape
"""Of one example, without the batch."""

MOST_CHANNELS = 4
"""Of an image: grey, grey and alpha, colours, colours and alpha."""

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


@dataclass(frozen=True, kw_only=True)
class Depth:
    """The fields of a network that have a value for each layer, as a figure shows them."""

    layer: str
    """What they are of: "layer", "block"."""
    axis: str
    """The same, to count by: "hidden layer"."""
    width: str
    """The field of the widths."""
    widths: str
    """What these are: "widths", "filters"."""
    width_axis: str
    """The same, with the unit."""
    dropout: str
    """The field of the dropout behind each."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a network takes, whatever its settings are called."""

    parameters: int
    """Trainable ones."""
    macs: int
    """Multiplications with an addition, for one example."""


class Network(Searchable):
    """The fields of one kind of network; nothing left to choose."""

    type: str
    grows_with: ClassVar[tuple[str, ...]]
    """The fields by which it is made smaller, for advice."""
    turning: ClassVar[tuple[str, ...]] = ()
    """The fields of which neither end need be the smallest network."""
    has_metrics: ClassVar[bool] = False
    """Whether it may report metrics that hpsearch does not know."""
    has_script: ClassVar[bool] = True
    """Whether there is a script of it that needs no hpsearch."""
    depths: ClassVar[tuple[Depth, ...]]
    """What figures show of its layers, a figure each."""

    @classmethod
    def refusal(cls, shape: Shape) -> str:  # noqa: ARG003  # most take any
        """Why a network of this kind cannot take examples, with the cure; empty: it can.

        Args:
            shape: of an example.
        """
        return ""

    @property
    def builder(self) -> str:
        """The module of ``hpsearch.training.networks`` that has its layers."""
        return self.type

    def misfit(self, shape: Shape) -> str:
        """Why its settings do not fit examples, with the cure; empty: they do.

        Args:
            shape: of an example, which ``refusal`` does not refuse.
        """
        return ""

    def parameters(self, shape: Shape, outputs: int) -> int:
        """Trainable parameters.

        Args:
            shape: of an example.
            outputs: values that the network puts out for an example.
        """
        raise NotImplementedError

    def macs(self, shape: Shape, outputs: int) -> int:
        """Multiplications, each with an addition, of all kernels for one example.

        Args:
            shape: of an example.
            outputs: values that the network puts out for an example.
        """
        raise NotImplementedError

    def size(self, shape: Shape, outputs: int) -> Size | None:
        """Both; None: they are known only when the network is built. Arguments as above."""
        return Size(parameters=self.parameters(shape, outputs), macs=self.macs(shape, outputs))

    def output_sizes(self, shape: Shape, outputs: int) -> list[int]:
        """How many values each layer puts out for one example, the scaled inputs first.

        Args:
            shape: of an example.
            outputs: values that the network puts out for an example.
        """
        raise NotImplementedError

    def without_place(self) -> Self:
        """The same without where anything of it lies."""
        return self

    def packed(self, stem: str) -> tuple[Self, dict[str, bytes]]:
        """The same with what it names beside the file that holds it; and what that is, by paths
        relative to its folder. Most name nothing.

        Args:
            stem: of the file's name, for what has no name of its own.

        Raises:
            HpsearchError: it is not there any more, or has changed.
        """
        return self, {}

    @classmethod
    def located(
        cls,
        table: Mapping[str, Any],
        folder: Path,  # noqa: ARG003  # most name nothing
        where: str,  # noqa: ARG003
    ) -> dict[str, Any]:
        """The table of such a network with what it names found, before it is checked.

        Args:
            table: of a configuration, a space or a part, as a file has it.
            folder: what paths are relative to.
            where: the file, for a message.

        Raises:
            HpsearchError: it names something that is not there, or has changed.
        """
        return dict(table)

    @classmethod
    def families(cls) -> tuple[str, ...]:
        """What a reader may call such networks, where figures tell kinds apart."""
        return (kind_of(cls),)

    @classmethod
    def family(cls, network: Mapping[str, Any]) -> str:  # noqa: ARG003  # most have one name
        """Which of :meth:`families` a network is.

        Args:
            network: the fields, JSON-ready.
        """
        return cls.families()[0]

    @classmethod
    def summary(cls, network: Mapping[str, Any]) -> list[str]:
        """The words of a short line.

        Args:
            network: the fields, JSON-ready.
        """
        raise NotImplementedError


def is_image(shape: Shape) -> bool:
    """Whether examples of a shape are images: (height, width) or (height, width, channels)."""
    if isinstance(shape, TableShape):
        return False
    return len(shape) == 2 or (len(shape) == 3 and shape[-1] <= MOST_CHANNELS)


def of_array(shape: Shape) -> tuple[int, ...]:
    """The shape of an array's example.

    Raises:
        TypeError: it is a row of a table, which has none; what ``refusal`` refuses does not get so
            far.
    """
    if isinstance(shape, TableShape):
        raise TypeError("a row of a table has no shape")
    return shape


def described(shape: Shape) -> str:
    """A shape for a message: "has shape (64,)", "is a row of a table"."""
    return "is a row of a table" if isinstance(shape, TableShape) else f"has shape {shape}"


def width_of(shape: Shape) -> int:
    """Values of an example, flattened."""
    return shape.width if isinstance(shape, TableShape) else math.prod(shape)


def dense_parameters(widths: Sequence[int], *, batch_norm: bool) -> int:
    """Trainable parameters of Dense layers that follow one another, the last one the outputs.

    With batch normalisation all but the last have a scale and an offset for each unit in place of
    its bias.

    Args:
        widths: the inputs, then each layer's units.
        batch_norm: whether all but the last are normalised.
    """
    *hidden, outputs = widths[1:]
    return dense_macs(widths) + (2 if batch_norm else 1) * sum(hidden) + outputs


def dense_macs(widths: Sequence[int]) -> int:
    """Multiplications of Dense layers that follow one another. Arguments as above."""
    return sum(fan_in * fan_out for fan_in, fan_out in pairwise(widths))


def shortened(widths: Sequence[int]) -> str:
    """The widths of layers in a short line: "512-256", "8-8-8-8-8-8-… (9 layers)"."""
    text = "-".join(str(width) for width in widths[:MOST_WIDTHS])
    return text if len(widths) <= MOST_WIDTHS else f"{text}-… ({len(widths)} layers)"
