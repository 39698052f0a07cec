"""Learning curves: the reported values by epoch, pruned trials over those that were kept."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from hpsearch.figures.points import Point, State, best, shown, spread
from hpsearch.figures.style import (
    BEST,
    COMPLETE,
    FAILED,
    PRUNED,
    empty,
    some_of,
    styled,
    value_axis,
    whole_axis,
)
from hpsearch.tasks.metric import Metric

_MOST = 100
"""Curves of one kind."""
_REPORTS = 3000
"""Reported values that are shown, of all curves together."""


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """Curves that are drawn alike, in one trace: one for each would be large and slow."""

    name: str
    states: tuple[State, ...]
    colour: str
    symbol: str
    opacity: float


_KINDS = (  # the later ones lie above
    _Kind(
        name="kept",
        states=("complete", "running", "waiting"),
        colour=COMPLETE.colour,
        symbol=COMPLETE.symbol,
        opacity=0.35,
    ),
    _Kind(
        name="failed",
        states=("failed",),
        colour=FAILED.colour,
        symbol=FAILED.symbol,
        opacity=0.8,
    ),
    _Kind(
        name="pruned",
        states=("pruned",),
        colour=PRUNED.colour,
        symbol=PRUNED.symbol,
        opacity=0.8,
    ),
)


def curves_figure(points: Sequence[Point], metric: Metric) -> go.Figure:
    """The reported values by epoch; the best trial stands out.

    Args:
        points: the trials.
        metric: the objective's.
    """
    title = "Learning curves"
    reported = [point for point in points if point.curve]
    if not reported:
        return empty(title, "No trial has reported a value yet.")
    groups = [
        (kind, shown([p for p in reported if p.state in kind.states], _MOST, metric))
        for kind in _KINDS
    ]
    drawn = [point for _, some in groups for point in some]
    most = _epochs_of_each(drawn)
    figure = go.Figure()
    for kind, some in groups:
        if some:
            figure.add_trace(_trace(kind, some, most))
    leader = best(reported, metric)
    if leader is not None:
        kind = _Kind(name="best", states=(), colour=BEST.colour, symbol="circle", opacity=1)
        figure.add_trace(_trace(kind, [leader], most).update(line={"width": 2.5}))
    figure.update_layout(
        xaxis=whole_axis("epoch", [epoch for point in drawn for epoch, _ in point.curve]),
        yaxis=value_axis(metric, [value for point in drawn for _, value in point.curve]),
    )
    figure.update_traces(
        hovertemplate=f"trial %{{customdata}}<br>epoch %{{x}}<br>{metric.label} %{{y}}"
        "<extra></extra>"
    )
    notes = [some_of(len(drawn), len(reported))]
    if any(point.is_of_folds for point in drawn):
        notes.append("of the first fold of each trial")
    if any(len(point.curve) > most for point in drawn):
        notes.append(f"at most {most} epochs of each")
    return styled(figure, title, subtitle=", ".join(note for note in notes if note))


def _epochs_of_each(points: Sequence[Point]) -> int:
    """How many epochs of a curve may be shown, so that all together are not too many."""
    lengths = [len(point.curve) for point in points]
    most = min(max(lengths), _REPORTS)
    while sum(min(length, most) for length in lengths) > _REPORTS:
        most -= 1
    return most


def _trace(kind: _Kind, points: Sequence[Point], most: int) -> go.Scatter:
    """The trials' curves one after the other, with a gap after each."""
    xs: list[int | None] = []
    ys: list[float | None] = []
    numbers: list[int | None] = []
    for point in points:
        curve = spread(point.curve, most)
        xs += [*(epoch for epoch, _ in curve), None]
        ys += [*(float(f"{value:.4g}") for _, value in curve), None]
        numbers += [*[point.number] * len(curve), None]
    return go.Scatter(
        x=xs,
        y=ys,
        customdata=numbers,
        mode="lines+markers",
        name=kind.name,
        opacity=kind.opacity,
        line={"color": kind.colour, "width": 1},
        marker={"symbol": kind.symbol, "size": 4},
    )
