"""Table: a file of columns that is open for reading, whatever its format."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from hpsearch.data.tables.values import Cells


class Table(ABC):
    """A file of columns that is open for reading; its values stay in the file.

    Attributes:
        path: the file.
        names: of its columns, in their order.
        notes: how the file was understood, one line each.
        decimal: what stands between whole and fraction in its texts of numbers.
    """

    path: Path
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    decimal: str = "."

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
