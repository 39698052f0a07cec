"""Trials as the figures need them: plain values that are known to be finite, and few enough."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

from hpsearch.config import is_whole, network_of
from hpsearch.networks import NETWORKS
from hpsearch.ranking import Rank, rank
from hpsearch.tasks.metric import Metric

State = Literal["complete", "pruned", "failed", "running", "waiting"]
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Point:
    """One trial. No number in it is infinite or not a number."""

    number: int
    state: State
    value: float | None
    """The objective's value of a complete trial, the last reported one of a pruned trial."""
    config: Mapping[str, Any] | None
    """As ``hpsearch.config.flat`` gives it; None while something in it is not drawn."""
    parameters: int | None
    """Trainable parameters of the network."""
    val_loss: float | None
    """Validation loss at the epoch whose value counts."""
    seconds: float | None
    """Time of training."""
    epochs: int | None
    train_accuracy: float | None
    """Share in [0, 1], of the weights that were kept; of a classifier."""
    gap: float | None
    """A value on training examples (``Task.gap``) minus that on validation examples."""
    failure: str | None
    """What a failed trial died of."""
    curve: tuple[tuple[int, float], ...]
    """Reported (epoch, value), in order of the epochs, which count from 1."""
    is_of_folds: bool = False
    """Whether the curve is of the first fold alone, and the value of a complete trial the mean."""
    test: float | None
    """The task's headline on the test split, where it was evaluated: accuracy, or RMSE."""

    @property
    def family(self) -> str | None:
        """What a reader calls its network: "dense", "hybrid" ...; None while nothing is drawn."""
        if self.config is None:
            return None
        network = network_of(self.config)
        return NETWORKS[network["type"]].family(network)

    def setting(self, name: str) -> Any:
        """A field of its network; None where that is not known, or has no such field.

        What the user calls so in a network of his own is none.
        """
        if self.config is None:
            return None
        network = network_of(self.config)
        return network.get(name) if name in NETWORKS[network["type"]].model_fields else None


Mark: TypeAlias = tuple[Point, float, float]
"""A trial at its place in a figure: x and y."""
Reading: TypeAlias = Callable[[Point], float | None]
"""Reads a coordinate of a trial; None where the trial has none."""


def point(row: Mapping[str, Any], curve: Mapping[int, float], test: float | None = None) -> Point:
    """A trial as the figures need it.

    Args:
        row: the trial as ``hpsearch trials --json`` prints it.
        curve: its reported values by epoch.
        test: its accuracy or RMSE on the test split, where it was evaluated.
    """
    reported = tuple((n, value) for n, value in sorted(curve.items()) if math.isfinite(value))
    value = _finite(row["values"][0]) if row["values"] else None
    if row["state"] == "pruned" and reported:
        value = reported[-1][1]
    return Point(
        number=row["number"],
        state=row["state"],
        value=value if row["state"] in ("complete", "pruned") else None,
        config=row["config"] if is_whole(row["config"]) else None,
        parameters=row["parameters"] if isinstance(row["parameters"], int) else None,
        val_loss=_finite(row["val_loss"]),
        seconds=_finite(row["seconds"]),
        epochs=row["epochs"],
        train_accuracy=_finite(row["train_accuracy"]),
        gap=_finite(row["gap"]),
        failure=row["failure"],
        curve=reported,
        is_of_folds=bool(row.get("folds")),
        test=_finite(test),
    )


def points(
    rows: Sequence[Mapping[str, Any]],
    curves: Sequence[Mapping[int, float]],
    tests: Mapping[int, float],
) -> list[Point]:
    """The trials of a study; see :func:`point`.

    Args:
        rows: of each trial.
        curves: of each trial.
        tests: accuracy or RMSE on the test split by number, of those trials for which it is known.
    """
    return [
        point(row, curve, tests.get(row["number"])) for row, curve in zip(rows, curves, strict=True)
    ]


def _finite(value: Any) -> float | None:
    """A number; None where there is none, or another program wrote something else."""
    return value if isinstance(value, (int, float)) and math.isfinite(value) else None


def value_of(point: Point) -> float | None:
    """The reading that most figures have as their y."""
    return point.value


def marks(points: Sequence[Point], x: Reading, y: Reading = value_of) -> list[Mark]:
    """The trials that have both coordinates, each with these."""
    read = ((point, x(point), y(point)) for point in points)
    return [(point, a, b) for point, a, b in read if a is not None and b is not None]


def ranked(points: Sequence[Point], metric: Metric) -> list[Point]:
    """The trials that have a value, the best first.

    Pruned trials follow after all complete ones: their values are those of fewer epochs.
    """

    def place(point: Point) -> tuple[bool, Rank]:
        value = math.nan if point.value is None else point.value
        return point.state != "complete", rank(value, point.number, vars(point), metric)

    return sorted((point for point in points if point.value is not None), key=place)


def best(points: Sequence[Point], metric: Metric) -> Point | None:
    """The best complete trial; None without any."""
    first = next(iter(ranked(points, metric)), None)
    return first if first is not None and first.state == "complete" else None


def shown(points: Sequence[Point], most: int, metric: Metric) -> list[Point]:
    """At most ``most`` trials, in order of their numbers, for a figure that stays small and fast.

    The best half of ``most``, and of the others so many as fill it up, evenly spread.
    """
    if len(points) > most:
        leaders = ranked(points, metric)[: most // 2]
        numbers = {point.number for point in leaders}
        others = sorted((p for p in points if p.number not in numbers), key=lambda p: p.number)
        points = [*leaders, *spread(others, most - len(leaders))]
    return sorted(points, key=lambda point: point.number)


def spread(values: Sequence[_T], most: int) -> Sequence[_T]:
    """At most ``most`` of the values, evenly spread, the first and the last among them."""
    if len(values) <= most:
        return values
    if most == 1:
        return values[:1]
    return [values[index * (len(values) - 1) // (most - 1)] for index in range(most)]
