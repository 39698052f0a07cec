"""Looks: what the stored training rows of a table show of each column and of the target."""

import numpy as np
import numpy.typing as npt
import polars as pl

from hpsearch.data.tables.column import EPOCH, Column, places
from hpsearch.data.tables.look import ColumnLook, TargetLook

Stored = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]

_SAMPLES = 5
_COMMONEST = 5
_BINS = 30
_EXACT = 2**24
"""Below it float32 has every whole number."""


def column_looks(x: Stored, columns: tuple[Column, ...]) -> tuple[ColumnLook, ...]:
    """A look at each column.

    Args:
        x: training rows as they are stored, shape (n, sum of widths).
        columns: what the columns are.
    """
    return tuple(
        _look(x[:, place : place + column.width], column)
        for column, place in zip(columns, places(columns), strict=True)
    )


def target_look(name: str, y: Values) -> TargetLook:
    """A look at the target of a regression.

    Args:
        name: of the target.
        y: values of the training rows, shape (n,), finite, not all the same.
    """
    low, *quartiles, high = (float(each) for each in np.quantile(y, [0, 0.25, 0.5, 0.75, 1]))
    # From 0, as beside a large value there are not so many numbers as edges.
    counts, edges = np.histogram(y - low, bins=_BINS)
    return TargetLook(
        name=name,
        low=low,
        quartiles=(quartiles[0], quartiles[1], quartiles[2]),
        high=high,
        mean=float(y.mean()),
        deviation=float(y.std()),
        skewness=float(np.nan_to_num(pl.Series(y).skew() or 0.0)) if np.ptp(y) else 0.0,
        counts=tuple(int(count) for count in counts),
        edges=tuple(float(low + edge) for edge in edges),
    )


def order(values: Stored) -> Values:
    """Stored values of one column as one number each, which sorts as they do; NaN where missing.

    Args:
        values: shape (n, width).
    """
    return np.asarray(values.sum(axis=1, dtype=np.float64))


def _look(values: Stored, column: Column) -> ColumnLook:
    numbers = order(values)
    present = numbers[~np.isnan(numbers)]
    low = median = high = None
    if column.kind != "category" and len(present):
        middle = np.quantile(present, 0.5, method="lower")
        low, median, high = (_text(each, column) for each in (present.min(), middle, present.max()))
    distinct = pl.Series(present).unique(maintain_order=True)
    return ColumnLook(
        name=column.name,
        kind=column.kind,
        missing=len(numbers) - len(present),
        distinct=len(distinct),
        low=low,
        median=median,
        high=high,
        samples=tuple(_text(each, column) for each in distinct.head(_SAMPLES)),
        commonest=_commonest(present, column),
    )


def _text(value: float, column: Column) -> str:
    """A stored value as a reader writes it."""
    if column.kind == "number":
        return f"{value:.0f}" if value.is_integer() and abs(value) < _EXACT else f"{value:.6g}"
    if column.kind == "category":
        return column.categories[int(value)]
    minutes = np.datetime64(EPOCH, "m") + np.timedelta64(round(value * 1440), "m")
    return str(minutes).replace("T", " ") if column.has_time else str(minutes.astype("M8[D]"))


def _commonest(present: Values, column: Column) -> tuple[tuple[str, int], ...]:
    if column.kind != "category" or not len(present):
        return ()
    counts = np.bincount(present.astype(np.int64), minlength=len(column.categories))
    first = np.argsort(-counts, kind="stable")[:_COMMONEST]
    return tuple((column.categories[i], int(counts[i])) for i in first if counts[i])
