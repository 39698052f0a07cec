"""The layers or blocks of the trials: widths and dropout by depth, the best trials brought out."""

import math
from collections.abc import Collection, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from hpsearch.figures.points import Mark, Point, best, ranked, shown, spread
from hpsearch.figures.style import (
    BEST,
    BLUE,
    GREY,
    Look,
    aside,
    dots,
    empty,
    headline,
    label,
    some_of,
    styled,
    tidy,
    whole_axis,
)
from hpsearch.networks.dense import Dense
from hpsearch.networks.network import Depth, Network
from hpsearch.searchable import kind_of
from hpsearch.tasks.metric import Metric

_LAYERS, _LEADING_LAYERS = 900, 150
"""Hidden layers, of all trials together, that are shown; and of the best trials."""
_LEADERS = Look(colour=BLUE, symbol="diamond", size=8, opacity=0.8)


def layers_figure(
    points: Sequence[Point],
    metric: Metric,
    network: type[Network] = Dense,
    depth: Depth | None = None,
    searched: Collection[str] | None = None,
) -> go.Figure:
    """Width and dropout of each layer: all trials faint, the best tenth, and the best.

    Args:
        points: the trials; those of other networks are left out.
        metric: the objective's; it only decides which trials are the best.
        network: the kind of network.
        depth: which of its layers are shown; None: the first ones.
        searched: fields of the space that are not fixed, one that the figure is about at least;
            None: all.
    """
    depth = depth or network.depths[0]
    names = {depth.width: depth.widths, depth.dropout: "dropout"}
    keys = [key for key in names if searched is None or key in searched]
    title = f"{' and '.join(names[key] for key in keys)} by {depth.layer}".capitalize()
    kind = kind_of(network)
    known = [p for p in points if p.setting("type") == kind and p.state != "waiting"]
    known = [point for point in known if _settings(point, depth.width)]
    if not known:
        return empty(title, "No trial has started yet.")
    deepest = max(len(_settings(point, depth.width)) for point in known)
    drawn = shown(known, max(1, _LAYERS // deepest), metric)
    leaders = _leaders(known, deepest, metric)
    leader = best(known, metric)
    figure = make_subplots(rows=len(keys), cols=1, shared_xaxes=True, vertical_spacing=0.06)
    for row, key in enumerate(keys, start=1):
        first = row == 1
        figure.add_trace(_cloud(drawn, key, legend=first), row=row, col=1)
        if leaders:
            figure.add_trace(_leading(leaders, key, legend=first), row=row, col=1)
        if leader is not None:
            line = dots(_places([leader], key, apart=False), name="best", look=BEST, legend=first)
            line.update(mode="lines+markers", line={"color": BEST.colour, "width": 2})
            figure.add_trace(line, row=row, col=1)
        axis = {"title": {"text": "dropout"}} if key == depth.dropout else _width_axis(drawn, depth)
        figure.update_yaxes(axis, row=row, col=1)
    figure.update_xaxes(whole_axis(depth.axis, [1, deepest]), row=len(keys), col=1)
    subtitle = some_of(len(drawn), len(known))
    return styled(figure, title, subtitle=subtitle, height=440 + 40 * (len(keys) > 1))


def _settings(point: Point, key: str) -> Sequence[float]:
    """What the configuration says of each layer."""
    layers: Sequence[float] = point.setting(key) or ()
    return layers


def _leaders(points: Sequence[Point], deepest: int, metric: Metric) -> list[Point]:
    """The best tenth of the complete trials, at least five; of very many not all."""
    complete = [point for point in ranked(points, metric) if point.state == "complete"]
    most = max(5, _LEADING_LAYERS // deepest)
    return complete[: min(most, max(5, math.ceil(len(complete) / 10)))]


def _places(points: Sequence[Point], key: str, *, apart: bool = True) -> list[Mark]:
    """Each layer of the trials, which stand a little ``apart`` or straight above its number."""
    return [
        (point, layer + (round(aside(point), 2) if apart else 0), value)
        for point in points
        for layer, value in enumerate(_settings(point, key), start=1)
    ]


def _cloud(points: Sequence[Point], key: str, *, legend: bool) -> go.Scatter:
    """All trials, so many dots that they have no hover texts."""
    places = _places(points, key)
    return go.Scatter(
        x=[tidy(x) for _, x, _ in places],
        y=[round(value, 3) for _, _, value in places],
        mode="markers",
        name="all trials",
        legendgroup="all trials",
        showlegend=legend,
        hoverinfo="skip",
        marker={"color": GREY, "size": 5, "opacity": 0.35},
    )


def _leading(points: Sequence[Point], key: str, *, legend: bool) -> go.Scatter:
    """The best trials; of very deep ones without the configuration, which each layer repeats."""
    places = _places(points, key)
    text = label if len(places) <= _LEADING_LAYERS else headline
    name = f"best {len(points)}"
    return dots(places, name=name, look=_LEADERS, text=text, legend=legend)


def _width_axis(points: Sequence[Point], depth: Depth) -> dict[str, Any]:
    """A logarithmic axis that is labelled at powers of two."""
    widths = [width for point in points for width in _settings(point, depth.width)]
    low, high = math.floor(math.log2(min(widths))), math.ceil(math.log2(max(widths)))
    powers = [2**power for power in range(low, high + 1)]
    return {"title": {"text": depth.width_axis}, "type": "log", "tickvals": spread(powers, 7)}
