"""The kinds of range that a field of the space can be: whole numbers, real numbers, choices."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, Protocol, TypeVar

from pydantic import Field, Strict, model_validator

from hpsearch.fields import Bool, Positive, Section
from hpsearch.text import show

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


Ratio = Annotated[float, Strict(), Field(gt=0.0, le=8.0)]


class LayerInts(IntRange[N], Generic[N]):
    """A whole-number range that may be drawn anew for each layer."""

    per_layer: Bool = False
    ratio: Annotated[tuple[Ratio, ...], Field(min_length=1)] | None = None
    """Each layer is so many times as wide as the one before, one of these; the range is of the
    first."""

    @model_validator(mode="after")
    def _one_way(self) -> "LayerInts[N]":
        if self.ratio is not None and self.per_layer:
            raise ValueError("ratio and per_layer = true exclude each other; leave one of them out")
        return self

    def from_first(self, first: int, ratio: float, count: int) -> tuple[int, ...]:
        """The values of all layers.

        Args:
            first: of the first layer.
            ratio: of each layer to the one before.
            count: of layers.
        """
        return tuple(max(1, round(first * ratio**layer)) for layer in range(count))

    def ratio_of(self, values: Sequence[int]) -> float | None:
        """The ratio that layers have; None: none of those that there are. Of one layer the first.

        Args:
            values: of all layers, at least one.
        """
        found = (
            ratio
            for ratio in self.ratio or ()
            if self.from_first(values[0], ratio, len(values)) == tuple(values)
        )
        return next(found, None)


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
    if ratios := getattr(field, "ratio", None):
        text += f", of the first layer; of each to the one before one of {show(list(ratios))}"
    return text + (", for each layer" if getattr(field, "per_layer", False) else "")
