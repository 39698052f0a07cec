"""TrialConfig: one fully resolved point of a search space, everything that shapes the network."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, Strict

from hpsearch.fields import Bool
from hpsearch.optimizers import Adam, AnyOptimizer
from hpsearch.searchable import Repeated, Searchable

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
BatchSize = Annotated[int, Strict(), Field(ge=1, le=65536)]
LRSchedule = Literal["constant", "plateau", "cosine", "step", "warmup_cosine"]


class TrialConfig(Searchable):
    """One dense network with its training settings; nothing left to choose.

    In a file ``units`` and ``dropout`` are one value for all layers or a list of one for each, from
    which the number of layers follows where it is left out; here they are always one for each
    layer.
    """

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
    batch_size: BatchSize = 32
    """Examples of one step."""
    lr_schedule: LRSchedule = "constant"
    """How the rate changes: not at all, by ``reduce_lr_on_plateau``, ..."""
    optimizer: AnyOptimizer = Adam()
    """One table with a ``type``, or one for each that may be chosen; settings as in Keras."""


def count_parameters(config: TrialConfig, inputs: int, classes: int) -> int:
    """Trainable parameters of the network.

    Dense kernels and biases; with batch normalisation a hidden layer has a scale and an offset
    for each unit in place of its bias.

    Args:
        config: the network.
        inputs: number of input features (3,072 for 32 x 32 x 3 images).
        classes: number of outputs.
    """
    widths: Sequence[int] = (inputs, *config.units)
    per_unit = 2 if config.batch_norm else 1
    hidden = sum(fan_in * fan_out + per_unit * fan_out for fan_in, fan_out in pairwise(widths))
    return hidden + widths[-1] * classes + classes


def flat(config: TrialConfig) -> dict[str, Any]:
    """The configuration as a plain JSON-ready object, in the order of the fields."""
    return config.model_dump(mode="json")


def is_whole(config: Mapping[str, Any] | None) -> bool:
    """Whether a plain configuration is resolved, as :func:`flat` gives it.

    That of a waiting trial has Optuna's names, and some of them; of a trial that another program
    told nothing may be known.
    """
    if config is None or not config.keys() >= TrialConfig.model_fields.keys():
        return False
    return isinstance(config["optimizer"], Mapping)


def describe(config: TrialConfig) -> str:
    """One short line for tables; see :func:`summary`."""
    return summary(flat(config))


MOST_WIDTHS = 6
"""Layers whose widths a short line names; of more it names the first ones."""


def summary(config: Mapping[str, Any]) -> str:
    """A configuration, as :func:`flat` gives it, in one short line.

    "512-256 gelu bn drop 0.25 adam 1.2e-03 cosine b64"
    """
    units, dropout, optimizer = config["units"], config["dropout"], config["optimizer"]
    widths = "-".join(str(width) for width in units[:MOST_WIDTHS])
    parts = [widths if len(units) <= MOST_WIDTHS else f"{widths}-… ({len(units)} layers)"]
    parts.append(config["activation"])
    if config["batch_norm"]:
        parts.append("bn")
    if any(dropout):
        parts.append(f"drop {math.fsum(dropout) / len(dropout):.2f}")
    parts.append(f"{optimizer['type']} {optimizer['learning_rate']:.1e}")
    parts.append(config["lr_schedule"])
    parts.append(f"b{config['batch_size']}")
    return " ".join(parts)
