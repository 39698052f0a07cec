"""What a classifier's probabilities are worth, as figures: ROC, precision and recall, calibration.

All take what ``hpsearch.tasks.thresholds`` found as plain values, as files have it.
"""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from hpsearch.figures.several import write_figures
from hpsearch.figures.style import BLUE, GREY, empty, styled

_SHARE = {"range": [-0.02, 1.02], "tickformat": ".0%"}


def threshold_figures(found: Mapping[str, Any]) -> dict[str, go.Figure]:
    """The figures, by name.

    Args:
        found: ``dataclasses.asdict`` of ``hpsearch.tasks.thresholds.Thresholds``.
    """
    roc = _curves("ROC curve", found, "roc", "false positive rate", "recall (true positive rate)")
    return {
        "roc": roc.add_shape(_line()),
        "precision-recall": _curves(
            "Precision and recall", found, "precision_recall", "recall", "precision"
        ),
        "calibration": _calibration(found["calibration"], found["calibration_error"]),
    }


def write_thresholds(path: Path, found: Mapping[str, Any]) -> None:
    """Write the figures as one HTML page that needs no network.

    Args:
        path: the file.
        found: as for :func:`threshold_figures`.

    Raises:
        UnreachableError: the file cannot be written.
    """
    write_figures(path, "Thresholds", threshold_figures(found))


def _curves(title: str, found: Mapping[str, Any], key: str, x: str, y: str) -> go.Figure:
    classes, of = found["classes"], found["of"]
    if not classes:
        return empty(title, "All examples are of one class.")
    is_of_ap = key == "precision_recall"  # the area below that curve, and below no other
    hover = f"{x} %{{x:.1%}}<br>{y} %{{y:.1%}}"
    figure = go.Figure(
        [
            go.Scatter(
                x=[point[0] for point in one[key]],
                y=[point[1] for point in one[key]],
                mode="lines",
                name=escape(one["name"]) + (is_of_ap * f", AP {one['average_precision']:.3f}"),
                hovertemplate=f"%{{fullData.name}}<br>{hover}<extra></extra>",
            )
            for one in classes
        ]
    )
    figure.update_layout(
        xaxis={"title": {"text": x}, **_SHARE}, yaxis={"title": {"text": y}, **_SHARE}
    )
    some = f"the {len(classes)} of {of} classes with the least average precision (AP)"
    return styled(figure, title, subtitle=some if of > len(classes) else "")


def _calibration(bins: Sequence[Mapping[str, Any]], error: float) -> go.Figure:
    figure = go.Figure(
        go.Scatter(
            x=[one["probability"] for one in bins],
            y=[one["accuracy"] for one in bins],
            customdata=[one["examples"] for one in bins],
            mode="lines+markers",
            line={"color": BLUE},
            showlegend=False,
            hovertemplate=(
                "probability %{x:.1%}<br>accuracy %{y:.1%}<br>%{customdata} examples<extra></extra>"
            ),
        )
    )
    figure.add_shape(_line())
    figure.update_layout(
        xaxis={"title": {"text": "predicted probability (confidence)"}, **_SHARE},
        yaxis={"title": {"text": "accuracy"}, **_SHARE},
    )
    return styled(figure, "Calibration", subtitle=f"expected calibration error {error:.1%}")


def _line() -> dict[str, Any]:
    """From corner to corner: what chance, or a network that knows how sure it is, would give."""
    line = {"color": GREY, "width": 1, "dash": "dash"}
    return {"type": "line", "x0": 0, "y0": 0, "x1": 1, "y1": 1, "line": line}
