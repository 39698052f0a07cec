"""Values: the cells of one column as texts, and as numbers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

Family = Literal["text", "number", "category", "date", "none", "other"]

MISSING = frozenset({
    "", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "#N/A", "?",
})  # fmt: skip
"""Texts that stand for a missing value in any table."""
_FIRST = 1000
_ROWS = 2**17
"""Rows that are looked at at a time: what a step needs beside its result is small."""


@dataclass(frozen=True, kw_only=True)
class Cells:
    """One column of one file."""

    values: pl.Series
    """Null where a value is missing: texts as they stand, without spaces around them, or typed."""
    decimal: str = "."
    """What stands between whole and fraction in texts of numbers."""

    @property
    def family(self) -> Family:
        """What the type of the values is, which is not yet what they are: texts may be numbers.

        "none": nothing but missing values; "other": what no column of a table can be.
        """
        return family(self.values.dtype)

    @property
    def missing(self) -> int:
        """How many are missing."""
        return self.values.null_count()

    def numbers(self) -> pl.Series:
        """The values as float64, null where one is missing or is no number; infinities stay.

        Durations and times of day are seconds.
        """
        return in_blocks(self._numbers, self.values)

    def floats(self) -> npt.NDArray[np.float64]:
        """:meth:`numbers` as an array, NaN where one is missing, shape (n,)."""
        found = np.empty(len(self.values), np.float64)
        start = 0
        for block in self.blocks():
            end = start + len(block.values)
            found[start:end] = block.numbers().fill_null(np.nan).to_numpy()
            start = end
        return found

    @property
    def first(self) -> "Cells":
        """The first rows."""
        return Cells(values=self.values.head(_FIRST), decimal=self.decimal)

    def blocks(self) -> "Iterator[Cells]":
        """The rows in their order, some at a time."""
        for start in range(0, max(1, len(self.values)), _ROWS):
            yield Cells(values=self.values.slice(start, _ROWS), decimal=self.decimal)

    def _numbers(self, values: pl.Series) -> pl.Series:
        if self.family == "text":
            if self.decimal == ",":
                whole = values.str.contains(".", literal=True)
                changed = values.str.replace(",", ".", literal=True)
                values = pl.select(pl.when(~whole).then(changed).otherwise(None)).to_series()
            return values.cast(pl.Float64, strict=False).fill_nan(None)
        if values.dtype == pl.Time:
            return values.cast(pl.Int64) / 1e9
        if values.dtype == pl.Duration:
            return values.dt.total_microseconds(fractional=True) / 1e6
        if self.family in ("number", "none"):
            return values.cast(pl.Float64).fill_nan(None)
        return pl.Series([None], dtype=pl.Float64).new_from_index(0, len(values))

    def texts(self) -> pl.Series:
        """The values as texts: those of a file of text as they stand, whole floats as "1"."""
        kind = self.values.dtype
        is_whole = kind.is_integer() or (isinstance(kind, pl.Decimal) and not kind.scale)
        if self.family == "number" and not is_whole:
            return in_blocks(shortest, self.numbers())
        return self.values.cast(pl.String)

    def unparsed(self) -> pl.Series:
        """The present values that are no numbers, as texts."""
        if self.family == "none":
            return pl.Series([], dtype=pl.String)
        return pl.concat(
            [
                block.texts().filter(block.numbers().is_null() & block.values.is_not_null())
                for block in self.blocks()
            ]
        )

    def kept(self, keep: pl.Series) -> "Cells":
        """Those of some rows alone.

        Args:
            keep: which, booleans of the same length.
        """
        values = self.values if keep.all() else self.values.filter(keep)
        return Cells(values=values, decimal=self.decimal)


def cleaned(values: pl.Series, missing: frozenset[str] = MISSING) -> pl.Series:
    """A column as it is read: texts without spaces around them, null where a value is missing.

    Args:
        values: as the file has them.
        missing: texts that stand for a missing value.
    """
    if values.dtype == pl.String:
        return in_blocks(lambda some: _present(some, missing), values)
    return values.fill_nan(None) if values.dtype.is_float() else values


def _present(texts: pl.Series, missing: frozenset[str]) -> pl.Series:
    stripped = texts.str.strip_chars()
    present = ~stripped.is_in(sorted(missing))
    return pl.select(pl.when(present).then(stripped).otherwise(None).alias(texts.name)).to_series()


def shortest(numbers: pl.Series) -> pl.Series:
    """Floats as texts, whole ones as "1", null where one is missing.

    Args:
        numbers: of float64.
    """
    whole = (numbers == numbers.floor()) & (numbers.abs() < 2**53)
    cut = numbers.cast(pl.Int64, strict=False).cast(pl.String)
    return pl.select(pl.when(whole).then(cut).otherwise(numbers.cast(pl.String))).to_series()


def in_blocks(of: Callable[[pl.Series], pl.Series], values: pl.Series) -> pl.Series:
    """What a function makes of each value of a column, whose rows it is given some at a time.

    Args:
        of: gives as many values as it is given, each by one of these alone.
        values: the column.
    """
    if len(values) <= _ROWS:
        return of(values)
    starts = range(0, len(values), _ROWS)
    return pl.concat([of(values.slice(start, _ROWS)) for start in starts])


def family(dtype: pl.DataType) -> Family:
    """What values of a type are; see :attr:`Cells.family`."""
    if dtype == pl.String:
        return "text"
    if dtype.is_numeric() or dtype in (pl.Duration, pl.Time):
        return "number"
    if dtype in (pl.Boolean, pl.Categorical, pl.Enum):
        return "category"
    if dtype in (pl.Date, pl.Datetime):
        return "date"
    return "none" if dtype == pl.Null else "other"
