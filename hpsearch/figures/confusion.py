"""The confusion matrix as a figure."""

import html
from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go

from hpsearch.files import write_text


def confusion_figure(
    counts: Sequence[Sequence[int]], class_names: Sequence[str], title: str
) -> go.Figure:
    """A heat map: rows are true classes, columns predicted ones; colours are shares of the row.

    Args:
        counts: examples, shape (classes, classes).
        class_names: names in the order of the rows and columns.
        title: shown above.
    """
    sums = [max(1, sum(row)) for row in counts]
    shares = [[count / total for count in row] for row, total in zip(counts, sums, strict=True)]
    few = len(class_names) <= 20
    names = [html.escape(name) for name in class_names]  # Plotly would obey HTML in a label
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            x=names,
            y=names,
            customdata=[list(row) for row in counts],
            text=[list(row) for row in counts] if few else None,
            texttemplate="%{text}" if few else None,
            hovertemplate=(
                "true %{y}<br>predicted %{x}<br>%{customdata} examples (%{z:.1%})<extra></extra>"
            ),
            colorscale="Blues",
            zmin=0,
            zmax=1,
            colorbar={
                "title": {"text": "share of the true class", "side": "right"},
                "tickformat": ".0%",
            },
        )
    )
    figure.update_layout(
        title=html.escape(title),
        template="plotly_white",
        width=max(640, 34 * len(class_names) + 260) if few else 900,
        height=max(560, 34 * len(class_names) + 180) if few else 860,
        xaxis={"title": "predicted class", "type": "category", "tickangle": -45},
        yaxis={"title": "true class", "type": "category", "autorange": "reversed"},
    )
    return figure


def write_confusion(
    path: Path, counts: Sequence[Sequence[int]], class_names: Sequence[str], title: str
) -> None:
    """Write the figure as one HTML page that needs no network.

    Raises:
        UnreachableError: the file cannot be written.
    """
    figure = confusion_figure(counts, class_names, title)
    write_text(path, figure.to_html(include_plotlyjs=True, config={"displaylogo": False}))
