"""The search space: a TrialConfig some of whose fields are ranges; suggest_config draws from it."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from types import MappingProxyType
from typing import Any

from hpsearch.config import TrialConfig
from hpsearch.derived import Choice, OpenSection, partial_of, space_of
from hpsearch.networks import NETWORKS
from hpsearch.ranges import RANGES, Categorical, FloatRange, IntRange, Suggest
from hpsearch.searchable import kind_of
from hpsearch.walks import named_fields, suggest


class Space(space_of(TrialConfig)):  # type: ignore[misc]  # a class that is made
    """``[space]``: the fields of a TrialConfig, each a plain value or a range."""


class PartialConfig(partial_of(TrialConfig)):  # type: ignore[misc]  # a class that is made
    """``[[enqueue]]``: some fields of a configuration; those left out are sampled."""


def suggest_config(space: Space, ask: Suggest) -> TrialConfig:
    """One configuration of the space.

    Args:
        space: the space.
        ask: what chooses the values; only ranges are asked for.
    """
    config: TrialConfig = suggest(space, ask)
    return config


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
    space: Space,
    where: float,
    given: Mapping[str, Any] | None = None,
    fits: Callable[[TrialConfig], bool] = lambda _: True,
) -> TrialConfig:
    """The configuration at a place of the space, or at the next lower one that is small enough.

    Args:
        space: the space.
        where: 0.0 (low end) to 1.0 (high end); see :class:`Corner`.
        given: parameters that have these values.
        fits: whether one is small enough. Where even the low end is not, it is that.
    """
    config = suggest_config(space, _Given(given or {}, where))
    while not fits(config) and where > 0:
        where = max(0.0, where - 0.02)
        config = suggest_config(space, _Given(given or {}, where))
    return config


def varied(space: Space) -> frozenset[str]:
    """The fields of a configuration that a space has more than one value of."""
    low, high = config_at(space, 0.0), config_at(space, 1.0)
    return frozenset(
        name for name in TrialConfig.model_fields if getattr(low, name) != getattr(high, name)
    )


def kinds(space: Space) -> list[str]:
    """The kinds of networks that a space has, by their ``type``."""
    field = space.field("network")
    if isinstance(field, Choice):
        return [*field.tables()]
    return [kind_of(field.of if isinstance(field, OpenSection) else type(field))]


def ends(
    space: Space,
    where: float,
    kind: str,
    params: Mapping[str, Any] = MappingProxyType({}),
    fits: Callable[[TrialConfig], bool] = lambda _: True,
) -> list[TrialConfig]:
    """The configurations of a kind of network among which its smallest, or its largest, one is.

    One for each combination of what neither end of a range decides.

    Args:
        space: the space.
        where: 0.0 for the smallest one, 1.0 for the largest one.
        kind: of the network.
        params: parameters that have these values.
        fits: as for :func:`config_at`.
    """
    found = named_fields(space)
    # A lifted kind that is the only one has its fields among those of the configuration.
    names = [name for one in NETWORKS[kind].turning for name in (f"{kind}.{one}", one)]
    open_ones = {name: _ends_of(found[name]) for name in names if name in found}
    turns = {name: values for name, values in open_ones.items() if values and name not in params}
    return [
        config_at(
            space, where, {**params, "network": kind, **dict(zip(turns, each, strict=True))}, fits
        )
        for each in product(*turns.values())
    ]


def _ends_of(field: Any) -> tuple[Any, ...]:
    """The choices or both ends of a range; nothing of a plain value."""
    if isinstance(field, Categorical):
        return field.choices
    return (field.low, field.high) if isinstance(field, IntRange | FloatRange) else ()


def smallest(space: Space, params: Mapping[str, Any]) -> list[TrialConfig]:
    """The configurations with the given parameters among which the smallest one is."""
    known = [str(params["network"])] if "network" in params else kinds(space)
    return [config for kind in known for config in ends(space, 0.0, kind, params)]


def config_of(space: Space, params: Mapping[str, Any]) -> TrialConfig | None:
    """The configuration that a trial's parameters stand for; None where some are missing."""
    try:
        return suggest_config(space, Replay(params))
    except KeyError:
        return None


def searched(space: Space) -> list[str]:
    """The names of the fields that a space leaves open."""
    return [name for name, field in named_fields(space).items() if isinstance(field, RANGES)]


def fixed_config(space: Space) -> TrialConfig | None:
    """The only configuration of a space without ranges; None where there is a range."""
    return config_of(space, {})


class _Given(Corner):
    """Answers with given values, and as a corner for every other range."""

    def __init__(self, params: Mapping[str, Any], where: float) -> None:
        super().__init__(where)
        self.params = params

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """The given value or the corner's."""
        corner = super().suggest_int(name, low, high, step=step, log=log)
        return int(self.params.get(name, corner))

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """The given value or the corner's."""
        corner = super().suggest_float(name, low, high, step=step, log=log)
        return float(self.params.get(name, corner))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """The given value or the corner's."""
        return self.params.get(name, super().suggest_categorical(name, choices))
