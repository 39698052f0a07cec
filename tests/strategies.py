"""Hypothesis strategies: configurations, spaces, recipes and study files as plain tables."""

import string
from collections.abc import Sequence
from typing import Any, get_args

from hypothesis import strategies as st

from hpsearch.config import LRSchedule, TrialConfig
from hpsearch.derived import Choice, OpenSection
from hpsearch.networks.dense import Activation, Initializer
from hpsearch.optimizers import OPTIMIZERS
from hpsearch.ranges import RANGES
from hpsearch.space import Replay, Space
from hpsearch.tasks import METRICS

ACTIVATIONS = get_args(Activation)
INITIALIZERS = get_args(Initializer)
SCHEDULES = get_args(LRSchedule)


WIDE: dict[str, Any] = {
    "layers": {"type": "int", "low": 1, "high": 3},
    "units": {"type": "int", "low": 64, "high": 2048, "log": True, "per_layer": True},
    "batch_norm": {"type": "categorical", "choices": [True, False]},
    "dropout": {"type": "float", "low": 0.0, "high": 0.5, "step": 0.1},
    "optimizer": {
        "adam": {
            "learning_rate": {"type": "float", "low": 1e-4, "high": 1e-2, "log": True},
            "beta_1": {"type": "float", "low": 0.8, "high": 0.95},
            "epsilon": 1e-5,
        },
        "sgd": {"nesterov": True},
    },
}
"""A space with ranges of every kind, conditional ones among them."""


def between(low: float, high: float, *, below: bool = False) -> st.SearchStrategy[float]:
    """Numbers from ``low`` to ``high``; ``below``: the end left out."""
    return st.floats(low, high, exclude_max=below, allow_nan=False)


units = st.integers(1, 65_536)
dropout = between(0, 1, below=True)
l2 = between(0, 1)
batch_size = st.integers(1, 65_536)
decay = between(0, 1, below=True)
settings = {
    "learning_rate": between(1e-9, 10),
    "beta_1": decay,
    "beta_2": decay,
    "rho": decay,
    "momentum": decay,
    "epsilon": between(1e-12, 1),
    "weight_decay": between(0, 1),
    "amsgrad": st.booleans(),
    "nesterov": st.booleans(),
    "centered": st.booleans(),
}


@st.composite
def optimizers(draw: st.DrawFn) -> dict[str, Any]:
    """One fixed optimizer with any of its settings."""
    kind = draw(st.sampled_from(sorted(OPTIMIZERS)))
    keys = set(OPTIMIZERS[kind].model_fields) - {"type"}
    chosen = draw(st.sets(st.sampled_from(sorted(keys))))
    return {"type": kind, **{key: draw(settings[key]) for key in sorted(chosen)}}


@st.composite
def configs(draw: st.DrawFn, most_layers: int = 5) -> TrialConfig:
    """Any configuration of up to ``most_layers`` layers."""
    layers = draw(st.integers(1, most_layers))
    return TrialConfig.model_validate(
        {
            "layers": layers,
            "units": draw(units | st.lists(units, min_size=layers, max_size=layers)),
            "activation": draw(st.sampled_from(ACTIVATIONS)),
            "batch_norm": draw(st.booleans()),
            "dropout": draw(dropout | st.lists(dropout, min_size=layers, max_size=layers)),
            "l2": draw(l2),
            "initializer": draw(st.sampled_from(INITIALIZERS)),
            "batch_size": draw(batch_size),
            "lr_schedule": draw(st.sampled_from(SCHEDULES)),
            "optimizer": draw(optimizers()),
        }
    )


@st.composite
def int_ranges(draw: st.DrawFn, low: int, high: int) -> dict[str, Any]:
    """A whole-number range within ``low`` to ``high``, sometimes with a step or logarithmic."""
    first = draw(st.integers(low, high))
    step = draw(st.integers(1, max(1, high - first)))
    steps = draw(st.integers(0, (high - first) // step))
    log = step == 1 and draw(st.booleans())
    return {"type": "int", "low": first, "high": first + step * steps, "step": step, "log": log}


@st.composite
def float_ranges(draw: st.DrawFn, values: st.SearchStrategy[float]) -> dict[str, Any]:
    """A range between two of the values, sometimes logarithmic."""
    low, high = sorted((draw(values), draw(values)))
    return {"type": "float", "low": low, "high": high, "log": low > 0 and draw(st.booleans())}


def choices(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """One to four different values."""
    several = st.lists(values, min_size=1, max_size=4, unique=True)
    return several.map(lambda listed: {"type": "categorical", "choices": listed})


def optional(table: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """A table with or without ``per_layer``."""
    return st.builds(
        lambda chosen, extra: {**chosen, **extra},
        table,
        st.sampled_from([{}, {"per_layer": True}, {"per_layer": False}]),
    )


@st.composite
def optimizer_spaces(draw: st.DrawFn) -> dict[str, Any]:
    """One table for each of some optimizers."""
    space = {}
    for kind in draw(st.lists(st.sampled_from(sorted(OPTIMIZERS)), min_size=1, unique=True)):
        table = {}
        for key in draw(st.sets(st.sampled_from(sorted(OPTIMIZERS[kind].model_fields)))) - {"type"}:
            values = settings[key]
            logical = key in ("amsgrad", "nesterov", "centered")
            field = values | choices(values)
            table[key] = draw(field if logical else field | float_ranges(values))
        space[kind] = table
    return space


@st.composite
def spaces(draw: st.DrawFn) -> dict[str, Any]:
    """``[space]`` as a table; fields are left out, fixed or ranges."""
    layers = st.integers(1, 4)
    fields: dict[str, st.SearchStrategy[Any]] = {
        "layers": layers | int_ranges(1, 4) | choices(layers),
        "units": units | optional(int_ranges(1, 4096)) | optional(choices(units)),
        "activation": st.sampled_from(ACTIVATIONS) | choices(st.sampled_from(ACTIVATIONS)),
        "batch_norm": st.booleans() | choices(st.booleans()),
        "dropout": dropout | optional(float_ranges(dropout)) | optional(choices(dropout)),
        "l2": l2 | float_ranges(l2) | choices(l2),
        "initializer": st.sampled_from(INITIALIZERS) | choices(st.sampled_from(INITIALIZERS)),
        "batch_size": batch_size | int_ranges(1, 4096) | choices(batch_size),
        "lr_schedule": st.sampled_from(SCHEDULES) | choices(st.sampled_from(SCHEDULES)),
        "optimizer": optimizers() | optimizer_spaces(),
    }
    chosen = draw(st.sets(st.sampled_from(sorted(fields))))
    return {key: draw(fields[key]) for key in fields if key in chosen}


seconds = st.sampled_from(["2h", "1h30m", "90s"]) | between(0.5, 1e6)
metrics = st.sampled_from(sorted(METRICS))
datasets = st.fixed_dictionaries(
    {"source": st.sampled_from(["digits", "mnist", "cifar10"])},
    optional={
        "validation": st.just("given") | between(0.01, 0.99),
        "split_seed": st.integers(0, 2**31 - 1),
        "scale": st.sampled_from(["none", "unit", "symmetric", "standardize"]),
        "limit": st.integers(1, 10**9),
        "class_weights": st.sampled_from(["none", "balanced"]),
    },
)
trainings = st.fixed_dictionaries(
    {},
    optional={
        "epochs": st.integers(1, 100_000),
        "early_stopping": st.just(False)
        | st.fixed_dictionaries({}, optional={"monitor": metrics, "patience": st.integers(1, 99)}),
        "precision": st.sampled_from(["auto", "float32", "mixed_bfloat16", "mixed_float16"]),
        "tensorboard": st.just(False) | st.fixed_dictionaries({"histograms": st.booleans()}),
        "trial_timeout": seconds,
    },
)
objectives = st.fixed_dictionaries(
    {}, optional={"metric": metrics, "epoch": st.sampled_from(["best", "last"])}
)
study_files = st.fixed_dictionaries(
    {
        "name": st.text(string.ascii_letters + string.digits, min_size=1, max_size=100),
        "dataset": datasets,
        "space": spaces(),
    },
    optional={
        "seed": st.integers(0, 2**31 - 1),
        "training": trainings,
        "objective": objectives,
        "budget": st.fixed_dictionaries(
            {}, optional={"trials": st.integers(1, 10**6), "timeout": seconds}
        ),
        "sampler": st.sampled_from(["tpe", "gp", "qmc", "random", "grid"]).map(
            lambda kind: {"type": kind}
        ),
        "pruner": st.sampled_from(
            ["median", "percentile", "successive_halving", "hyperband", "none"]
        ).map(lambda kind: {"type": kind}),
        "baseline": configs().map(lambda config: config.model_dump(mode="json")),
    },
)


def within(chosen: Space, config: TrialConfig) -> bool:
    """Whether each field of the configuration is the space's value or lies in its range."""
    return all(_holds(getattr(chosen, key), getattr(config, key)) for key in Space.model_fields)


def _holds(field: Any, value: Any) -> bool:
    if isinstance(field, OpenSection):
        return all(_holds(inner, getattr(value, key)) for key, inner in field)
    if isinstance(field, Choice):
        table = field.tables().get(value.type)
        return table is not None and all(
            wanted is None or _holds(wanted, getattr(value, key)) for key, wanted in table
        )
    if isinstance(value, tuple) and not isinstance(field, tuple):
        alike = getattr(field, "per_layer", False) or len(set(value)) == 1
        return alike and all(_holds(field, item) for item in value)
    return bool(field.contains(value) if isinstance(field, RANGES) else field == value)


class Noted(Replay):
    """Answers as it was answered then, and notes what it is asked for."""

    def __init__(self, params: Any) -> None:
        super().__init__(params)
        self.asked: list[list[Any]] = []

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        self.asked.append([name, "int", low, high, step, log])
        return super().suggest_int(name, low, high, step=step, log=log)

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        self.asked.append([name, "float", low, high, step, log])
        return super().suggest_float(name, low, high, step=step, log=log)

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        self.asked.append([name, "cat", list(choices)])
        return super().suggest_categorical(name, choices)


@st.composite
def conv_networks(draw: st.DrawFn) -> dict[str, Any]:
    """Any small convolutional or hybrid network, as a table."""
    blocks, layers = draw(st.integers(1, 4)), draw(st.integers(0, 2))

    def each(count: int, values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=count, max_size=count))

    return {
        "type": "conv",
        "blocks": blocks,
        "filters": each(blocks, st.integers(1, 9)),
        "convs": each(blocks, st.integers(1, 3)),
        "kernel": each(blocks, st.integers(1, 5)),
        "dropout": each(blocks, st.sampled_from([0.0, 0.5])),
        "layers": layers,
        "units": each(layers, st.integers(1, 9)),
        "dense_dropout": each(layers, st.sampled_from([0.0, 0.5])),
        "batch_norm": draw(st.booleans()),
        "residual": draw(st.booleans()),
        "pool": draw(st.sampled_from(["max", "avg", "stride"])),
        "head": draw(st.sampled_from(["gap", "flatten"])),
        "activation": draw(st.sampled_from(ACTIVATIONS)),
        "initializer": draw(st.sampled_from(INITIALIZERS)),
        "l2": draw(st.sampled_from([0.0, 1e-3])),
    }


image_shapes = st.sampled_from([(7, 5), (8, 8, 1), (9, 6, 3), (1, 1, 4), (13, 2, 2)])
"""Shapes of images, grey ones without a channel among them."""
