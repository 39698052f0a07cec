"""What the settings do: regularisation and learning rates."""

import math
from collections.abc import Sequence
from html import escape

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
    measure,
    some_of,
    styled,
    value_axis,
)

_MOST_OF_GAPS = 240
"""Trials of the figure of gaps, which shows each of them twice."""
_LEVELS = 8
"""L2 factors that are told apart; of more, those between two powers of ten are one level."""
_PLAIN = Look(colour=ORANGE, symbol="diamond")
_NORMALISED = Look(colour=BLUE, symbol="circle")


# An argument that a figure has no use for is there as in all of them: noqa ARG001.
def gap_figure(points: Sequence[Point], metric: str, maximize: bool) -> go.Figure:  # noqa: ARG001
    """Generalisation gap against regularisation: dropout, L2 and batch normalisation.

    Args:
        points: the trials.
        metric: the objective's; the gap is one of accuracies whatever it is.
        maximize: whether more of it is better: which trials are shown of very many.
    """
    title = "Generalisation gap"
    known = [point for point, _, _ in marks(points, _dropout, _gap)]
    if not known:
        return empty(title, "No generalisation gap is known yet.")
    drawn = shown(known, _MOST_OF_GAPS, maximize)
    levels, name_of_levels = _levels(known)
    figure = make_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.05)
    for normalised, name, look in (
        (False, "no batch norm", _PLAIN),
        (True, "batch norm", _NORMALISED),
    ):
        some = [p for p in drawn if p.config is not None and p.config["batch_norm"] is normalised]
        for col, x in enumerate((_dropout, _place(levels)), start=1):
            placed = marks(some, x, _gap)
            if placed:
                dot = dots(placed, name=name, look=look, hover="gap %{y}", legend=col == 1)
                figure.add_trace(dot, row=1, col=col)
    figure.update_layout(
        xaxis={"title": {"text": "mean dropout"}},
        xaxis2={
            "title": {"text": name_of_levels},
            "tickvals": list(range(len(levels))),
            "ticktext": [_written(level) for level in levels],
            "range": [-0.5, len(levels) - 0.5],
        },
        yaxis={"title": {"text": "training − validation accuracy"}},
    )
    return styled(figure, title, subtitle=some_of(len(drawn), len(known)))


def _gap(point: Point) -> float | None:
    return point.gap


def _dropout(point: Point) -> float | None:
    """Mean of the layers' dropout."""
    if point.config is None:
        return None
    rates = point.config["dropout"]
    return math.fsum(rates) / len(rates)


def _levels(points: Sequence[Point]) -> tuple[list[float], str]:
    """The L2 factors that occur, in order, and their name; powers of ten where they are many."""
    factors = {point.config["l2"] for point in points if point.config is not None}
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
        if point.config is None:
            return None
        factor = point.config["l2"]
        level = factor if factor in places else _power(factor)
        return places[level] + aside(point)

    return place


def learning_rate_figure(points: Sequence[Point], metric: str, maximize: bool) -> go.Figure:
    """The metric against the learning rate, one panel for each optimizer that occurs.

    Args:
        points: the trials.
        metric: the objective's, such as "val_accuracy".
        maximize: whether more of it is better.
    """
    title = f"Learning rate and {measure(metric)}"
    known = marks(points, _rate)
    if not known:
        return empty(title, NOTHING)
    drawn = marks(shown([point for point, _, _ in known], MOST, maximize), _rate)
    names = sorted({_optimizer(point) for point, _, _ in drawn})
    columns = min(2, len(names))
    rows = math.ceil(len(names) / columns)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        shared_yaxes="all",
        horizontal_spacing=0.06,
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
