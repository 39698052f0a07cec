"""The size of the networks against how good they are: the picture that a search is made for."""

import math
from collections.abc import Sequence
from itertools import cycle
from typing import Any

import plotly.graph_objects as go

from hpsearch.figures.points import Mark, Point, best, marks, shown
from hpsearch.figures.style import (
    BEST,
    COMPLETE,
    GREY,
    INK,
    MOST,
    NOTHING,
    TEST,
    VERMILLION,
    Look,
    add_values,
    count,
    dots,
    empty,
    log_axis,
    some_of,
    styled,
    tidy,
    value_axis,
)
from hpsearch.networks import NETWORKS
from hpsearch.ranking import by_direction
from hpsearch.tasks.classification import CLASSIFICATION
from hpsearch.tasks.metric import Metric
from hpsearch.tasks.task import Task

_TESTED = 100
"""Trials whose results on the test split are shown."""
_LOOKS = (
    Look(colour=VERMILLION, symbol="square"),
    COMPLETE,
    Look(colour=INK, symbol="diamond"),
    Look(colour=GREY, symbol="cross"),
)
"""Of complete trials, where there are networks of several kinds."""
_FAMILIES = dict(
    zip(
        (family for network in NETWORKS.values() for family in network.families()),
        cycle(_LOOKS),
        strict=False,
    )
)
"""The look of each kind, the same in all studies."""


def parameters_figure(
    points: Sequence[Point], metric: Metric, task: Task = CLASSIFICATION
) -> go.Figure:
    """Trainable parameters against the metric, and the test's headline where it was evaluated.

    Where the metric is the task's headline (accuracy, RMSE), a line joins a trial's value on the
    test split to that on validation examples; another metric has another scale, and the headline
    a panel of its own.

    Args:
        points: the trials.
        metric: the objective's.
        task: what the networks are for.
    """
    title = f"Network size and {metric.short}"
    known = marks(points, _size)
    if not known:
        return empty(title, NOTHING)
    drawn = marks(shown([point for point, _, _ in known], MOST, metric), _size)
    figure = go.Figure()
    figure.update_layout(
        xaxis=log_axis("trainable parameters", [size for _, size, _ in known], "~s"),
        yaxis=value_axis(metric, [value for _, _, value in known]),
    )
    tested = [point for point, _, _ in known if point.test is not None]
    tests = marks(shown(tested, _TESTED, metric), _size, _test)
    headline = task.headline.metric
    joined = metric == headline
    if tests and joined:
        figure.add_trace(_joins(tests))
    hover = "%{x} parameters"
    families = dict.fromkeys(point.family for point, _, _ in drawn if point.state == "complete")
    if len(families) > 1:
        add_values(figure, [mark for mark in drawn if mark[0].state != "complete"], hover=hover)
        for family, look in _FAMILIES.items():
            of = [mark for mark in drawn if mark[0].family == family]
            if some := [mark for mark in of if mark[0].state == "complete"]:
                figure.add_trace(dots(some, name=family, look=look, hover=hover))
    else:
        add_values(figure, drawn, hover=hover)
    leader = best([point for point, _, _ in known], metric)
    if leader is not None:
        above = by_direction(metric, more=True, less=False)
        _add_best(figure, leader, headline, above=above)
    if tests:
        dot = dots(tests, name="test", look=TEST, hover=f"test {headline.short} %{{y}}")
        figure.add_trace(dot if joined else dot.update(yaxis="y2"))
        figure.update_layout(_one_panel(headline) if joined else _two_panels(headline))
    return styled(figure, title, subtitle=some_of(len(drawn), len(known)))


def _one_panel(headline: Metric) -> dict[str, Any]:
    return {"yaxis": {"title": {"text": headline.short}}}


def _two_panels(headline: Metric) -> dict[str, Any]:
    return {
        "xaxis": {"anchor": "y2"},
        "yaxis": {"domain": [0.46, 1]},
        "yaxis2": {"domain": [0, 0.38], "title": {"text": f"test {headline.short}"}},
    }


def _size(point: Point) -> float | None:
    return None if point.parameters is None else max(point.parameters, 1)  # for the logarithm


def _test(point: Point) -> float | None:
    return point.test


def _joins(tests: Sequence[Mark]) -> go.Scatter:
    """A thin line from each trial's value on validation examples to that on the test split."""
    xs: list[float | None] = []
    ys: list[float | None] = []
    for point, size, test in tests:
        if point.value is not None:
            xs += [tidy(size), tidy(size), None]
            ys += [tidy(point.value), tidy(test), None]
    line = {"color": GREY, "width": 1}
    return go.Scatter(x=xs, y=ys, mode="lines", line=line, hoverinfo="skip", showlegend=False)


def _add_best(figure: go.Figure, leader: Point, headline: Metric, *, above: bool) -> None:
    """Mark and annotate the best trial, on the side where no other ones are."""
    ((_, size, value),) = mark = marks([leader], _size)
    figure.add_trace(dots(mark, name="best", look=BEST, hover="%{x} parameters"))
    lines = [f"trial {leader.number}: {value:.4g}", f"{count(int(size))} parameters"]
    if leader.test is not None:
        lines.insert(1, f"test {headline.short} {leader.test:.4g}")
    # On a logarithmic axis the place of an annotation is a logarithm, unlike that of a dot.
    logarithmic = figure.layout.yaxis.type == "log"
    figure.add_annotation(
        text="<br>".join(lines),
        x=math.log10(tidy(size)),
        y=math.log10(tidy(value)) if logarithmic else tidy(value),
        ay=-36 if above else 36,
        standoff=9,
        font={"size": 11},
        bgcolor="rgba(255,255,255,0.85)",
        arrowcolor=INK,
        arrowwidth=1,
    )
