"""The trials of a search as figures: over time and by cost; and all figures together."""

from collections.abc import Collection, Sequence

import plotly.graph_objects as go

from hpsearch.config import DEFAULT_NETWORK
from hpsearch.effect import Learnt
from hpsearch.errors import Failure
from hpsearch.figures.curves import curves_figure
from hpsearch.figures.effects import effects_figure
from hpsearch.figures.layers import layers_figure
from hpsearch.figures.parameters import parameters_figure
from hpsearch.figures.points import Mark, Point, best, marks, shown, spread
from hpsearch.figures.settings import REGULARISED_BY, gap_figure, learning_rate_figure
from hpsearch.figures.style import (
    FAILED,
    GREEN,
    GREY,
    MOST,
    NOTHING,
    Look,
    add_values,
    dots,
    empty,
    log_axis,
    some_of,
    styled,
    tidy,
    value_axis,
    whole_axis,
)
from hpsearch.networks import NETWORKS
from hpsearch.networks.network import Network
from hpsearch.ranking import worst_first
from hpsearch.searchable import kind_of
from hpsearch.tasks.classification import CLASSIFICATION
from hpsearch.tasks.metric import Metric
from hpsearch.tasks.task import Task

_SIZES = (key for one in NETWORKS.values() for key in (*one.grows_with, *one.turning))
_GROWING = ["network", *_SIZES]
_OWN = tuple(f"{kind}." for kind, one in NETWORKS.items() if not one.depths)
"""How the parameters begin of networks whose layers nobody knows."""
_REPLACED = {failure.value for failure in Failure if failure.is_replaced}
_LINE = 200
"""Points of a line that is drawn through trials."""
_SHORTEST = 1e-3
"""Seconds: where a trial that took no time at all is drawn, as a logarithm needs."""
_FRONT = Look(colour=GREEN, symbol="square", size=8, opacity=1)


def search_figures(
    points: Sequence[Point],
    metric: Metric,
    searched: Collection[str] | None = None,
    task: Task = CLASSIFICATION,
    trees: float | None = None,
    *,
    learnt: Learnt | None = None,
) -> dict[str, go.Figure]:
    """All figures of a search, in the order to be read, by an id that is valid in HTML.

    Those of what is fixed are left out: they would say nothing.

    Args:
        points: the trials. Those for which another one stands are left out: they were too large
            and redrawn, or cut off and went on there.
        metric: the objective's.
        searched: the fields of the space that are not fixed, by name; None: all.
        task: what the networks are for.
        trees: what boosted trees reach on the same examples, where that is known.
        learnt: what the trials say of the space; None: there is no figure of it.
    """
    points = [p for p in points if p.failure not in _REPLACED]
    told = points, metric
    if searched is not None:  # names of the user's own say nothing of what they do
        searched = [name for name in searched if not name.startswith(_OWN)]
    figures = {"1-history": history(*told, trees)}
    if learnt is not None and searched != []:
        figures["2-effects"] = effects_figure(learnt, metric)
    if _is_searched(_GROWING, searched):
        figures["2-parameters"] = parameters_figure(*told, task)
    figures["3-time"] = time_figure(*told)
    if of := _is_searched(REGULARISED_BY, searched):
        figures["4-gap"] = gap_figure(*told, of, task)
    if _is_searched(("optimizer", "learning_rate"), searched):
        figures["5-learning-rates"] = learning_rate_figure(*told)
    for network in _networks(points):
        kind = kind_of(network)
        for depth in network.depths:
            of = [
                field
                for field in (depth.width, depth.dropout)
                if searched is None or f"{kind}.{field}" in searched or field in searched
            ]
            has_none = depth is not network.depths[0] and not any(
                point.setting(depth.width) for point in points
            )
            if of and not has_none:
                name = f"6-{depth.layer.replace(' ', '-')}s"
                figures[name] = layers_figure(*told, network, depth, of)
    figures["7-curves"] = curves_figure(*told)
    return figures


def _networks(points: Sequence[Point]) -> list[type[Network]]:
    """The kinds of networks that trials have; before the first trial the usual one."""
    kinds = {point.setting("type") for point in points} - {None} or {DEFAULT_NETWORK}
    return [network for kind, network in NETWORKS.items() if kind in kinds]


def _is_searched(names: Collection[str], searched: Collection[str] | None) -> list[str]:
    """Those of some names that are searched; an optimizer's setting by its last word."""
    known = names if searched is None else {name.rpartition(".")[2] for name in searched}
    return [name for name in names if name in known]


def history(points: Sequence[Point], metric: Metric, trees: float | None = None) -> go.Figure:
    """The value of each trial by its number, with the best so far; failed trials at the foot.

    Args:
        points: the trials.
        metric: the objective's.
        trees: what boosted trees reach; None: it is not known, and there is no line for it.
    """
    title = "Search history"
    over = [p for p in points if p.value is not None or p.state == "failed"]
    if not over:
        return empty(title, NOTHING)
    drawn = shown(over, MOST, metric)
    figure = go.Figure()
    add_values(figure, marks(drawn, _number))
    failed = marks([p for p in drawn if p.state == "failed"], _number, lambda _: 0.03)
    if failed:
        figure.add_trace(dots(failed, name="failed", look=FAILED).update(yaxis="y2"))
    records = marks(_records(points, metric), _number)
    if records:
        figure.add_trace(_best_so_far(records, max(p.number for p in over)))
    numbers, values = [p.number for p in over], [value for _, _, value in marks(over, _number)]
    if trees is not None:
        figure.add_trace(_level(trees, min(numbers), max(numbers)))
        values.append(trees)
    figure.update_layout(
        xaxis=whole_axis("trial", numbers),
        yaxis=value_axis(metric, values),
        yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True},
    )
    return styled(figure, title, subtitle=some_of(len(drawn), len(over)))


def _number(point: Point) -> float:
    return point.number


def _records(points: Sequence[Point], metric: Metric) -> list[Point]:
    """The complete trials that were better than all complete ones of lower numbers."""
    records: list[Point] = []
    for point in sorted(points, key=_number):
        if best([*records[-1:], point], metric) is point:
            records.append(point)
    return records


def _best_so_far(records: Sequence[Mark], last: int) -> go.Scatter:
    """A step line through the records that goes on to the last trial."""
    some = spread(records, _LINE)
    return go.Scatter(
        x=[*(number for _, number, _ in some), last],
        y=[tidy(value) for _, _, value in [*some, some[-1]]],
        mode="lines",
        name="best so far",
        line={"shape": "hv", "color": GREEN, "width": 2},
        hoverinfo="skip",
    )


def _level(value: float, first: int, last: int) -> go.Scatter:
    """A line at what boosted trees reach, over all trials; of one trial it is seen, too."""
    aside = 0.5 if first == last else 0
    return go.Scatter(
        x=[first - aside, last + aside],
        y=[tidy(value)] * 2,
        mode="lines",
        name="boosted trees",
        line={"dash": "dash", "color": GREY, "width": 1.5},
        hovertemplate="boosted trees %{y}<extra></extra>",
    )


def time_figure(points: Sequence[Point], metric: Metric) -> go.Figure:
    """Training time against the metric, with the best that is to be had in so much time.

    Args:
        points: the trials.
        metric: the objective's.
    """
    title = f"Training time and {metric.short}"
    known = marks(points, _seconds)
    if not known:
        return empty(title, NOTHING)
    drawn = marks(shown([point for point, _, _ in known], MOST, metric), _seconds)
    figure = go.Figure()
    add_values(figure, drawn, hover="%{x} s")
    front = marks([points[index] for index in pareto(points, metric)], _seconds)
    if front:
        line = dots(spread(front, _LINE), name="Pareto front", look=_FRONT, hover="%{x} s")
        line.update(mode="lines+markers", line={"shape": "hv", "color": GREEN, "width": 1.5})
        figure.add_trace(line)
    figure.update_layout(
        xaxis=log_axis("training time (s)", [seconds for _, seconds, _ in known], "~g"),
        yaxis=value_axis(metric, [value for _, _, value in known]),
    )
    return styled(figure, title, subtitle=some_of(len(drawn), len(known)))


def _seconds(point: Point) -> float | None:
    return None if point.seconds is None else max(point.seconds, _SHORTEST)


def pareto(points: Sequence[Point], metric: Metric) -> list[int]:
    """Indices of the complete trials that no other one beats in time and value, fastest first.

    Another one beats a trial where it is no worse in either and better in one; of equal ones all
    stay.

    Args:
        points: the trials; those without a time or a value are passed over.
        metric: what the values are of.
    """
    known = sorted(
        (point.seconds, -worst_first(metric, point.value), index)
        for index, point in enumerate(points)
        if point.state == "complete" and point.seconds is not None and point.value is not None
    )
    front: list[tuple[float, float, int]] = []
    for each in known:
        if not front or each[1] < front[-1][1] or each[:2] == front[-1][:2]:
            front.append(each)
    return [index for _, _, index in front]
