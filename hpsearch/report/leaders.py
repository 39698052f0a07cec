"""What the best trials have in common: the values they use, and the ends that they crowd at."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpsearch.config import is_whole
from hpsearch.ranges import RANGES, Categorical
from hpsearch.ranking import rank
from hpsearch.space import Space
from hpsearch.tasks.metric import Metric
from hpsearch.walks import Place, places

Row = Mapping[str, Any]
"""A trial as ``trials --json`` prints it."""

LEAST = 5
"""Trials that are looked at as the best ones, at least. Half of five lie at one end of a range by
chance in one case of a hundred (three or more of five, a tenth each), of four in one of twenty:
too often where a space has twenty ends."""

END = 0.1
"""Share of a range, on its own scale, that is taken for one of its ends."""


@dataclass(frozen=True, kw_only=True)
class Crowded:
    """An end of a range near which most of the best trials lie: the best may lie beyond."""

    name: str
    """The field: ``units``, ``adam.learning_rate`` ..."""
    end: str
    """"low" or "high"."""
    limit: float
    """The end itself."""
    near: int
    """The best trials near it: most of whose values are, of a field that each layer draws anew."""
    of: int
    """The best trials that have the field."""


def leaders(rows: Sequence[Row], metric: Metric) -> list[Row]:
    """The best tenth of the complete trials, at least five where there are, the best first."""
    complete = [row for row in rows if row["state"] == "complete" and row["values"]]
    complete = [row for row in complete if is_whole(row["config"])]
    complete.sort(key=lambda row: rank(row["values"][0], row["number"], row, metric))
    return complete[: max(LEAST, math.ceil(len(complete) / 10))]


def in_words(rows: Sequence[Row], place: Place) -> str:
    """The values that some trials use of a field: a span, or each choice and in how many trials."""
    each = [place.values(row["config"]) for row in rows]
    values = [value for one in each for value in one]
    if not values:
        return "none"
    if not isinstance(place.field, RANGES):
        return ""
    if isinstance(place.field, Categorical):
        times = Counter(value for one in each for value in dict.fromkeys(one))
        return ", ".join(f"{_plain(v)} ({n} x)" for v, n in times.most_common())
    ordered = sorted(values)
    low, middle, high = ordered[0], ordered[len(ordered) // 2], ordered[-1]
    if low == high:
        return _plain(low)
    return f"{_plain(low)} to {_plain(high)}, middle {_plain(middle)}"


def crowded(space: Space, best: Sequence[Row]) -> list[Crowded]:
    """The ends of ranges near which at least half of the best trials lie.

    By chance a tenth would. Of numbers to choose from, two thirds must take the least or the
    greatest of at least three. Each trial has one vote, however many layers it has: those of one
    trial are no independent witnesses.

    Args:
        space: what was searched.
        best: the best trials.
    """
    found = []
    for place in places(space):
        field = place.field
        if not isinstance(field, RANGES):
            continue
        voters = [values for row in best if (values := place.values(row["config"]))]
        numbers = getattr(field, "choices", (0, 1, 2))
        if len(voters) < LEAST or len(numbers) < 3 or not all(map(_are_numbers, voters)):
            continue
        needed = len(voters) * (2 / 3 if isinstance(field, Categorical) else 1 / 2)
        for end, limit, is_near in _ends(field):
            near = sum(2 * sum(map(is_near, values)) > len(values) for values in voters)
            if near >= needed:
                found.append(
                    Crowded(name=place.name, end=end, limit=limit, near=near, of=len(voters))
                )
    return found


def _ends(field: Any) -> list[tuple[str, float, Callable[[float], bool]]]:
    """Both ends of a range: name, limit, and what tells whether a value lies near it."""
    if isinstance(field, Categorical):
        low, high = min(field.choices), max(field.choices)
        return [("low", low, low.__eq__), ("high", high, high.__eq__)]
    low, high = field.low, field.high
    if low == high:
        return []
    scale = math.log if getattr(field, "log", False) else float

    def place(value: float) -> float:
        return (scale(value) - scale(low)) / (scale(high) - scale(low))

    return [
        ("low", low, lambda value: place(value) <= END),
        ("high", high, lambda value: place(value) >= 1 - END),
    ]


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
