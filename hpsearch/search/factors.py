"""Factors: the searched fields of a space, each with few levels that trials can be compared by."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from hpsearch.config import flat
from hpsearch.ranges import RANGES, Categorical, IntRange
from hpsearch.space import Space, suggest_config
from hpsearch.text import brief, show
from hpsearch.walks import Place, has_ratio, is_per_layer, places

FEW = 5
"""Values of a range that are a level each; of more, a third of the range is one."""
_ROUNDING = 1e-9
"""By how much of a range a mean of layers may lie outside of it."""
ABSENT = -1
"""In place of a level: the configuration has no such field."""

Floats = npt.NDArray[np.float64]
Levels = npt.NDArray[np.int64]
"""Numbers of levels, or ``ABSENT``: of configurations, shape (configurations, factors)."""


@dataclass(frozen=True, kw_only=True)
class Factor:
    """A field that the search leaves open, in levels."""

    place: Place
    labels: tuple[str, ...]
    """Of the levels, in order: "relu", "0.001 to 0.003"."""
    is_ratio: bool = False
    """Whether it is what each layer is to the one before, and not the first layer's value."""

    @property
    def name(self) -> str:
        """The field's; of layers with values of their own it says what is compared."""
        if self.is_ratio:
            return f"{self.place.name} (of each layer to the one before)"
        if has_ratio(self.place.field):
            return f"{self.place.name} (first layer)"
        if not is_per_layer(self.place.field):
            return self.place.name
        of = "first layer" if isinstance(self.place.field, Categorical) else "mean of layers"
        return f"{self.place.name} ({of})"

    def level(self, config: Mapping[str, Any]) -> int | None:
        """The level of a configuration, as :func:`hpsearch.config.flat` gives it.

        ``ABSENT`` where it has no such field; None where its value is none of the space.
        """
        if self.is_ratio:
            return self._ratio(self.place.of_layers(config))
        field, values = self.place.field, self.place.values(config)
        if not values:
            return ABSENT
        if isinstance(field, Categorical):
            return field.choices.index(values[0]) if values[0] in field.choices else None
        value = _mean(values, log=field.log)
        where = _position(field, value)
        if not -_ROUNDING <= where <= 1 + _ROUNDING:
            return None
        if few := _few(field):
            return min(range(len(few)), key=lambda n: abs(few[n] - value))
        return min(max(int(where * len(self.labels)), 0), len(self.labels) - 1)

    def _ratio(self, values: Sequence[int]) -> int | None:
        """The level of a ratio, by the values of all layers; one layer has none."""
        if len(values) < 2:
            return ABSENT
        ratio = self.place.field.ratio_of(values)
        return None if ratio is None else self.place.field.ratio.index(ratio)


def factors(space: Space) -> list[Factor]:
    """The factors of a space: its ranges of more than one value."""
    found = [
        Factor(place=place, labels=_labels(place.field))
        for place in places(space)
        if isinstance(place.field, RANGES)
    ]
    found += [
        Factor(place=place, labels=tuple(map(show, place.field.ratio)), is_ratio=True)
        for place in places(space)
        if has_ratio(place.field)
    ]
    return [factor for factor in found if len(factor.labels) > 1]


def levels_of(found: Sequence[Factor], config: Mapping[str, Any]) -> list[int] | None:
    """The levels of a configuration; None where it does not lie in the space."""
    levels = [factor.level(config) for factor in found]
    return None if None in levels else [level for level in levels if level is not None]


def sampled(space: Space, found: Sequence[Factor], count: int) -> Levels:
    """The levels of configurations drawn evenly from a space, with all of its conditions.

    Args:
        space: the space.
        found: its factors.
        count: how many are drawn; the same ones at each call.
    """
    ask = _Even(np.random.default_rng(0))
    drawn = [levels_of(found, flat(suggest_config(space, ask))) for _ in range(count)]
    return np.array([levels for levels in drawn if levels is not None], np.int64)


class _Even:
    """Answers with values drawn evenly from each range, on its own scale."""

    def __init__(self, draw: np.random.Generator) -> None:
        self._draw = draw

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """A whole number of the range."""
        if log:
            value = math.exp(self._draw.uniform(math.log(low - 0.5), math.log(high + 0.5)))
            return min(max(round(value), low), high)
        return low + step * int(self._draw.integers((high - low) // step + 1))

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """A number of the range."""
        if step is not None:
            return low + step * int(self._draw.integers(round((high - low) / step) + 1))
        if log:
            value = math.exp(self._draw.uniform(math.log(low), math.log(high)))
            return min(max(value, low), high)
        return float(self._draw.uniform(low, high))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of the choices."""
        return choices[int(self._draw.integers(len(choices)))]


def _mean(values: Sequence[float], *, log: bool) -> float:
    """The mean of the layers' values, geometric where the range is logarithmic."""
    if log:
        return math.exp(math.fsum(map(math.log, values)) / len(values))
    return math.fsum(values) / len(values)


def _few(field: Any) -> list[float]:
    """The values of a range that has few; else none."""
    if field.step is None or (field.high - field.low) / field.step > FEW - 1 + _ROUNDING:
        return []
    return [
        field.low + n * field.step for n in range(round((field.high - field.low) / field.step) + 1)
    ]


def _ends(field: Any) -> tuple[float, float]:
    """Where a range begins and ends on a line of which each of its values has a part."""
    half = 0.0 if field.log else 0.5 * (field.step or 0.0)
    return field.low - half, field.high + half


def _position(field: Any, value: float) -> float:
    """Where in a range a value is, from 0 to 1, on the range's own scale."""
    low, high = _ends(field)
    if field.log:
        low, high, value = math.log(low), math.log(high), math.log(value)
    return (value - low) / (high - low) if high > low else 0.0


def _labels(field: Any) -> tuple[str, ...]:
    """What a range's levels are called."""
    if isinstance(field, Categorical):
        return tuple(_word(choice) for choice in field.choices)
    if field.low == field.high:
        return (brief(field.low),)
    return tuple(map(brief, _few(field))) or _thirds(field)


def _thirds(field: Any) -> tuple[str, ...]:
    """The labels of the thirds of a range, on its own scale."""
    low, high = _ends(field)
    if field.log:
        cuts = [low * (high / low) ** (part / 3) for part in range(1, 3)]
    else:
        cuts = [low + (high - low) * part / 3 for part in range(1, 3)]
    if not isinstance(field, IntRange):
        ends = _written([field.low, *cuts, field.high])
        return tuple(f"{a} to {b}" for a, b in pairwise(ends))
    first = [field.low, *(math.ceil(cut) for cut in cuts)]
    last = [*(math.ceil(cut) - 1 for cut in cuts), field.high]
    return tuple(
        brief(a) if a == b else f"{brief(a)} to {brief(b)}"
        for a, b in zip(first, last, strict=True)
    )


def _written(values: Sequence[float]) -> list[str]:
    """Different numbers in as few digits as tell them apart."""
    for digits in range(2, 7):
        found = [f"{value:.{digits}g}".replace("e-0", "e-") for value in values]
        if len(set(found)) == len(values):
            return found
    return [brief(value) for value in values]


def _word(choice: Any) -> str:
    """A choice as a reader knows it."""
    return choice if isinstance(choice, str) else show(choice)
