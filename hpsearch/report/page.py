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
from hpsearch.data.facts import words
from hpsearch.figures.confusion import confusion_figure
from hpsearch.figures.residuals import residual_figures
from hpsearch.figures.thresholds import threshold_figures
from hpsearch.reference.reference import Reference, cells_on_test, recorded, titled, trained_on
from hpsearch.search.budget import ENDED, Ending
from hpsearch.search.ensemble import ENSEMBLE
from hpsearch.search.leaders import told
from hpsearch.search.verdict import middle
from hpsearch.tasks import METRICS, metric_of
from hpsearch.tasks.classification import CLASSIFICATION
from hpsearch.tasks.metric import Metric
from hpsearch.tasks.results import interval_text, task_of, written
from hpsearch.tasks.task import Task
from hpsearch.text import decimal, listed, significant

if TYPE_CHECKING:
    import plotly.graph_objects as go

_TEMPLATE = Path(__file__).with_name("page.html")


def page(
    facts: Mapping[str, Any], figures: Mapping[str, "go.Figure"], task: Task = CLASSIFICATION
) -> str:
    """The page.

    Args:
        facts: what :func:`hpsearch.report.facts.facts` gives.
        figures: by name, in their order.
        task: what the networks are for.
    """
    shown = [_embedded(figure, f"figure-{name}") for name, figure in figures.items()]
    text = _template().render(
        facts,
        examples=words(facts["study"]["dataset"]),
        figures=shown,
        task=task,
        tested=_tested(facts["trainings"], metric_of(facts["study"]["metric"])),
        averaged=_averaged(facts["ensemble"], facts["test_openings"], facts["study"]["name"]),
        compared=_compared(facts["test_openings"], facts["study"]["name"], task),
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


def _tested(trainings: Sequence[Mapping[str, Any]], metric: Metric) -> list[dict[str, Any]]:
    """What was judged on the test split, by configuration; details of one in its middle."""
    groups: dict[tuple[int | None, str], list[Mapping[str, Any]]] = {}
    for one in trainings:
        if one["test"] is not None:
            kind = "search" if one["of_search"] else one["kind"]
            groups.setdefault((one["trial"], kind), []).append(one)
    found = []
    for index, ((trial, kind), rows) in enumerate(groups.items()):
        is_known = all(row["before"] is not None for row in rows)  # of refits alone
        by_seed = {row["seed"]: row["before" if is_known else "value"] for row in rows}
        seed = middle(by_seed, metric)
        shown = next(row for row in rows if row["seed"] == seed)
        test = shown["test"]
        headline = task_of(test).headline
        values = [row["test"][headline.name] for row in rows]
        found.append(
            {
                "name": "baseline" if trial is None else f"trial {trial}",
                "what": _KINDS[kind],
                "refit": kind == "refit",
                "rows": [{**row, "cells": _cells(row["test"])} for row in rows],
                "heads": _heads(task_of(test)),
                "headline": f"{headline.metric.short} {headline.metric.written(_mean(values))}",
                "shown": shown,
                "metrics": written(test),
                "figures": _figures(test, index),
                "confusion": _confusion(test, f"confusion-{index}"),
            }
        )
    return found


def _averaged(
    ensemble: Mapping[str, Any] | None, openings: Sequence[Mapping[str, Any]], study: str
) -> dict[str, str] | None:
    """Of an ensemble the numbers as a reader is told them; on the test split the last ones."""
    if ensemble is None or ensemble["metric"] not in METRICS:
        return None
    metric, cost, alone = METRICS[ensemble["metric"]], ensemble["cost"], ensemble["single_cost"]
    last: dict[str, str] = {}
    for one in openings:
        is_own = (one["study"], one["of"]) == (study, ENSEMBLE)
        if is_own and one["date"] >= ensemble["date"] and one["result"]:
            how = f" ({_KINDS['refit']})" if "--refit" in one["opened_by"].split() else ""
            last[how] = f"{headline(one['result'])}{how}"
    return {
        "gain": metric.signed(ensemble["gain"]),
        "ends": metric.ends(ensemble["gain_low"], ensemble["gain_high"]),
        "tested": ", ".join(last[how] for how in sorted(last)),
        "value": metric.written(ensemble["value"]),
        "one": f"{1000 * cost['one']:.2f}",
        "alone": f"{1000 * alone['one']:.2f}",
    }


def _compared(
    openings: Sequence[Mapping[str, Any]], study: str, task: Task
) -> list[dict[str, Any]]:
    """What models of scikit-learn reached on the test split: the last of each kind of training."""
    last: dict[bool, list[Reference]] = {}
    for one in openings:
        if one["study"] == study and (found := recorded(one["result"])):
            last[found[0].with_validation] = found
    return [
        {
            "on": trained_on(found),
            "heads": _heads(task),
            "rows": [(titled(one), cells_on_test(one, task)) for one in found],
        }
        for found in last.values()
    ]


def _heads(task: Task) -> list[str]:
    """What the table of the seeds has of the test split."""
    beside = [score.column for score in task.columns]
    return [f"test {task.headline.metric.short}", "95 % interval", *beside]


def _cells(result: Mapping[str, Any]) -> list[str]:
    """One line of it."""
    task = task_of(result)
    first, *beside = [
        "" if (value := result[score.name]) is None else score.metric.written(value)
        for score in (task.headline, *task.columns)
    ]
    return [first, interval_text(result, task.headline), *beside]


def _confusion(result: Mapping[str, Any], name: str) -> Markup | None:
    """Of a classifier; None of others."""
    if "confusion" not in result:
        return None
    classes = [row["name"] for row in result["classes"]]
    return _embedded(confusion_figure(result["confusion"], classes, "Confusion matrix"), name)


def _figures(result: Mapping[str, Any], index: int) -> list[Markup]:
    """Curves and calibration, or residuals; none of a result of before they were kept."""
    figures: dict[str, go.Figure] = {}
    if "thresholds" in result:
        figures = threshold_figures(result["thresholds"])
    elif "residuals" in result:
        figures = residual_figures(result["residuals"])
    return [_embedded(figure, f"{name}-{index}") for name, figure in figures.items()]


def number(value: float | None) -> str:
    """A metric's value; nothing where there is none."""
    return "" if value is None else decimal(value)


def mean(rows: Sequence[Mapping[str, Any]]) -> float:
    """The mean of the rows' values; of one at least."""
    return _mean([row["value"] for row in rows])


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def headline(result: Mapping[str, Sequence[float]]) -> str:
    """The mean of what the record of test accesses keeps of some models: "0.9125"."""
    score = task_of(result).headline
    values = result[score.name]
    return score.metric.written(_mean(values))


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
        headline,
        significant,
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
        listed,
    )
}
