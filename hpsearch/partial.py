"""Partial configurations: what a user enqueues, held against the space and named as Optuna does."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import field_serializer

from hpsearch.config import (
    L2,
    OPTIMIZERS,
    PER_LAYER,
    Activation,
    BatchSize,
    Initializer,
    Layers,
    LRSchedule,
    Optimizer,
    TrialConfig,
    listed_layers,
    per_layer,
)
from hpsearch.fields import Bool, Section, show
from hpsearch.ranges import RANGES, DropoutValue, UnitsValue, extent
from hpsearch.space import Corner, OptimizerChoice, Space, suggest_config


class PartialConfig(Section):
    """``[[enqueue]]``: some fields of a configuration; those left out are sampled."""

    layers: Layers | None = None
    units: UnitsValue | None = None
    activation: Activation | None = None
    batch_norm: Bool | None = None
    dropout: DropoutValue | None = None
    l2: L2 | None = None
    initializer: Initializer | None = None
    batch_size: BatchSize | None = None
    lr_schedule: LRSchedule | None = None
    optimizer: Optimizer | None = None

    @field_serializer("optimizer")
    def _as_written(self, optimizer: Any) -> Any:
        """Only the settings that were written down: those left out stay open."""
        if optimizer is None:
            return None
        return {"type": optimizer.type, **optimizer.model_dump(exclude_unset=True)}


def params_of(space: Space, partial: PartialConfig) -> dict[str, Any]:
    """The parameters, as Optuna names them, that a partial configuration fixes.

    Raises:
        ValueError: a value that the space cannot yield, with the field and the cure.
    """
    params: dict[str, Any] = {}
    layers = _enqueued_layers(space, partial)
    if layers is not None:
        _settle(space.layers, "layers", layers, params)
    for key in PER_LAYER:
        value = getattr(partial, key)
        if value is not None:
            count = layers or _max_layers(space)
            _settle_layers(getattr(space, key), key, per_layer(value, count, key), params)
    for key in ("activation", "batch_norm", "l2", "initializer", "batch_size", "lr_schedule"):
        value = getattr(partial, key)
        if value is not None:
            _settle(getattr(space, key), key, value, params)
    if partial.optimizer is not None:
        _settle_optimizer(space.optimizer, partial.optimizer, params)
    return params


def misfits(space: Space, config: TrialConfig) -> list[str]:
    """The fields of a configuration that a space cannot yield: "units", "optimizer.learning_rate".

    None: the configuration lies in the space, and :func:`params_of` gives its parameters.
    """
    found = [
        key
        for key, value in config
        if key != "optimizer"
        and not _settles(
            _settle_layers if key in PER_LAYER else _settle,
            getattr(space, key), key, value,
        )
    ]  # fmt: skip
    optimizer, kind = config.optimizer, OPTIMIZERS[config.optimizer.type]
    if not _settles(_settle_optimizer, space.optimizer, kind()):
        return [*found, "optimizer"]
    settings = {key: value for key, value in optimizer if key != "type"}
    return found + [
        f"optimizer.{key}"
        for key, value in settings.items()
        if not _settles(_settle_optimizer, space.optimizer, kind(**{key: value}))
    ]


def _settles(settle: Callable[..., None], *values: Any) -> bool:
    """Whether values can be recorded by one of the functions below."""
    try:
        settle(*values, {})
    except ValueError:
        return False
    return True


def _enqueued_layers(space: Space, partial: PartialConfig) -> int | None:
    """The number of layers that a partial configuration names, if only by a list's length."""
    if partial.layers is not None:
        return partial.layers
    found = listed_layers(dict(partial))
    fixed = space.layers if isinstance(space.layers, int) else None
    if found is None or found[1] == fixed:
        return fixed
    key, count = found
    if fixed is not None:
        raise ValueError(
            f"{key} = {show(list(getattr(partial, key)))} is a list of {count}, but the space"
            f" fixes layers to {fixed}; write one value for all layers, or make layers a range in"
            " the space"
        )
    return count


def _settle(
    field: Any, name: str, value: Any, params: dict[str, Any], key: str | None = None
) -> None:
    """Record ``value`` for a range as ``name``; hold it against a fixed value.

    Args:
        field: the field of the space.
        name: the parameter, as Optuna names it.
        value: what was enqueued.
        params: takes the value.
        key: where the value was written, for the message; None: at ``name``.
    """
    given = f"{key or name} = {show(value)}"
    if isinstance(field, RANGES):
        if not field.contains(value):
            raise ValueError(
                f"{given} is not in the space ({extent(field)}); change it or widen the range"
            )
        params[name] = value
    elif field != value:
        raise ValueError(
            f"{given}, but the space fixes it to {show(field)}; change it, or make it a range in"
            " the space"
        )


def _settle_layers(field: Any, name: str, values: tuple[Any, ...], params: dict[str, Any]) -> None:
    """Record one value for each layer, or the one that all layers share."""
    if getattr(field, "per_layer", False):
        for layer, value in enumerate(values):
            _settle(field, f"{name}_{layer}", value, params, f"{name}[{layer}]")
    elif isinstance(field, tuple):
        _settle(field, name, values, params)
    elif len(set(values)) > 1:
        raise ValueError(
            f"{name} = {show(list(values))} differs between layers, but the space has one {name}"
            " for all layers; write one value, or set per_layer = true in the space"
        )
    else:
        _settle(field, name, values[0], params)


def _settle_optimizer(choice: Any, wanted: Any, params: dict[str, Any]) -> None:
    """Record an optimizer and those of its settings that were written down."""
    written = wanted.model_fields_set - {"type"}
    if not isinstance(choice, OptimizerChoice):
        for key in ["type", *sorted(written)]:
            _settle(getattr(choice, key, None), f"optimizer.{key}", getattr(wanted, key), params)
        return
    tables = choice.tables()
    if wanted.type not in tables:
        raise ValueError(
            f"optimizer.type = {show(wanted.type)} is not in the space (one of"
            f" {', '.join(tables)}); choose one of them or add a table for it"
        )
    params["optimizer"] = wanted.type
    default = OPTIMIZERS[wanted.type]()
    for key in sorted(written):
        field = getattr(tables[wanted.type], key)
        field = getattr(default, key) if field is None else field
        value = getattr(wanted, key)
        _settle(field, f"{wanted.type}.{key}", value, params, f"optimizer.{key}")


def smallest(space: Space, params: Mapping[str, Any]) -> TrialConfig:
    """The smallest configuration of the space that has the given parameters."""
    return suggest_config(space, _Given(params))


class _Given(Corner):
    """Answers with given values, and with the low end of every other range."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        super().__init__(0.0)
        self.params = params

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """The given value or the low end."""
        return int(self.params.get(name, low))

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """The given value or the low end."""
        return float(self.params.get(name, low))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """The given value or the first (of numbers the smallest) choice."""
        return self.params.get(name, super().suggest_categorical(name, choices))


def _max_layers(space: Space) -> int:
    """The largest number of hidden layers in the space."""
    return suggest_config(space, Corner(1.0)).layers
