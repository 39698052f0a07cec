"""A study as Python and notebooks show it: how it stands, and its leaders."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

from hpsearch.config import describe
from hpsearch.errors import HpsearchError
from hpsearch.search import trials as rows
from hpsearch.search.budget import ENDED, ending
from hpsearch.search.storage.facts import ENDED_STATES
from hpsearch.search.study import OpenStudy
from hpsearch.services.workspace import Workspace
from hpsearch.text import decimal, printable

LEADERS = 5
"""How many of the best trials are shown."""

_HEADS = ("trial", "value", "epochs", "parameters", "configuration")


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a study stands, in words."""

    lines: Sequence[str]
    leaders: Sequence[Sequence[str]]
    """Cells below ``_HEADS``, the best trial first."""


def text(name: str, workspace: Workspace) -> str:
    """A study for a terminal."""
    found = _standing(name, workspace)
    lines = [f"Study {name!r}", *found.lines]
    if found.leaders:
        columns = [*zip(_HEADS, *found.leaders, strict=True)]
        widths = [max(map(len, column)) for column in columns]
        lines += [
            "  ".join(map(str.ljust, cells, widths)).rstrip()
            for cells in zip(*columns, strict=True)
        ]
    return printable("\n".join(lines))


def page(name: str, workspace: Workspace) -> str:
    """A study for a notebook, in HTML."""
    found = _standing(name, workspace)
    lines = "<br>".join(map(_escaped, found.lines))
    told = f"<div><b>Study {_escaped(name)}</b><br>{lines}</div>"
    if not found.leaders:
        return told
    head, *body = (
        "".join(f'<{tag} style="text-align:left">{_escaped(cell)}</{tag}>' for cell in cells)
        for tag, cells in [("th", _HEADS), *(("td", cells) for cells in found.leaders)]
    )
    table = "".join(f"<tr>{cells}</tr>" for cells in body)
    return f"{told}<table><thead><tr>{head}</tr></thead><tbody>{table}</tbody></table>"


def _escaped(text: str) -> str:
    return html.escape(printable(text))


def _standing(name: str, workspace: Workspace) -> Standing:
    """How a study stands; what keeps it from being read is said in place of that."""
    try:
        with workspace.study(name) as study:
            ranked = rows.ranked(study.trials(), study.file.objective.measure)
            leaders = [_cells(study, trial) for trial in ranked[:LEADERS]]
            return Standing(lines=_lines(study), leaders=leaders)
    except HpsearchError as error:
        return Standing(lines=str(error).splitlines(), leaders=())


def _lines(study: OpenStudy) -> list[str]:
    """Trials by state, whether that is all, and the best value."""
    counts, over = study.counts(), ending(study)
    best = rows.find_best(study) if counts.complete else None
    states = [f"{getattr(counts, key)} {key}" for key in ENDED_STATES]
    states += [f"{counts.running} running"] * (counts.running > 0)
    why = f"; {ENDED[over]}" if over is not None else ""
    value = rows.no_best(counts.complete)
    if best is not None:
        metric = study.file.objective.metric
        value = f"best {metric} {decimal(best.values[0])} in trial {best.number}"
    return [
        f"{counts.counted} of {study.budget.trials} trials: {', '.join(states)}{why}",
        value,
    ]


def _cells(study: OpenStudy, trial: rows.Trial) -> list[str]:
    """A trial as a line of the table of leaders."""
    row, config = rows.row(study, trial), rows.config(study, trial)
    size = row["parameters"]
    return [
        str(trial.number),
        decimal(trial.values[0]),
        "" if row["epochs"] is None else str(row["epochs"]),
        "" if size is None else f"{size:,}",
        "" if config is None else describe(config),
    ]
