"""The effect of a choice on the objective, with an interval: what was learnt, as plain values."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hpsearch.tasks.metric import Metric
from hpsearch.text import plural


@dataclass(frozen=True, kw_only=True)
class Effect:
    """By how much one level of a parameter is better than its others, in the mean of the space."""

    name: str
    """Of the parameter, without a layer's number: "activation", "adam.learning_rate"."""
    level: str
    """A choice or a part of a range: "relu", "0.001 to 0.003"."""
    against: str
    """What it is compared with: the other choice, or "the rest"."""
    gain: float
    """In the metric's own unit, at the last epoch; above 0: the level is better."""
    low: float
    """The lower end of a 90 % interval."""
    high: float
    trials: int
    """Complete and pruned trials that have the level."""
    others: int
    """Those that have another level of the parameter."""

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves no doubt which of the two is better."""
        return self.low > 0 or self.high < 0

    def compared(self) -> str:
        """What is compared: "activation relu against gelu"."""
        return f"{self.name} {self.level} against {self.against}"

    def size(self, metric: Metric) -> str:
        """The gain with half of its interval, of which two digits count: "+0.80 ± 0.50 points"."""
        scale, unit = (100, " points") if metric.is_share else (1, "")
        gain, half = scale * self.gain, scale * (self.high - self.low) / 2
        digits = max(0, 1 - math.floor(math.log10(half))) if half > 0 else 2
        sign = "+" if gain >= 0 else "−"
        return f"{sign}{abs(gain):.{digits}f} ± {half:.{digits}f}{unit}"


@dataclass(frozen=True, kw_only=True)
class Untold:
    """A level that too few trials have, or all but too few, for an effect to be told."""

    name: str
    level: str
    trials: int
    """Complete and pruned trials that have the level."""
    of: int
    """Those that have the parameter."""

    def sentence(self) -> str:
        """Why: "batch_norm true: cannot be told, 2 of 19 trials have it"."""
        have = "has" if self.trials == 1 else "have"
        of = plural(self.of, "trial")
        return f"{self.name} {self.level}: cannot be told, {self.trials} of {of} {have} it"


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """What the trials of a search say of its space."""

    effects: Sequence[Effect] = ()
    """Those of a parameter together, the parameter with the greatest effect first."""
    untold: Sequence[Untold] = ()
    trials: int = 0
    """Complete and pruned trials that were compared."""
    pruned: int = 0
    """Of these the pruned ones."""

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> "Learnt":
        """What :meth:`plain` wrote."""
        effects = [{key: one[key] for key in one if key != "clear"} for one in given["effects"]]
        return cls(
            effects=[Effect(**one) for one in effects],
            untold=[Untold(**one) for one in given["untold"]],
            trials=given["trials"],
            pruned=given["pruned"],
        )

    def strongest(self) -> list[Effect]:
        """Of each parameter the greatest effect: the clear ones first, the greatest first."""
        first: dict[str, Effect] = {}
        for one in sorted(self.effects, key=_by_size):
            first.setdefault(one.name, one)
        return list(first.values())

    def plain(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return {
            "trials": self.trials,
            "pruned": self.pruned,
            "effects": [asdict(one) | {"clear": one.is_clear} for one in self.effects],
            "untold": [asdict(one) for one in self.untold],
        }


def _by_size(one: Effect) -> tuple[bool, float]:
    """A key to sort by: the clear effects first, and of these the greatest."""
    return not one.is_clear, -abs(one.gain)


def by_parameter(effects: Iterable[Effect]) -> list[Effect]:
    """Effects with those of a parameter together, the parameter with the greatest one first."""
    found = list(effects)
    greatest: dict[str, float] = {}
    for one in found:
        greatest[one.name] = max(greatest.get(one.name, 0.0), abs(one.gain))
    return sorted(found, key=lambda one: (-greatest[one.name], one.name, -one.gain))
