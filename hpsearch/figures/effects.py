"""The effects of choices on the objective: what a search says of its space, with intervals."""

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go

from hpsearch.effect import Effect, Learnt
from hpsearch.figures.style import BLUE, GREY, INK, Look, empty, styled, tidy
from hpsearch.tasks.metric import Metric
from hpsearch.text import plural

ROWS = 14
"""Parameters that are shown, those with the greatest effects."""
_ROW = 46
"""Pixels of one."""
_CLEAR = Look(colour=BLUE, symbol="circle", size=9, opacity=1)
_UNCLEAR = Look(colour=GREY, symbol="circle-open", size=9, opacity=1)


def effects_figure(learnt: Learnt, metric: Metric) -> go.Figure:
    """Of each parameter its greatest effect, with its 90 % interval.

    What is compared stands above each interval, so that it can be read where it is narrow.

    Args:
        learnt: what the search says.
        metric: the objective's.
    """
    title = f"What the choices do to {metric.short}"
    strongest = learnt.strongest()
    shown = strongest[:ROWS]
    if not shown:
        return empty(title, "Not known yet: ten complete or pruned trials are needed.")
    figure = go.Figure()
    for name, look, clear in (("clear", _CLEAR, True), ("cannot be told", _UNCLEAR, False)):
        rows = [(-place, one) for place, one in enumerate(shown) if one.is_clear is clear]
        if rows:
            figure.add_trace(_intervals(rows, metric, name, look))
    for place, one in enumerate(shown):
        figure.add_annotation(
            text=escape(one.compared()),
            x=0, xref="paper", xanchor="left", y=-place + 0.22, yanchor="bottom",
            showarrow=False, font={"size": 11}, bgcolor="rgba(255,255,255,0.7)", borderpad=0,
        )  # fmt: skip
    unit = "points" if metric.is_share else metric.short
    figure.update_layout(
        xaxis={"title": {"text": f"better by ({unit})"}, "zeroline": True},
        yaxis={"visible": False, "range": [-len(shown) + 0.4, 0.95], "fixedrange": True},
    )
    of = f"{len(shown)} of {plural(len(strongest), 'parameter')}, "
    told = f"90 % intervals, {plural(learnt.trials, 'trial')}, {learnt.pruned:,} pruned"
    subtitle = told if len(shown) == len(strongest) else of + told
    figure = styled(figure, title, subtitle=subtitle, height=190 + _ROW * len(shown))
    figure.add_vline(x=0, line={"color": INK, "width": 1})
    # Below the axis' title at every height: the legend's place is a share of the height.
    figure.update_layout(legend={"y": -70 / (_ROW * len(shown))}, margin={"l": 24})
    return figure


def _intervals(
    rows: Sequence[tuple[int, Effect]], metric: Metric, name: str, look: Look
) -> go.Scatter:
    """Effects with their intervals, each in its row."""
    scale = 100.0 if metric.is_share else 1.0
    gains = [tidy(scale * one.gain) for _, one in rows]
    return go.Scatter(
        x=gains,
        y=[place for place, _ in rows],
        mode="markers",
        name=name,
        text=[
            f"{escape(one.compared())}<br>{one.size(metric)}<br>"
            f"{one.trials:,} trials against {one.others:,}"
            for _, one in rows
        ],
        hovertemplate="%{text}<extra></extra>",
        marker={"color": look.colour, "symbol": look.symbol, "size": look.size},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [tidy(scale * (one.high - one.gain)) for _, one in rows],
            "arrayminus": [tidy(scale * (one.gain - one.low)) for _, one in rows],
            "color": look.colour,
            "thickness": 2,
            "width": 4,
        },
    )
