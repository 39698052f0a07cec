"""The kinds of range that a field of the space can be: whole numbers, real numbers, choices."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, Protocol, TypeVar

from pydantic import Field, Strict, Tag, model_validator

from hpsearch.config import (
    L2,
    Activation,
    BatchSize,
    Decay,
    Dropout,
    Epsilon,
    Initializer,
    Layers,
    LearningRate,
    LRSchedule,
    Units,
    WeightDecay,
)
from hpsearch.fields import BY_TYPE, Bool, Positive, Section, show

T = TypeVar("T")
N = TypeVar("N", bound=float)


class Suggest(Protocol):
    """What is asked for values: an ``optuna.Trial``, or anything with these three methods."""

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        ...

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """A number from ``low`` to ``high``, both included."""
        ...

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of the choices."""
        ...


class _Numeric(Section, Generic[N]):
    """What whole-number and real ranges share."""

    low: N
    high: N
    log: Bool = False
    """Draw the logarithm evenly; for values that span orders of magnitude."""

    @model_validator(mode="after")
    def _in_order(self) -> "_Numeric[N]":
        low, high, step = self.low, self.high, getattr(self, "step", None)
        if low > high:
            raise ValueError(f"low = {low} is above high = {high}; swap them or widen the range")
        if self.log and low <= 0:
            raise ValueError(f"low = {low} with log = true; a logarithmic range must start above 0")
        if step is None:
            return self
        if self.log and step != type(self).model_fields["step"].default:
            raise ValueError(
                f"step = {step} and log = true exclude each other; leave one of them out"
            )
        # Decimal numbers as they are written: 0.5 is five steps of 0.1, though not in binary.
        first, last, width = (Decimal(str(number)) for number in (low, high, step))
        if first + (last - first) // width * width != last:
            reach = type(high)(first + (last - first) // width * width)
            raise ValueError(
                f"step = {step} from low = {low} does not meet high = {high};"
                f" write high = {reach} or another step"
            )
        return self


class IntRange(_Numeric[N], Generic[N]):
    """Whole numbers from ``low`` to ``high``, both included."""

    type: Literal["int"] = "int"
    step: Positive = 1

    def draw(self, suggest: Suggest, name: str) -> Any:
        """Ask for a value called ``name``."""
        low, high = int(self.low), int(self.high)
        return suggest.suggest_int(name, low, high, step=self.step, log=self.log)

    def contains(self, value: Any) -> bool:
        """Whether the range can yield ``value``."""
        inside: bool = self.low <= value <= self.high
        return inside and (value - self.low) % self.step == 0


class FloatRange(_Numeric[N], Generic[N]):
    """Real numbers from ``low`` to ``high``, both included."""

    type: Literal["float"] = "float"
    step: Annotated[float, Strict(), Field(gt=0.0)] | None = None

    def draw(self, suggest: Suggest, name: str) -> Any:
        """Ask for a value called ``name``."""
        low, high = float(self.low), float(self.high)
        return suggest.suggest_float(name, low, high, step=self.step, log=self.log)

    def contains(self, value: Any) -> bool:
        """Whether the range can yield ``value`` (a step is met to 1e-8 of itself)."""
        if not self.low <= value <= self.high:
            return False
        if self.step is None:
            return True
        steps = (value - self.low) / self.step
        return bool(abs(steps - round(steps)) < 1e-8)


class Categorical(Section, Generic[T]):
    """One of the values listed in ``choices``."""

    type: Literal["categorical"] = "categorical"
    choices: Annotated[tuple[T, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _distinct(self) -> "Categorical[T]":
        twice = [c for i, c in enumerate(self.choices) if c in self.choices[:i]]
        if twice:
            raise ValueError(f"choices has {show(twice[0])} twice; list each value once")
        return self

    def draw(self, suggest: Suggest, name: str) -> Any:
        """Ask for a value called ``name``."""
        return suggest.suggest_categorical(name, self.choices)

    def contains(self, value: Any) -> bool:
        """Whether ``value`` is one of the choices."""
        return value in self.choices


class LayerInts(IntRange[N], Generic[N]):
    """A whole-number range that may be drawn anew for each layer."""

    per_layer: Bool = False


class LayerFloats(FloatRange[N], Generic[N]):
    """A real range that may be drawn anew for each layer."""

    per_layer: Bool = False


class LayerChoices(Categorical[T], Generic[T]):
    """Choices that may be drawn anew for each layer."""

    per_layer: Bool = False


RANGES = (IntRange, FloatRange, Categorical)
"""For isinstance: whether a field of the space is a range."""


def extent(field: Any) -> str:
    """What a range holds, in words."""
    if isinstance(field, Categorical):
        return f"one of {show(list(field.choices))}"
    every = field.step == type(field).model_fields["step"].default
    step = "" if every else f" in steps of {field.step}"
    return f"{field.low} to {field.high}{step}"


def words(field: Any) -> str:
    """What a field of the space holds, range or plain value, for a reader."""
    if isinstance(field, Section) and not isinstance(field, RANGES):  # an optimizer
        values = field.model_dump(mode="json")
        settings = ", ".join(f"{k} {show(v)}" for k, v in values.items() if k != "type")
        return f"{values['type']} with {settings} (fixed)"
    if not isinstance(field, RANGES):
        return f"{show(field)} (fixed)"
    text = extent(field)
    text += ", logarithmic" if getattr(field, "log", False) else ""
    return text + (", for each layer" if getattr(field, "per_layer", False) else "")


# A field of the space is a plain value or a table. The tags keep an error message to the member
# that was meant. (A generic alias would be shorter, but typing does not fill in T inside a model.)
LayersField = Annotated[
    Annotated[Layers, Tag("<value>")]
    | Annotated[IntRange[Layers], Tag("<int>")]
    | Annotated[Categorical[Layers], Tag("<categorical>")],
    BY_TYPE,
]
UnitsField = Annotated[
    Annotated[Units, Tag("<value>")]
    | Annotated[tuple[Units, ...], Tag("<list>")]
    | Annotated[LayerInts[Units], Tag("<int>")]
    | Annotated[LayerChoices[Units], Tag("<categorical>")],
    BY_TYPE,
]
ActivationField = Annotated[
    Annotated[Activation, Tag("<value>")]
    | Annotated[Categorical[Activation], Tag("<categorical>")],
    BY_TYPE,
]
BoolField = Annotated[
    Annotated[Bool, Tag("<value>")] | Annotated[Categorical[Bool], Tag("<categorical>")],
    BY_TYPE,
]
DropoutField = Annotated[
    Annotated[Dropout, Tag("<value>")]
    | Annotated[tuple[Dropout, ...], Tag("<list>")]
    | Annotated[LayerFloats[Dropout], Tag("<float>")]
    | Annotated[LayerChoices[Dropout], Tag("<categorical>")],
    BY_TYPE,
]
L2Field = Annotated[
    Annotated[L2, Tag("<value>")]
    | Annotated[FloatRange[L2], Tag("<float>")]
    | Annotated[Categorical[L2], Tag("<categorical>")],
    BY_TYPE,
]
InitializerField = Annotated[
    Annotated[Initializer, Tag("<value>")]
    | Annotated[Categorical[Initializer], Tag("<categorical>")],
    BY_TYPE,
]
BatchSizeField = Annotated[
    Annotated[BatchSize, Tag("<value>")]
    | Annotated[IntRange[BatchSize], Tag("<int>")]
    | Annotated[Categorical[BatchSize], Tag("<categorical>")],
    BY_TYPE,
]
LRScheduleField = Annotated[
    Annotated[LRSchedule, Tag("<value>")]
    | Annotated[Categorical[LRSchedule], Tag("<categorical>")],
    BY_TYPE,
]
LearningRateField = Annotated[
    Annotated[LearningRate, Tag("<value>")]
    | Annotated[FloatRange[LearningRate], Tag("<float>")]
    | Annotated[Categorical[LearningRate], Tag("<categorical>")],
    BY_TYPE,
]
DecayField = Annotated[
    Annotated[Decay, Tag("<value>")]
    | Annotated[FloatRange[Decay], Tag("<float>")]
    | Annotated[Categorical[Decay], Tag("<categorical>")],
    BY_TYPE,
]
EpsilonField = Annotated[
    Annotated[Epsilon, Tag("<value>")]
    | Annotated[FloatRange[Epsilon], Tag("<float>")]
    | Annotated[Categorical[Epsilon], Tag("<categorical>")],
    BY_TYPE,
]
WeightDecayField = Annotated[
    Annotated[WeightDecay, Tag("<value>")]
    | Annotated[FloatRange[WeightDecay], Tag("<float>")]
    | Annotated[Categorical[WeightDecay], Tag("<categorical>")],
    BY_TYPE,
]
UnitsValue = Annotated[
    Annotated[Units, Tag("<value>")] | Annotated[tuple[Units, ...], Tag("<list>")],
    BY_TYPE,
]
DropoutValue = Annotated[
    Annotated[Dropout, Tag("<value>")] | Annotated[tuple[Dropout, ...], Tag("<list>")],
    BY_TYPE,
]
