"""Table: a file of columns that is open for reading, whatever its format."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from hpsearch.data.tables.values import Cells

INDEX = re.compile(r"|Unnamed: 0(\.\d+)?|__index_level_\d+__")
"""Names of an index of rows: R and pandas write none in text, pandas reads that as "Unnamed: 0",
and has names of its own in Parquet."""


class Table(ABC):
    """A file of columns that is open for reading; its values stay in the file.

    Attributes:
        path: the file.
        names: of its columns, in their order.
        notes: how the file was understood, one line each.
        decimal: what stands between whole and fraction in its texts of numbers.
        index: columns that are called as programs call an index of rows, or not at all.
    """

    path: Path
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    decimal: str = "."
    index: tuple[str, ...] = ()

    @property
    @abstractmethod
    def rows(self) -> int:
        """How many rows it has, at least one."""

    @abstractmethod
    def column(self, name: str) -> pl.Series:
        """One column: texts of a file of text, else of the file's type; null where missing.

        It is quickest to ask for columns in their order.

        Args:
            name: one of :attr:`names`.

        Raises:
            InputError: a row with another number of fields, a quote that is not closed, no rows,
                a damaged file.
        """

    @abstractmethod
    def batches(self, names: Sequence[str], rows: int) -> Iterator[pl.DataFrame]:
        """Some columns, so many rows at a time, in their order; see :meth:`column`.

        Args:
            names: some of :attr:`names`.
            rows: the most in one batch.
        """

    def cells(self, name: str) -> Cells:
        """One column with what its texts are read by; see :meth:`column`."""
        return Cells(values=self.column(name), decimal=self.decimal)
