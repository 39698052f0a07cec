"""The search space: a TrialConfig some of whose fields are ranges; suggest_config draws from it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Tag, model_validator

from hpsearch.config import (
    OPTIMIZERS,
    PER_LAYER,
    Adam,
    Optimizer,
    TrialConfig,
    count_parameters,
    per_layer,
    with_layers,
)
from hpsearch.fields import Section, show
from hpsearch.ranges import (
    RANGES,
    ActivationField,
    BatchSizeField,
    BoolField,
    Categorical,
    DecayField,
    DropoutField,
    EpsilonField,
    InitializerField,
    L2Field,
    LayersField,
    LearningRateField,
    LRScheduleField,
    Suggest,
    UnitsField,
    WeightDecayField,
)


class AdamSpace(Section):
    """Settings of Adam, each a value, a range, or left out (Keras' default)."""

    learning_rate: LearningRateField | None = None
    beta_1: DecayField | None = None
    beta_2: DecayField | None = None
    epsilon: EpsilonField | None = None
    amsgrad: BoolField | None = None


class AdamWSpace(AdamSpace):
    """Settings of AdamW."""

    weight_decay: WeightDecayField | None = None


class SGDSpace(Section):
    """Settings of SGD."""

    learning_rate: LearningRateField | None = None
    momentum: DecayField | None = None
    nesterov: BoolField | None = None


class RMSpropSpace(Section):
    """Settings of RMSprop."""

    learning_rate: LearningRateField | None = None
    rho: DecayField | None = None
    momentum: DecayField | None = None
    epsilon: EpsilonField | None = None
    centered: BoolField | None = None


class OptimizerChoice(Section):
    """One table for each optimizer that the search may choose."""

    adam: AdamSpace | None = None
    adamw: AdamWSpace | None = None
    sgd: SGDSpace | None = None
    rmsprop: RMSpropSpace | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> "OptimizerChoice":
        if not self.tables():
            raise ValueError("has no optimizer; add at least one of adam, adamw, sgd, rmsprop")
        return self

    def tables(self) -> dict[str, AdamSpace | AdamWSpace | SGDSpace | RMSpropSpace]:
        """The optimizers that may be chosen, by type."""
        return {name: getattr(self, name) for name in OPTIMIZERS if getattr(self, name) is not None}


def _one_kind(value: Any) -> Any:
    """Say what is meant where an optimizer is neither fixed nor searched, or both."""
    if isinstance(value, str) and value in OPTIMIZERS:
        raise ValueError(f"is not a table; write {{ type = {show(value)} }}")
    if not isinstance(value, dict):
        return value
    kind = value.get("type")
    kind = kind if isinstance(kind, str) else None
    if "type" not in value and set(value) & {"learning_rate", "momentum", "weight_decay"}:
        raise ValueError(
            'has no type; write { type = "adam", ... } for one fixed optimizer,'
            " or adam = { ... } to search its settings"
        )
    for key, setting in value.items():
        known = kind in OPTIMIZERS and key in {*OPTIMIZERS, *OPTIMIZERS[kind].model_fields}
        if known and isinstance(setting, dict):
            raise ValueError(
                f"type = {show(kind)} fixes the optimizer, but {key} = {show(setting)} does not;"
                f" to search its settings write {kind} = {{ ... }} without a type"
            )
    return value


def _optimizer_tag(value: Any) -> str:
    """A table with a type is one fixed optimizer; without, a table of tables."""
    fixed = "type" in value if isinstance(value, dict) else hasattr(value, "type")
    return "<fixed>" if fixed else "<choice>"


class Space(Section):
    """``[space]``: the fields of a TrialConfig, each a plain value or a range."""

    layers: LayersField = 2
    units: UnitsField = 128
    activation: ActivationField = "relu"
    batch_norm: BoolField = False
    dropout: DropoutField = 0.0
    l2: L2Field = 0.0
    initializer: InitializerField = "glorot_uniform"
    batch_size: BatchSizeField = 32
    lr_schedule: LRScheduleField = "constant"
    optimizer: Annotated[
        Annotated[Optimizer, Tag("<fixed>")] | Annotated[OptimizerChoice, Tag("<choice>")],
        Discriminator(_optimizer_tag),
        BeforeValidator(_one_kind),
    ] = Adam()

    @model_validator(mode="before")
    @classmethod
    def _layers_of_lists(cls, data: Any) -> Any:
        return with_layers(data)

    @model_validator(mode="after")
    def _lists_fit(self) -> "Space":
        for key in PER_LAYER:
            value = getattr(self, key)
            if not isinstance(value, tuple):
                continue
            if not isinstance(self.layers, int):
                raise ValueError(
                    f"{key} is a list, but layers is a range; fix layers, or write"
                    f" {key} as one value or a range with per_layer = true"
                )
            per_layer(value, self.layers, key)
        return self


def suggest_config(space: Space, suggest: Suggest) -> TrialConfig:
    """One configuration of the space.

    The names asked for are ``layers``, ``units`` or ``units_0`` ..., ``dropout`` or
    ``dropout_0`` ..., the other fields' names, ``optimizer`` and ``adam.learning_rate`` ...

    Args:
        space: the space.
        suggest: what chooses the values; only ranges are asked for.
    """

    def draw(field: Any, name: str) -> Any:
        return field.draw(suggest, name) if isinstance(field, RANGES) else field

    def draw_layers(field: Any, name: str) -> tuple[Any, ...]:
        if getattr(field, "per_layer", False):
            return tuple(draw(field, f"{name}_{layer}") for layer in range(layers))
        return per_layer(draw(field, name), layers, name)

    layers = draw(space.layers, "layers")
    return TrialConfig(
        layers=layers,
        units=draw_layers(space.units, "units"),
        activation=draw(space.activation, "activation"),
        batch_norm=draw(space.batch_norm, "batch_norm"),
        dropout=draw_layers(space.dropout, "dropout"),
        l2=draw(space.l2, "l2"),
        initializer=draw(space.initializer, "initializer"),
        batch_size=draw(space.batch_size, "batch_size"),
        lr_schedule=draw(space.lr_schedule, "lr_schedule"),
        optimizer=_suggest_optimizer(space.optimizer, suggest, draw),
    )


def _suggest_optimizer(choice: Any, suggest: Suggest, draw: Any) -> Any:
    """The optimizer of one configuration: its type first, then the settings that it has."""
    if not isinstance(choice, OptimizerChoice):
        return choice
    tables = choice.tables()
    kind = suggest.suggest_categorical("optimizer", tuple(tables))
    settings = {
        key: draw(value, f"{kind}.{key}") for key, value in tables[kind] if value is not None
    }
    return OPTIMIZERS[kind](**settings)


class Replay:
    """Answers with values that were drawn before; KeyError where a name is not among them."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.params = params

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """The recorded value."""
        return int(self.params[name])

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """The recorded value."""
        return float(self.params[name])

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """The recorded value."""
        return self.params[name]


class Corner:
    """Answers with the low end (0.0), the middle (0.5) or the high end (1.0) of every range.

    A middle is geometric where the range is logarithmic; of choices it takes the one at that
    place in their order, numbers sorted.
    """

    def __init__(self, where: float) -> None:
        self.where = where

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """The whole number at the place."""
        value = self.suggest_float(name, low, high, log=log)
        return low + int((value - low + 1e-9) // step) * step

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """The number at the place."""
        if log:
            value = low ** (1 - self.where) * high**self.where
        else:
            value = low + (high - low) * self.where
        if step is not None:
            value = low + int((value - low) / step + 1e-9) * step
        return float(min(max(value, low), high))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """The choice at the place."""
        if all(isinstance(choice, (int, float)) for choice in choices):
            choices = sorted(choices)
        return choices[round((len(choices) - 1) * self.where)]


def config_at(
    space: Space, where: float, *, inputs: int, classes: int, max_parameters: int | None
) -> TrialConfig:
    """The configuration at a place of the space, or at the next lower one that is small enough.

    Args:
        space: the space.
        where: 0.0 (low end) to 1.0 (high end); see :class:`Corner`.
        inputs: features of an example.
        classes: outputs of the network.
        max_parameters: ``budget.max_parameters``. Where even the low end has more, it is that.
    """
    config = suggest_config(space, Corner(where))
    if max_parameters is not None:
        while count_parameters(config, inputs, classes) > max_parameters and where > 0:
            where = max(0.0, where - 0.02)
            config = suggest_config(space, Corner(where))
    return config


def config_of(space: Space, params: Mapping[str, Any]) -> TrialConfig | None:
    """The configuration that a trial's parameters stand for; None where some are missing."""
    try:
        return suggest_config(space, Replay(params))
    except KeyError:
        return None


def named_fields(space: Space) -> dict[str, Any]:
    """Every field of a space by name, plain value or range; settings as ``adam.learning_rate``.

    ``optimizer`` stands for the one that is fixed, or for the choice between several.
    """
    fields = {key: value for key, value in space if key != "optimizer"}
    if not isinstance(space.optimizer, OptimizerChoice):
        return {**fields, "optimizer": space.optimizer}
    tables = space.optimizer.tables()
    fields["optimizer"] = Categorical(choices=tuple(tables))
    for kind, table in tables.items():
        fields |= {f"{kind}.{key}": value for key, value in table if value is not None}
    return fields


def searched(space: Space) -> list[str]:
    """The names of the fields that a space leaves open."""
    return [name for name, field in named_fields(space).items() if isinstance(field, RANGES)]


def fixed_config(space: Space) -> TrialConfig | None:
    """The only configuration of a space without ranges; None where there is a range."""
    return config_of(space, {})
