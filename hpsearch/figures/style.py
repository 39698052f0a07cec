"""What the figures of a search have in common: colours, axes, hover texts, an empty figure.

Plotly's own templates are not used: each would add 7 kB to every figure. Numbers are plain lists
of few digits: of arrays plotly would make base64 of full length.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import plotly.graph_objects as go

from hpsearch.config import summary
from hpsearch.figures.points import Mark, Point
from hpsearch.tasks.metric import Metric

MOST = 500
"""Trials that a figure shows; it says so where there are more."""
BLUE, ORANGE, GREEN, PURPLE, VERMILLION, GREY = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#7f7f7f",
)  # fmt: skip
"""Of Okabe and Ito (2008): told apart by colour-blind readers also."""
NOTHING = "No trial has completed yet."
"""What an empty figure says."""
INK = "#1b1b1b"
_BAR = 34
"""Pixels at the top that are left to plotly's bar of tools, which would lie over a title."""
_QUIET, _GRID = "#6b6b6b", "#e4e4e4"


@dataclass(frozen=True, kw_only=True)
class Look:
    """How the dots of one kind look; told apart by more than colour."""

    colour: str
    symbol: str
    size: int = 7
    """Pixels."""
    opacity: float = 0.75
    edge: float = 0.5
    """Pixels of the line around it; white, but of the dot's colour where the symbol is open."""


COMPLETE = Look(colour=BLUE, symbol="circle")
PRUNED = Look(colour=ORANGE, symbol="triangle-down", size=8)
FAILED = Look(colour=VERMILLION, symbol="x")
TEST = Look(colour=PURPLE, symbol="diamond-open", size=9, opacity=1, edge=1.5)
BEST = Look(colour=GREEN, symbol="star", size=15, opacity=1)


def tidy(value: float) -> float:
    """A finite number with six significant digits."""
    return float(f"{value:.6g}")


def count(number: int) -> str:
    """A count in a few letters: 950, 12.3k, 2.1M."""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return str(number)


def some_of(drawn: int, total: int) -> str:
    """A subtitle that says how many trials are drawn, where it is not all of them."""
    return f"{drawn:,} of {total:,} trials shown" if drawn < total else ""


def aside(point: Point) -> float:
    """A shift in [-0.3, 0.3) by which trials at one place of an axis do not hide each other.

    Multiples of the golden ratio fill it evenly, and a trial has the same one in every figure.
    """
    return 0.6 * (point.number * 0.6180339887 % 1) - 0.3


def headline(point: Point) -> str:
    """A trial in a few words: "trial 3 (pruned): 0.4512"."""
    state = "" if point.state == "complete" else f" ({point.state})"
    value = "" if point.value is None else f": {point.value:.4g}"
    return f"trial {point.number}{state}{value}"


def label(point: Point) -> str:
    """What hovering over a trial shows: its headline, configuration and failure, safe in HTML."""
    lines = [headline(point)]
    if point.config is not None:
        lines.append(escape(summary(point.config)))
    if point.failure is not None:
        lines.append(escape(point.failure))
    return "<br>".join(lines)


def dots(
    marks: Sequence[Mark],
    *,
    name: str,
    look: Look,
    text: Callable[[Point], str] = label,
    hover: str = "",
    legend: bool = True,
) -> go.Scatter:
    """Trials as dots.

    Args:
        marks: the trials, each with its x and y.
        name: for the legend, safe in HTML.
        look: of the dots.
        text: what hovering over a trial shows, safe in HTML.
        hover: what it shows below that, with plotly's %{x} and %{y}.
        legend: whether the legend names them.
    """
    return go.Scatter(
        x=[tidy(x) for _, x, _ in marks],
        y=[tidy(y) for _, _, y in marks],
        mode="markers",
        name=name,
        legendgroup=name,
        showlegend=legend,
        text=[text(point) for point, _, _ in marks],
        hovertemplate=f"%{{text}}{hover and '<br>'}{hover}<extra></extra>",
        marker={
            "color": look.colour,
            "symbol": look.symbol,
            "size": look.size,
            "opacity": look.opacity,
            "line": {"color": "#ffffff", "width": look.edge},
        },
    )


def add_values(
    figure: go.Figure,
    marks: Sequence[Mark],
    *,
    hover: str = "",
    row: int | None = None,
    col: int | None = None,
) -> None:
    """Add pruned and complete trials, told apart, to a figure whose y is the metric.

    Args:
        figure: is changed.
        marks: the trials; those of other states are passed over.
        hover: as in :func:`dots`.
        row: the panel, of a figure that has several.
        col: likewise.
    """
    named = {trace.name for trace in figure.data}
    for state, look in (("pruned", PRUNED), ("complete", COMPLETE)):
        some = [mark for mark in marks if mark[0].state == state]
        if some:
            dot = dots(some, name=state, look=look, hover=hover, legend=state not in named)
            figure.add_trace(dot, row=row, col=col)


def value_axis(metric: Metric, values: Sequence[float]) -> dict[str, Any]:
    """The axis of the metric; logarithmic for losses of very different size.

    Args:
        metric: what the axis is of.
        values: what is on it.
    """
    if math.isinf(metric.bounds[1]) and values and 0 < 30 * min(values) < max(values):
        return log_axis(metric.label, values, "~g")
    return {"title": {"text": metric.label}}


def whole_axis(title: str, values: Sequence[int]) -> dict[str, Any]:
    """An axis that is labelled at whole numbers.

    Args:
        title: safe in HTML.
        values: what is on it; at least one.
    """
    axis: dict[str, Any] = {"title": {"text": title}}
    return axis | {"dtick": 1} if max(values) - min(values) <= 10 else axis


def log_axis(title: str, values: Sequence[float], tickformat: str) -> dict[str, Any]:
    """A logarithmic axis that is labelled at powers of ten, or at 1, 2 and 5 where it is short.

    Args:
        title: with the unit, safe in HTML.
        values: what is on it, above 0; at least one.
        tickformat: of the labels, by the rules of d3.
    """
    low, high = math.log10(min(values)), math.log10(max(values))
    axis: dict[str, Any] = {"title": {"text": title}, "type": "log", "tickformat": tickformat}
    if high - low >= 1.5:
        return axis | {"dtick": math.ceil((high - low) / 6)}
    if high - low < 0.05:
        low, high = low - 0.35, high + 0.35
        axis["range"] = [low, high]
    steps = [d * 10.0**n for n in range(math.floor(low), math.ceil(high) + 1) for d in (1, 2, 5)]
    within = [tidy(step) for step in steps if low - 0.1 <= math.log10(step) <= high + 0.1]
    return axis | {"tickvals": within} if len(within) >= 2 else axis


def styled(figure: go.Figure, title: str, *, subtitle: str = "", height: int = 440) -> go.Figure:
    """The figure in the style of all: readable from 420 pixels on.

    Args:
        figure: is changed.
        title: short, safe in HTML.
        subtitle: likewise; may be empty.
        height: pixels; the width is that of the page.
    """
    axis = {"gridcolor": _GRID, "linecolor": _QUIET, "zeroline": False, "automargin": True}
    across = axis | {"showline": True, "ticks": "outside", "tickcolor": _QUIET}
    layout: dict[str, Any] = {"xaxis": {}, "yaxis": {}} | figure.layout.to_plotly_json()
    for name, own in layout.items():
        if name.startswith(("xaxis", "yaxis")):
            layout[name] = own | (across if name.startswith("x") else axis)
    layout |= {
        "template": {},  # in place of plotly's
        "autosize": True,
        "showlegend": True,  # of a single trace also
        "height": height,
        "title": {
            "text": title,
            "subtitle": {"text": subtitle, "font": {"size": 12, "color": _QUIET}},
            "font": {"size": 16},
            "x": 0,
            "xref": "paper",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": _BAR},
        },
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": INK},
        "margin": {"l": 56, "r": 16, "t": _BAR + (50 if subtitle else 34), "b": 48},
        "legend": {
            "orientation": "h", "x": 0, "y": -0.2, "yanchor": "top", "itemsizing": "constant",
        },
        "hovermode": "closest",
        "hoverlabel": {"align": "left", "bgcolor": "#ffffff"},
    }  # fmt: skip
    figure.layout = layout  # at once: each update by plotly takes a hundredth of a second
    return figure


def empty(title: str, reason: str) -> go.Figure:
    """A figure without data that says why: "No trial has completed yet."."""
    note: dict[str, Any] = {
        "text": reason, "x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper", "showarrow": False,
        "font": {"size": 14, "color": _QUIET},
    }  # fmt: skip
    hidden = {"visible": False}
    figure = go.Figure(layout={"annotations": [note], "xaxis": hidden, "yaxis": hidden})
    return styled(figure, title, height=220)
