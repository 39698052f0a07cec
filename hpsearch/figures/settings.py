"""What the settings do: regularisation and learning rates."""

import math
from collections.abc import Collection, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from hpsearch.figures.points import Point, Reading, marks, shown
from hpsearch.figures.style import (
    BLUE,
    MOST,
    NOTHING,
    ORANGE,
    Look,
    add_values,
    aside,
    dots,
    empty,
    log_axis,
    some_of,
    styled,
    value_axis,
)
from hpsearch.tasks.classification import CLASSIFICATION
from hpsearch.tasks.metric import Metric
from hpsearch.tasks.task import Task

REGULARISED_BY = ("dropout", "l2", "batch_norm")
"""Fields of the space that the figure of gaps is about."""
_MOST_OF_GAPS = 240
"""Trials of the figure of gaps, which shows each of them twice."""
_LEVELS = 8
"""L2 factors that are told apart; of more, those between two powers of ten are one level."""
_PLAIN = Look(colour=ORANGE, symbol="diamond")
_NORMALISED = Look(colour=BLUE, symbol="circle")


def gap_figure(
    points: Sequence[Point],
    metric: Metric,
    searched: Collection[str] = REGULARISED_BY,
    task: Task = CLASSIFICATION,
) -> go.Figure:
    """Generalisation gap against regularisation: dropout, L2 and batch normalisation.

    Batch normalisation is told by the colour, and has a panel where it alone is searched.

    Args:
        points: the trials.
        metric: the objective's; the gap is one of accuracies or R² whatever it is.
        searched: fields of the space that are not fixed; one of ``REGULARISED_BY`` at least.
        task: what the networks are for.
    """
    title = "Generalisation gap"
    known = [point for point, _, _ in marks(points, _dropout, _gap)]
    if not known:
        return empty(title, "No generalisation gap is known yet.")
    panels = _panels(known, searched)
    drawn = shown(known, _MOST_OF_GAPS, metric)
    figure = make_subplots(rows=1, cols=len(panels), shared_yaxes=True, horizontal_spacing=0.05)
    for normalised, name, look in (
        (False, "no batch norm", _PLAIN),
        (True, "batch norm", _NORMALISED),
    ):
        some = [point for point in drawn if _normalised(point) is normalised]
        for col, (x, _) in enumerate(panels, start=1):
            placed = marks(some, x, _gap)
            if placed:
                dot = dots(placed, name=name, look=look, hover="gap %{y}", legend=col == 1)
                figure.add_trace(dot, row=1, col=col)
    for col, (_, axis) in enumerate(panels, start=1):
        figure.update_xaxes(axis, row=1, col=col)
    gap = f"training − {task.gap_metric.label}"
    figure.update_layout(yaxis={"title": {"text": gap}})
    return styled(figure, title, subtitle=some_of(len(drawn), len(known)))


def _panels(
    points: Sequence[Point], searched: Collection[str]
) -> list[tuple[Reading, dict[str, Any]]]:
    """What is searched of the regularisation: how it is read of a trial, and its axis."""
    panels: list[tuple[Reading, dict[str, Any]]] = []
    if "dropout" in searched:
        panels.append((_dropout, {"title": {"text": "mean dropout"}}))
    if "l2" in searched:
        levels, name = _levels(points)
        panels.append((_place(levels), _levels_axis(name, [_written(level) for level in levels])))
    if not panels:
        axis = _levels_axis("batch normalisation", ["no", "yes"])
        panels.append((lambda point: float(_normalised(point) or 0) + aside(point), axis))
    return panels


def _levels_axis(title: str, names: Sequence[str]) -> dict[str, Any]:
    """An axis of named places."""
    return {
        "title": {"text": title},
        "tickvals": list(range(len(names))),
        "ticktext": list(names),
        "range": [-0.5, len(names) - 0.5],
    }


def _normalised(point: Point) -> bool | None:
    found = point.setting("batch_norm")
    return None if found is None else bool(found)


def _gap(point: Point) -> float | None:
    return point.gap


def _dropout(point: Point) -> float | None:
    """Mean of the layers' dropout."""
    rates = point.setting("dropout")
    return None if rates is None else math.fsum(rates) / len(rates)


def _levels(points: Sequence[Point]) -> tuple[list[float], str]:
    """The L2 factors that occur, in order, and their name; powers of ten where they are many."""
    factors = {factor for point in points if (factor := point.setting("l2")) is not None}
    if len(factors) <= _LEVELS:
        return sorted(factors), "L2 factor"
    return sorted({_power(factor) for factor in factors}), "L2 factor, at least"


def _power(factor: float) -> float:
    """The power of ten at or below a factor; 0 stays 0."""
    return 10.0 ** math.floor(math.log10(factor)) if factor else 0.0


def _written(factor: float) -> str:
    """A factor as short as can be: "5e-5"."""
    if not 0 < factor < 1e-2:
        return f"{factor:g}"
    return f"{factor:.1e}".replace(".0e", "e").replace("e-0", "e-")


def _place(levels: Sequence[float]) -> Reading:
    """Reads the place of a trial's L2 factor among the levels, with some width to be seen in."""
    places = {level: index for index, level in enumerate(levels)}

    def place(point: Point) -> float | None:
        factor = point.setting("l2")
        if factor is None:
            return None
        level = factor if factor in places else _power(factor)
        return places[level] + aside(point)

    return place


def learning_rate_figure(points: Sequence[Point], metric: Metric) -> go.Figure:
    """The metric against the learning rate, one panel for each optimizer that occurs.

    Args:
        points: the trials.
        metric: the objective's.
    """
    title = f"Learning rate and {metric.short}"
    known = marks(points, _rate)
    if not known:
        return empty(title, NOTHING)
    drawn = marks(shown([point for point, _, _ in known], MOST, metric), _rate)
    names = sorted({_optimizer(point) for point, _, _ in drawn})
    columns = min(2, len(names))
    rows = math.ceil(len(names) / columns)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        shared_yaxes="all",
        horizontal_spacing=0.1,
        vertical_spacing=0.24,
    )
    axis = value_axis(metric, [value for _, _, value in known])
    figure.update_yaxes(type=axis.get("type"))
    for index, name in enumerate(names):
        row, col = index // columns + 1, index % columns + 1
        some = [mark for mark in drawn if _optimizer(mark[0]) == name]
        add_values(figure, some, row=row, col=col)
        title_of_x = f"{escape(name)} learning rate"
        rates = log_axis(title_of_x, [rate for _, rate, _ in some], "~e")
        figure.update_xaxes(rates, row=row, col=col)
        if col == 1:
            figure.update_yaxes(axis, row=row, col=col)
    return styled(figure, title, subtitle=some_of(len(drawn), len(known)), height=480)


def _rate(point: Point) -> float | None:
    return None if point.config is None else float(point.config["optimizer"]["learning_rate"])


def _optimizer(point: Point) -> str:
    return "" if point.config is None else str(point.config["optimizer"]["type"])
