"""Flaws: columns of a table that say nothing, say what another says, or give the target away."""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from hpsearch.data.tables.column import Column, places
from hpsearch.data.tables.identifiers import identifier
from hpsearch.data.tables.looks import Stored, Values, order
from hpsearch.data.tables.target import Targets
from hpsearch.text import show

_RANKED = 0.999
"""Spearman's correlation with the target from which on a column gives it away."""
_SAMPLED = 10_000
"""Rows that are looked at first."""
_SURELY_LESS = 0.9
"""Spearman's correlation in these rows, below which it is not :data:`_RANKED` in all of them."""
_TOLD = 0.999
"""Share of the classes that such a column tells by itself."""
_COMMONEST = 0.99
"""Share of the commonest class from which on that is no wonder."""
_ROWS = 20
"""Fewer rows may look so by chance."""

Codes = npt.NDArray[np.int64]


def flaws(
    x: Stored, y: Targets, columns: tuple[Column, ...], target: str, hints: Sequence[str] = ()
) -> list[str]:
    """What should be looked at before a network is trained, a sentence or two each.

    Columns that give the target away are first, then the hints, then identifiers
    (:func:`hpsearch.data.tables.identifiers.identifier`).

    - A column with one value in all rows, and one that is equal to an earlier one.
    - A column that gives the target away, where there are 20 rows at least. Of values: Spearman's
      rank correlation is 0.999 or more, or -0.999 or less (of categories: of each one's mean
      target). Of classes, of which the commonest has less than 99 % of the rows: the commonest
      class of each value is right for 99.9 % of the rows, where a value has ten rows in the mean;
      or, in the order of the column's numbers, the class changes no more often than between
      intervals of one class each, 0.1 % of the rows aside.

    Args:
        x: training rows as they are stored, shape (n, sum of widths).
        y: their targets, shape (n,): int64 labels, or float64 values.
        columns: what the columns are.
        target: the target's name.
        hints: what was noticed when the columns were read.
    """
    told: list[str] = []
    identifiers: list[str] = []
    giving_away: list[str] = []
    seen: dict[bytes, str] = {}
    for column, place in zip(columns, places(columns), strict=True):
        values = np.ascontiguousarray(x[:, place : place + column.width])
        if _is_constant(values):
            told.append(f"column {show(column.name)} has one value in all training rows; ignore it")
            continue
        first = seen.setdefault(_digest(values, column), column.name)
        if first != column.name:
            told.append(f"column {show(column.name)} is equal to {show(first)}; ignore one of them")
        numbers = order(values)
        if found := identifier(numbers, column, is_first=place == 0):
            identifiers.append(found)
        if len(y) >= _ROWS and _gives_away(numbers, y, column):
            giving_away.append(
                f"column {show(column.name)} gives the target {show(target)} away: by itself it"
                " tells nearly all of it. Is it known before the target is? If not, ignore it"
            )
    return [*giving_away, *hints, *identifiers, *told]


def _is_constant(values: Stored) -> bool:
    return bool(((values == values[0]) | (np.isnan(values) & np.isnan(values[0]))).all())


def _digest(values: Stored, column: Column) -> bytes:
    """Equal where stored values and what they stand for are equal."""
    about = repr((column.kind, column.categories)).encode()
    return hashlib.blake2b(values.tobytes() + about, digest_size=16).digest()


def _gives_away(values: Values, y: Targets, column: Column) -> bool:
    if y.dtype.kind == "f":
        return _tells_values(values, y.astype(np.float64), column)
    labels = y.astype(np.int64)
    if np.bincount(labels).max() >= _COMMONEST * len(labels):
        return False
    codes = np.unique(values, return_inverse=True)[1].astype(np.int64)  # NaN is one value
    if codes.max() + 1 <= len(labels) / 10:
        return _majority(codes, labels) >= _TOLD * len(labels)
    return column.kind != "category" and _is_in_intervals(values, labels)


def _tells_values(values: Values, y: Values, column: Column) -> bool:
    present = ~np.isnan(values)
    values, y = values[present], y[present]
    if len(y) < _ROWS:
        return False
    if column.kind == "category":
        codes = values.astype(np.int64)
        counts = np.bincount(codes)
        if np.count_nonzero(counts) > len(y) / 10:
            return False
        values = (np.bincount(codes, weights=y) / np.maximum(counts, 1))[codes]
    some = np.random.default_rng(0).integers(len(y), size=_SAMPLED)
    varies = len(y) > _SAMPLED and np.unique_counts(y[some]).counts.max() < _SAMPLED / 2
    if varies and _correlation(values[some], y[some]) < _SURELY_LESS:
        return False
    return _correlation(values, y) >= _RANKED


def _correlation(values: Values, y: Values) -> float:
    """The absolute rank correlation; 0 where one of both is the same everywhere."""
    if values.min() == values.max() or y.min() == y.max():
        return 0.0
    first, second = (pl.Series(each).rank().to_numpy() for each in (values, y))
    return float(abs(np.corrcoef(first, second)[0, 1]))


def _majority(codes: Codes, labels: Codes) -> int:
    """Rows that the commonest class of their value is right for."""
    classes = int(labels.max()) + 1
    pairs, counts = np.unique(codes * classes + labels, return_counts=True)
    most = np.zeros(codes.max() + 1, np.int64)
    np.maximum.at(most, pairs // classes, counts)
    return int(most.sum())


def _is_in_intervals(values: Values, labels: Codes) -> bool:
    """Whether classes are intervals of the numbers; equal numbers are in random order."""
    shuffled = np.random.default_rng(0).permutation(len(labels))
    ordered = labels[shuffled[np.argsort(values[shuffled], kind="stable")]]
    changes = int((ordered[1:] != ordered[:-1]).sum())
    classes = np.count_nonzero(np.bincount(labels))
    return bool(changes <= classes - 1 + 2 * (1 - _TOLD) * len(labels))
