"""The search space: a TrialConfig some of whose fields are ranges; suggest_config draws from it."""

from collections.abc import Mapping, Sequence
from typing import Any

from hpsearch.config import TrialConfig
from hpsearch.derived import partial_of, space_of
from hpsearch.networks.network import Shape
from hpsearch.ranges import RANGES, Suggest
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
    space: Space, where: float, *, shape: Shape, outputs: int, max_parameters: int | None
) -> TrialConfig:
    """The configuration at a place of the space, or at the next lower one that is small enough.

    Args:
        space: the space.
        where: 0.0 (low end) to 1.0 (high end); see :class:`Corner`.
        shape: of an example.
        outputs: of the network.
        max_parameters: ``budget.max_parameters``. Where even the low end has more, it is that.
    """
    config = suggest_config(space, Corner(where))
    if max_parameters is not None:
        while config.network.parameters(shape, outputs) > max_parameters and where > 0:
            where = max(0.0, where - 0.02)
            config = suggest_config(space, Corner(where))
    return config


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
