"""Inputs of the reference models: examples of any kind as one row of numbers each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hpsearch.data.tables.column import EPOCH, Column, places

Values = npt.NDArray[np.generic]


@dataclass(frozen=True, kw_only=True)
class Features:
    """Examples as rows of numbers, nothing of which is fitted."""

    values: Values
    """Shape (examples, features); NaN where a value is missing. Of a category: its place in the
    column's ``categories``."""
    is_category: tuple[bool, ...]
    """Of each feature."""

    @property
    def width(self) -> int:
        """How many features there are."""
        return len(self.is_category)

    def thinned(self, most: int) -> "Features":
        """At most so many of the features, evenly spaced."""
        if self.width <= most:
            return self
        kept = np.linspace(0, self.width - 1, most).round().astype(np.int64)
        return Features(
            values=self.values[:, kept], is_category=tuple(self.is_category[i] for i in kept)
        )


def features(x: Values, columns: Sequence[Column] | None) -> Features:
    """Rows of numbers: numbers and categories as they are, of a date its parts.

    The parts of a date are the days since :data:`hpsearch.data.tables.column.EPOCH`, month (1 to
    12), day of the month, weekday (Monday is 0) and, where it has times of day, hour (0 to 23).

    Args:
        x: stored rows of a table, shape (examples, stored values); without columns vectors or
            images, shape (examples, ...), each of whose values is a feature.
        columns: of the table.
    """
    if columns is None:
        flat = x.reshape(len(x), -1)
        return Features(values=flat, is_category=(False,) * flat.shape[1])
    parts: list[Values] = []
    is_category: list[bool] = []
    for column, start in zip(columns, places(tuple(columns)), strict=True):
        own = np.asarray(x[:, start : start + column.width], np.float32)
        if column.kind == "date":
            own = _date(own)
        elif column.kind == "category":
            own = np.where(own < 0, np.float32(np.nan), own)
        parts.append(own)
        is_category += [column.kind == "category"] * own.shape[1]
    return Features(values=np.hstack(parts), is_category=tuple(is_category))


def _date(stored: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The parts of dates.

    Args:
        stored: whole days and, where there are times of day, the share of the day, shape
            (examples, 1 or 2); NaN where a date is missing.

    Returns:
        shape (examples, 4 or 5); NaN where a date is missing.
    """
    is_missing = np.any(np.isnan(stored), axis=1)
    known = np.where(is_missing[:, np.newaxis], 0, stored).astype(np.float64)
    days = np.datetime64(EPOCH, "D") + known[:, 0].astype(np.int64)
    months = days.astype("datetime64[M]")
    parts = [
        known.sum(axis=1),
        months.astype(np.int64) % 12 + 1,
        (days - months).astype(np.int64) + 1,
        (days.astype(np.int64) + 3) % 7,  # 1970-01-01, from which numpy counts, was a Thursday
    ]
    if stored.shape[1] == 2:
        # float32 may have 12:00 as a few seconds before it.
        parts.append(np.floor(known[:, 1] * 24 + 1e-3))
    found = np.column_stack(parts).astype(np.float32)
    found[is_missing] = np.nan
    return found
