"""Convolutional and hybrid networks: blocks of convolutions, then Dense layers or none."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, Strict

from hpsearch.fields import Bool
from hpsearch.networks.network import (
    L2,
    MOST_CHANNELS,
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
    is_image,
    of_array,
    shortened,
    width_of,
)
from hpsearch.searchable import Repeated

Blocks = Annotated[int, Strict(), Field(ge=1, le=8)]
Convs = Annotated[int, Strict(), Field(ge=1, le=8)]
Filters = Annotated[int, Strict(), Field(ge=1, le=4096)]
Kernel = Annotated[int, Strict(), Field(ge=1, le=15)]
Behind = Annotated[int, Strict(), Field(ge=0, le=16)]

RISING = ("relu", "leaky_relu", "elu", "selu", "tanh", "sigmoid", "softplus")
"""Activations that never fall."""


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """One convolution of a network, with the size of its outputs."""

    kernel: int
    inputs: int
    filters: int
    height: int
    width: int
    is_shortcut: bool = False

    @property
    def weights(self) -> int:
        """Of the kernel."""
        return self.kernel**2 * self.inputs * self.filters

    @property
    def values(self) -> int:
        """Of the outputs for one example."""
        return self.height * self.width * self.filters


class Conv(Network):
    """Blocks of convolutions, each followed by pooling, then a head and Dense layers or none.

    A block has ``convs`` times convolution, batch normalisation and activation. With Dense layers
    behind the head the network is a hybrid, with none it is purely convolutional. In a file
    ``filters``, ``convs``, ``kernel`` and ``dropout`` are one value for all blocks or a list of one
    for each, ``units`` and ``dense_dropout`` the same of the Dense layers.
    """

    grows_with = ("filters", "convs", "kernel", "layers", "units", "batch_norm")
    turning = ("blocks", "head", "pool")
    depths = (
        Depth(
            layer="block",
            axis="block",
            width="filters",
            widths="filters",
            width_axis="filters",
            dropout="dropout",
        ),
        Depth(
            layer="dense layer",
            axis="hidden Dense layer",
            width="units",
            widths="widths",
            width_axis="units",
            dropout="dense_dropout",
        ),
    )

    type: Literal["conv"] = "conv"
    blocks: Blocks = 3
    """Follows from a list of one value for each."""
    filters: Annotated[tuple[Filters, ...], Repeated("blocks")] = (64, 64, 64)
    """Of each convolution of a block."""
    convs: Annotated[tuple[Convs, ...], Repeated("blocks")] = (1, 1, 1)
    """Convolutions of each block."""
    kernel: Annotated[tuple[Kernel, ...], Repeated("blocks")] = (3, 3, 3)
    """Height and width of each block's kernels."""
    activation: Activation = "relu"
    """Behind each convolution and each hidden Dense layer."""
    batch_norm: Bool = True
    """Batch normalisation between each convolution or hidden Dense layer and its activation."""
    residual: Bool = False
    """A block's inputs are added before its last activation, projected where the shapes differ."""
    pool: Literal["max", "avg", "stride"] = "max"
    """How a block halves height and width: 2 × 2 pooling, or a last convolution of stride 2."""
    dropout: Annotated[tuple[Dropout, ...], Repeated("blocks")] = (0.0, 0.0, 0.0)
    """Share of each block's outputs that is dropped in training."""
    head: Literal["gap", "flatten"] = "gap"
    """What becomes of the last block's outputs: their mean over the image, or all of them."""
    layers: Behind = 0
    """Hidden Dense layers behind the head: a hybrid network; 0: a purely convolutional one."""
    units: Annotated[tuple[Units, ...], Repeated("layers", usual=256)] = ()
    """Width of each hidden Dense layer."""
    dense_dropout: Annotated[tuple[Dropout, ...], Repeated("layers", usual=0.0)] = ()
    """Share of each hidden Dense layer's outputs that is dropped in training."""
    l2: L2 = 0.0
    """Factor of the squared-weights penalty on every kernel."""
    initializer: Initializer = "he_normal"
    """Of the kernels."""

    @classmethod
    def refusal(cls, shape: Shape) -> str:
        """Anything but images of 1 to 4 channels."""
        if is_image(shape):
            return ""
        return (
            f"a convolutional network takes images, shape (height, width) or (height, width, 1 to"
            f" {MOST_CHANNELS}), but an example {described(shape)}; reshape the arrays, or use a"
            " dense network"
        )

    def parameters(self, shape: Shape, outputs: int) -> int:
        """Kernels, biases, and normalisation, which takes the place of biases."""
        per_filter = 2 if self.batch_norm else 1
        found = [one for block in self.convolutions(shape) for one in block]
        stack = dense_parameters(self._widths(shape, outputs), batch_norm=self.batch_norm)
        return sum(one.weights + per_filter * one.filters for one in found) + stack

    def macs(self, shape: Shape, outputs: int) -> int:
        """Each weight of a convolution once for each place of its outputs, of Dense layers once."""
        found = [one for block in self.convolutions(shape) for one in block]
        places = sum(one.weights * one.height * one.width for one in found)
        return places + dense_macs(self._widths(shape, outputs))

    def output_sizes(self, shape: Shape, outputs: int) -> list[int]:
        """Of a block its convolutions, normalisations, activations, sums, pooling and dropout."""
        found = [width_of(shape)]
        each = 1 + self.batch_norm
        for block, dropout in zip(self.convolutions(shape), self.dropout, strict=True):
            values = block[-1].values
            found += [one.values for one in block for _ in range(each)]
            found += [values] * self.residual
            height, width = self._pooled(block[-1])
            pooled = height * width * block[-1].filters
            activated = [one.values for one in block if not one.is_shortcut]
            found += [*activated[:-1], pooled if pools_first(self) else values]
            found += [pooled] * ((self.pool != "stride") + (dropout > 0))
        head, *widths = self._widths(shape, outputs)
        found.append(head)
        for units, dropout in zip(widths, self.dense_dropout, strict=False):
            found += [units] * (each + 1 + (dropout > 0))
        return [*found, outputs]

    def convolutions(self, shape: Shape) -> Iterator[list[Convolution]]:
        """The convolutions of each block, that of its shortcut behind the others.

        Args:
            shape: of an example.
        """
        height, width, *channel = of_array(shape)
        channels = channel[0] if channel else 1
        strided = self.pool == "stride"
        for filters, convs, kernel in zip(self.filters, self.convs, self.kernel, strict=True):
            inputs, block = channels, list[Convolution]()
            for conv in range(convs):
                if strided and conv == convs - 1:
                    height, width = _half(height), _half(width)
                block.append(
                    Convolution(
                        kernel=kernel, inputs=channels, filters=filters, height=height, width=width
                    )
                )
                channels = filters
            if self.residual and (strided or inputs != filters):
                block.append(
                    Convolution(
                        kernel=1,
                        inputs=inputs,
                        filters=filters,
                        height=height,
                        width=width,
                        is_shortcut=True,
                    )
                )
            yield block
            height, width = self._pooled(block[-1])

    def _pooled(self, last: Convolution) -> tuple[int, int]:
        """Height and width of what a block puts out."""
        if self.pool == "stride":
            return last.height, last.width
        return _half(last.height), _half(last.width)

    def _widths(self, shape: Shape, outputs: int) -> tuple[int, ...]:
        """What goes into the Dense layers, and their widths."""
        *_, block = self.convolutions(shape)
        height, width = self._pooled(block[-1])
        places = height * width if self.head == "flatten" else 1
        return (places * block[-1].filters, *self.units, outputs)

    @classmethod
    def families(cls) -> tuple[str, ...]:
        """Two: purely convolutional ones, and hybrids."""
        return ("conv", "hybrid")

    @classmethod
    def family(cls, network: Mapping[str, Any]) -> str:
        """A hybrid with hidden Dense layers, "conv" without."""
        return "hybrid" if network["layers"] else "conv"

    @classmethod
    def summary(cls, network: Mapping[str, Any]) -> list[str]:
        """Filters, Dense layers, activation, ...: "conv 32-64-128", "+ 256", "gelu", "bn"."""
        words = [f"conv {shortened(network['filters'])}"]
        if max(network["convs"]) > 1:
            words.append(f"×{_alike(network['convs'])}")
        if network["units"]:
            words.append(f"+ {shortened(network['units'])}")
        words += [f"k{_alike(network['kernel'])}", network["activation"]]
        words += ["bn"] * network["batch_norm"] + ["res"] * network["residual"]
        words += [network["pool"], network["head"]]
        if any(dropout := [*network["dropout"], *network["dense_dropout"]]):
            words.append(f"drop {math.fsum(dropout) / len(dropout):.2f}")
        return words


def pools_first(network: Conv) -> bool:
    """Whether the last activation of a block comes behind pooling, where fewer values are left.

    It makes no difference where the greatest of four stays the greatest. Exported scripts have this
    function, and of the network only its fields.
    """
    return network.pool == "max" and network.activation in RISING


def _half(size: int) -> int:
    """What is left of a height or width: pooling pads to an even one."""
    return -(-size // 2)


def _alike(values: list[int]) -> str:
    """One value where all are the same, else each."""
    return "-".join(str(one) for one in (values[:1] if len(set(values)) == 1 else values))
