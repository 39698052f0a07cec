"""TrialConfig: one fully resolved point of a search space, everything that shapes the network."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, Strict, Tag, model_validator

from hpsearch.fields import BY_TYPE, Bool, Section, show

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
LearningRate = Annotated[float, Strict(), Field(gt=0.0, le=10.0)]
Decay = Annotated[float, Strict(), Field(ge=0.0, lt=1.0)]
"""A momentum-like coefficient."""
Epsilon = Annotated[float, Strict(), Field(gt=0.0, le=1.0)]
WeightDecay = Annotated[float, Strict(), Field(ge=0.0, le=1.0)]


class Adam(Section):
    """Adam (Kingma & Ba, 2015). Defaults are those of ``keras.optimizers.Adam``."""

    type: Literal["adam"] = "adam"
    learning_rate: LearningRate = 1e-3
    beta_1: Decay = 0.9
    beta_2: Decay = 0.999
    epsilon: Epsilon = 1e-7
    amsgrad: Bool = False


class AdamW(Section):
    """Adam with decoupled weight decay (Loshchilov & Hutter, 2019). Defaults of Keras' AdamW."""

    type: Literal["adamw"] = "adamw"
    learning_rate: LearningRate = 1e-3
    weight_decay: WeightDecay = 4e-3
    beta_1: Decay = 0.9
    beta_2: Decay = 0.999
    epsilon: Epsilon = 1e-7
    amsgrad: Bool = False


class SGD(Section):
    """Gradient descent with momentum. Defaults of ``keras.optimizers.SGD``."""

    type: Literal["sgd"] = "sgd"
    learning_rate: LearningRate = 1e-2
    momentum: Decay = 0.0
    nesterov: Bool = False


class RMSprop(Section):
    """RMSprop (Hinton, 2012). Defaults of ``keras.optimizers.RMSprop``."""

    type: Literal["rmsprop"] = "rmsprop"
    learning_rate: LearningRate = 1e-3
    rho: Decay = 0.9
    momentum: Decay = 0.0
    epsilon: Epsilon = 1e-7
    centered: Bool = False


Optimizer = Annotated[
    Annotated[Adam, Tag("<adam>")]
    | Annotated[AdamW, Tag("<adamw>")]
    | Annotated[SGD, Tag("<sgd>")]
    | Annotated[RMSprop, Tag("<rmsprop>")],
    BY_TYPE,
]
OPTIMIZERS: dict[str, type[Adam | AdamW | SGD | RMSprop]] = {
    "adam": Adam,
    "adamw": AdamW,
    "sgd": SGD,
    "rmsprop": RMSprop,
}


def per_layer(value: object, layers: int, key: str) -> tuple[Any, ...]:
    """One value for all layers, or a list of ``layers`` values, as a tuple of ``layers`` values.

    Raises:
        ValueError: a list of another length.
    """
    if not isinstance(value, (list, tuple)):
        return (value,) * layers
    if len(value) != layers:
        raise ValueError(
            f"{key} = {show(list(value))} is a list of {len(value)}, but layers = {layers};"
            " write one value for all layers, or one for each"
        )
    return tuple(value)


PER_LAYER = ("units", "dropout")
"""Fields that may be a list of one value for each layer."""


def listed_layers(table: Mapping[str, Any]) -> tuple[str, int] | None:
    """The first of the fields that is a list with its length, which is the number of layers.

    Args:
        table: fields by name, as a user writes them.

    Raises:
        ValueError: a list is empty, or they differ in length.
    """
    lists = {key: table[key] for key in PER_LAYER if isinstance(table.get(key), (list, tuple))}
    for key, values in lists.items():
        if not values:
            raise ValueError(f"{key} = [] is empty; write at least one value, one for each layer")
    if len({len(values) for values in lists.values()}) > 1:
        told = " and ".join(f"{key} is a list of {len(values)}" for key, values in lists.items())
        raise ValueError(f"{told}; give each list one value for each layer")
    return next(((key, len(values)) for key, values in lists.items()), None)


def with_layers(table: Any) -> Any:
    """A table of fields with the number of layers, where it only follows from a list's length."""
    if not isinstance(table, dict) or "layers" in table:
        return table
    found = listed_layers(table)
    return table if found is None else {**table, "layers": found[1]}


class TrialConfig(Section):
    """One dense network with its training settings; nothing left to choose.

    In a file ``units`` and ``dropout`` are one value for all layers or a list of one for each, from
    which the number of layers follows where it is left out; here they are always one for each
    layer.
    """

    layers: Layers = 2
    """Hidden layers."""
    units: tuple[Units, ...] = (128, 128)
    """Width of each hidden layer."""
    activation: Activation = "relu"
    batch_norm: Bool = False
    """Batch normalisation between each hidden Dense layer and its activation."""
    dropout: tuple[Dropout, ...] = (0.0, 0.0)
    """Share of each hidden layer's outputs that is dropped in training."""
    l2: L2 = 0.0
    """Factor of the squared-weights penalty on every kernel."""
    initializer: Initializer = "glorot_uniform"
    batch_size: BatchSize = 32
    lr_schedule: LRSchedule = "constant"
    optimizer: Optimizer = Adam()

    @model_validator(mode="before")
    @classmethod
    def _spread(cls, data: Any) -> Any:
        """Write ``units`` and ``dropout`` as one value for each layer."""
        if not isinstance(data, dict):
            return data
        for key, value in data.items():
            if isinstance(value, dict) and key in cls.model_fields and key != "optimizer":
                raise ValueError(f"{key} = {show(value)} is a table; write a plain value")
        data = with_layers(data)
        layers = data.get("layers", 2)
        if isinstance(layers, bool) or not isinstance(layers, int) or not 1 <= layers <= 64:
            return data  # the field itself says what is wrong
        spread = {
            key: per_layer(data.get(key, default), layers, key)
            for key, default in (("units", 128), ("dropout", 0.0))
        }
        return {**data, **spread}


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
