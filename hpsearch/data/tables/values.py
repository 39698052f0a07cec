"""Values: the cells of one column as texts, and as numbers."""

from dataclasses import dataclass
from typing import Literal

import polars as pl

Family = Literal["text", "number", "category", "date", "none", "other"]

MISSING = frozenset({
    "", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "#N/A", "?",
})  # fmt: skip
"""Texts that stand for a missing value in any table."""


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
        values = self.values
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
        values = self.values
        if self.family == "number" and not values.dtype.is_integer():
            numbers = self.numbers()
            whole = (numbers == numbers.floor()) & (numbers.abs() < 2**53)
            cut = numbers.cast(pl.Int64, strict=False).cast(pl.String)
            return pl.select(
                pl.when(whole).then(cut).otherwise(numbers.cast(pl.String))
            ).to_series()
        return values.cast(pl.String)

    def unparsed(self) -> pl.Series:
        """The present values that are no numbers, as texts."""
        return self.texts().filter(self.numbers().is_null() & self.values.is_not_null())

    def kept(self, keep: pl.Series) -> "Cells":
        """Those of some rows alone.

        Args:
            keep: which, booleans of the same length.
        """
        return Cells(values=self.values.filter(keep), decimal=self.decimal)


def cleaned(values: pl.Series, missing: frozenset[str] = MISSING) -> pl.Series:
    """A column as it is read: texts without spaces around them, null where a value is missing.

    Args:
        values: as the file has them.
        missing: texts that stand for a missing value.
    """
    if values.dtype == pl.String:
        stripped = values.str.strip_chars()
        present = ~stripped.is_in(sorted(missing))
        return pl.select(
            pl.when(present).then(stripped).otherwise(None).alias(values.name)
        ).to_series()
    return values.fill_nan(None) if values.dtype.is_float() else values


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
