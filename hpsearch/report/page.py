"""The report as one HTML page that needs no network and no other file."""

import base64
import functools
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from hpsearch import __version__
from hpsearch.figures.confusion import confusion_figure
from hpsearch.figures.thresholds import threshold_figures
from hpsearch.search.budget import ENDED, Ending
from hpsearch.search.confirmation import told
from hpsearch.tasks.results import with_intervals

if TYPE_CHECKING:
    import plotly.graph_objects as go

_TEMPLATE = Path(__file__).with_name("page.html")


def page(facts: Mapping[str, Any], figures: Mapping[str, "go.Figure"]) -> str:
    """The page.

    Args:
        facts: what :func:`hpsearch.report.facts.facts` gives.
        figures: by name, in their order.
    """
    shown = [_embedded(figure, f"figure-{name}") for name, figure in figures.items()]
    text = _template().render(
        facts,
        figures=shown,
        tested=_tested(facts["trainings"]),
        version=__version__,
        written=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    # Not through the template: it is no text of ours, and large.
    library = f"<script>{get_plotlyjs()}</script>\n</head>"
    return text.replace("</head>", library, 1)


@functools.cache
def _template() -> Template:
    """What the facts are put into; to translate it takes a tenth of a second."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= _FILTERS
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))


def _embedded(figure: "go.Figure", name: str) -> Markup:
    """A figure as a part of the page."""
    return Markup(  # noqa: S704  # plotly escapes what could end its script
        figure.to_html(
            full_html=False,
            include_plotlyjs=False,
            div_id=name,
            config={"displaylogo": False, "responsive": True},
        )
    )


_KINDS = {
    "search": "as the search trained it",
    "seed": "",
    "split": "new validation splits",
    "refit": "trained on validation as well",
}


def _tested(trainings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What was judged on the test split, by configuration; the classes of one in its middle."""
    groups: dict[tuple[int | None, str], list[Mapping[str, Any]]] = {}
    for one in trainings:
        if one["test"] is not None:
            kind = "search" if one["of_search"] else one["kind"]
            groups.setdefault((one["trial"], kind), []).append(one)
    found = []
    for index, ((trial, kind), rows) in enumerate(groups.items()):
        shown = sorted(rows, key=lambda row: row["value"])[(len(rows) - 1) // 2]
        found.append(
            {
                "name": "baseline" if trial is None else f"trial {trial}",
                "what": _KINDS[kind],
                "refit": kind == "refit",
                "rows": rows,
                "accuracy": math.fsum(row["test"]["accuracy"] for row in rows) / len(rows),
                "shown": shown,
                "metrics": with_intervals(shown["test"]),
                "figure": _confusion(shown["test"], f"confusion-{index}"),
                "thresholds": _thresholds(shown["test"], index),
            }
        )
    return found


def _confusion(result: Mapping[str, Any], name: str) -> Markup:
    classes = [row["name"] for row in result["classes"]]
    return _embedded(confusion_figure(result["confusion"], classes, "Confusion matrix"), name)


def _thresholds(result: Mapping[str, Any], index: int) -> list[Markup]:
    """Curves and calibration; none of a result of before they were kept."""
    if "thresholds" not in result:
        return []
    figures = threshold_figures(result["thresholds"])
    return [_embedded(figure, f"{name}-{index}") for name, figure in figures.items()]


def number(value: float | None) -> str:
    """A metric's value, with four digits after the point."""
    return "" if value is None else f"{value:.4f}"


def mean(rows: Sequence[Mapping[str, Any]]) -> float:
    """The mean of the rows' values; of one at least."""
    return math.fsum(row["value"] for row in rows) / len(rows)


def signed(value: float | None) -> str:
    """A difference of two values."""
    return "" if value is None else f"{value:+.4f}"


def whole(value: int | None) -> str:
    """A whole number, by thousands."""
    return "" if value is None else f"{value:,}"


def percent(value: float) -> str:
    """A share of one."""
    return f"{100 * value:.1f} %"


def css(share: float) -> str:
    """A share of one, as style sheets write it."""
    return f"{100 * share:.1f}%"


def seconds(value: float | None) -> str:
    """A time."""
    return "" if value is None else f"{value:,.1f}"


def plain(value: float) -> str:
    """A limit as a person would write it."""
    return f"{value:g}"


def ended(over: Ending) -> str:
    """Why a study has ended."""
    return ENDED[over]


def download(text: str) -> str:
    """A text as an address to save it from."""
    return "data:application/toml;base64," + base64.b64encode(text.encode()).decode()


_FILTERS = {
    function.__name__: function
    for function in (
        number,
        mean,
        signed,
        whole,
        percent,
        css,
        seconds,
        plain,
        ended,
        download,
        told,
    )
}
