"""The report of the comparison: errors, ranks and relative errors as Markdown."""

from collections.abc import Mapping, Sequence
from statistics import fmean, geometric_mean, stdev
from typing import Any

from methods import METHODS, error
from scipy.stats import rankdata
from sets import TABLES

Row = Mapping[str, Any]
"""A line of the results."""
Found = Mapping[tuple[str, int], Mapping[str, Row]]
"""By table and split, then by the method's label."""


def label(row: Row) -> str:
    """Of a method, with the seconds that it searched."""
    name = METHODS[row["method"]].label
    return f"{name} {row['given']:g} s" if row["given"] else name


def report(rows: Sequence[Row]) -> str:
    """Markdown: a table of ranks, one of errors, and where they were measured.

    Args:
        rows: lines of the results; of equal ones the last counts.
    """
    found: dict[tuple[str, int], dict[str, Row]] = {}
    for row in rows:
        found.setdefault((row["table"], row["split"]), {})[label(row)] = row
    order = sorted(rows, key=lambda row: ([*METHODS].index(row["method"]), row["given"]))
    labels = [*dict.fromkeys(label(row) for row in order)]
    parts = (_ranks(found, labels), _errors(found, labels), _machines(rows))
    head = "# Methods on real tables\n\nMade by `scripts/bench/tables/compare.py`."
    return "\n\n".join([head, *parts]) + "\n"


def _ranks(found: Found, labels: Sequence[str]) -> str:
    """Of each method over the splits that all methods have: mean rank and relative error."""
    whole = [split for split in found.values() if len(split) == len(labels)]
    errors = {name: [error(split[name]) for split in whole] for name in labels}
    best = [min(of_split) for of_split in zip(*errors.values(), strict=True)]
    ranks = [rankdata(of_split) for of_split in zip(*errors.values(), strict=True)]
    lines = [["method", "mean rank", "best in", "error relative to the best, geometric mean"]]
    for i, name in enumerate(labels):
        if whole:
            ratios = [own / least for own, least in zip(errors[name], best, strict=True)]
            first = sum(ratio == 1 for ratio in ratios)
            mean = fmean(rank[i] for rank in ranks)
            lines.append([name, f"{mean:.2f}", str(first), f"{geometric_mean(ratios):.3f}"])
    return f"Splits that all methods have: {len(whole)}.\n\n{_table(lines)}"


def _errors(found: Found, labels: Sequence[str]) -> str:
    """Of each table and method the errors, means of its splits."""
    lines = [["table", *labels]]
    for table in TABLES:
        splits = [split for (name, _), split in found.items() if name == table.name]
        cells = [_cell([split[name] for split in splits if name in split]) for name in labels]
        if any(cells):
            lines.append([f"{table.name}: {table.target}", *cells])
    return (
        "RMSE of numbers; log loss and accuracy of classes. Test rows, mean of the splits ±"
        f" standard deviation.\n\n{_table(lines)}"
    )


def _cell(rows: Sequence[Row]) -> str:
    """The mean error and how it scatters; empty without rows."""
    if not rows:
        return ""
    errors = [error(row) for row in rows]
    text = f"{fmean(errors):.4g}"
    if len(errors) > 1:
        text += f" ± {stdev(errors):.2g}"
    if "accuracy" in rows[0]:
        text += f" ({fmean(row['accuracy'] for row in rows):.2%})"
    return text


def _table(lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its head first."""
    head, *rest = (f"| {' | '.join(cells)} |" for cells in lines)
    return "\n".join([head, "|---" * len(lines[0]) + "|", *rest])


def _machines(rows: Sequence[Row]) -> str:
    """Each machine, date and set of versions, once."""
    told = {", ".join(f"{key} {value}" for key, value in row["machine"].items()) for row in rows}
    return "\n".join(f"- {one}" for one in sorted(told))
