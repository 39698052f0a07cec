"""How far a regression's predictions are off, as figures.

All take what ``hpsearch.tasks.residuals`` found as plain values, as files have it.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from hpsearch.figures.several import write_figures
from hpsearch.figures.style import BLUE, GREY, empty, styled

_NONE = "No prediction is a finite number."
_FAINTEST, _DENSE = 0.12, 150
"""The opacity of a dot among many, and the number of dots from which on it falls."""
_LINE = {"color": GREY, "width": 1, "dash": "dash"}


def residual_figures(found: Mapping[str, Any]) -> dict[str, go.Figure]:
    """The figures, by name.

    Args:
        found: ``dataclasses.asdict`` of ``hpsearch.tasks.residuals.Residuals``.
    """
    points, of = found["points"], found["of"]
    return {
        "predicted": _predicted(points, of),
        "residuals": _residuals(points, of),
        "histogram": _histogram(found["histogram"]),
    }


def write_residuals(path: Path, found: Mapping[str, Any]) -> None:
    """Write the figures as one HTML page that needs no network.

    Args:
        path: the file.
        found: as for :func:`residual_figures`.

    Raises:
        UnreachableError: the file cannot be written.
    """
    write_figures(path, "Residuals", residual_figures(found))


def _predicted(points: Sequence[Sequence[float]], of: int) -> go.Figure:
    """Predictions against targets; on the diagonal they are the same."""
    title = "Predicted against true"
    if not points:
        return empty(title, _NONE)
    true, predicted = zip(*points, strict=True)
    figure = go.Figure(_dots(true, predicted, "true %{x}<br>predicted %{y}"))
    ends = min(true), max(true)
    figure.add_shape(type="line", x0=ends[0], y0=ends[0], x1=ends[1], y1=ends[1], line=_LINE)
    figure.update_layout(
        xaxis={"title": {"text": "true value"}}, yaxis={"title": {"text": "predicted value"}}
    )
    return styled(figure, title, subtitle=_some_of(len(points), of))


def _residuals(points: Sequence[Sequence[float]], of: int) -> go.Figure:
    """Residuals against predictions: a pattern in them is what the network has not learned."""
    title = "Residuals against predicted"
    if not points:
        return empty(title, _NONE)
    predicted = [point[1] for point in points]
    off = [float(f"{true - guess:.6g}") for true, guess in points]
    figure = go.Figure(_dots(predicted, off, "predicted %{x}<br>residual %{y}"))
    figure.add_hline(y=0, line=_LINE)
    figure.update_layout(
        xaxis={"title": {"text": "predicted value"}},
        yaxis={"title": {"text": "residual (true − predicted)"}},
    )
    return styled(figure, title, subtitle=_some_of(len(points), of))


def _histogram(found: Mapping[str, Any]) -> go.Figure:
    title, edges = "Residuals", found["edges"]
    if not found["counts"]:
        return empty(title, _NONE)
    spans = list(pairwise(edges))
    figure = go.Figure(
        go.Bar(
            x=[(low + high) / 2 for low, high in spans],
            y=found["counts"],
            width=[high - low for low, high in spans],
            customdata=spans,
            marker={"color": BLUE, "line": {"color": "#ffffff", "width": 1}},
            showlegend=False,
            hovertemplate=(
                "residual %{customdata[0]:.6~g} to %{customdata[1]:.6~g}"
                "<br>%{y} examples<extra></extra>"
            ),
        )
    )
    figure.add_vline(x=0, line=_LINE)
    figure.update_layout(
        xaxis={"title": {"text": "residual (true − predicted)"}},
        yaxis={"title": {"text": "examples"}},
    )
    beyond = found["beyond"]
    note = f"{beyond:,} of {sum(found['counts']) + beyond:,} examples lie outside"
    return styled(figure, title, subtitle=note if beyond else "")


def _dots(x: Sequence[float], y: Sequence[float], hover: str) -> go.Scatter:
    """Examples as dots, the fainter the more there are: where it is dark, many lie."""
    opacity = max(_FAINTEST, min(0.75, 0.75 * (_DENSE / len(x)) ** 0.5))
    return go.Scatter(
        x=list(x),
        y=list(y),
        mode="markers",
        marker={"color": BLUE, "size": 6, "opacity": round(opacity, 3)},
        showlegend=False,
        hovertemplate=f"{hover}<extra></extra>",
    )


def _some_of(drawn: int, of: int) -> str:
    return f"{drawn:,} of {of:,} examples, drawn at random" if drawn < of else ""
