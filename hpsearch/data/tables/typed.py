"""Typed: a table whose columns have types, in Parquet or Arrow, read column by column."""

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from hpsearch.data.tables.dialect import Named
from hpsearch.data.tables.files import explained
from hpsearch.data.tables.table import INDEX, Table
from hpsearch.data.tables.values import MISSING, cleaned
from hpsearch.errors import InputError
from hpsearch.text import plural, shortened, show


class Typed(Table):
    """A table in Parquet or Arrow (Feather).

    Args:
        path: the file, which is there.
        named: of which the missing texts count here.
        all_named: refuse columns without a name.
    """

    def __init__(self, path: Path, named: Named, *, all_named: bool = True) -> None:
        self.path = path
        self._missing = MISSING.union(named.missing)
        with self._explained():
            scan = pl.scan_parquet if path.suffix.casefold() == ".parquet" else pl.scan_ipc
            self._frame = scan(path, glob=False)
            self.names = tuple(self._frame.collect_schema().names())
        if len(self.names) < 2:
            columns = plural(len(self.names), "column")
            raise InputError(f"{path} has {columns}; a target and an input are two")
        for name in self.names:
            if all_named and not name.strip():
                raise InputError(f"{path} has a column without a name; name it, or remove it")
        self.index = tuple(filter(INDEX.fullmatch, self.names))
        if not self.rows:
            raise InputError(f"{path} has no rows; add some")

    @functools.cached_property
    def rows(self) -> int:
        """How many rows it has, as the file says."""
        with self._explained():
            return int(self._frame.select(pl.len()).collect().item())

    def column(self, name: str) -> pl.Series:
        """One column with the file's type."""
        with self._explained():
            return cleaned(self._frame.select(pl.col(name)).collect()[name], self._missing)

    def batches(self, names: Sequence[str], rows: int) -> Iterator[pl.DataFrame]:
        """Some columns, so many rows at a time."""
        for start in range(0, self.rows, rows):
            with self._explained():
                frame = self._frame.select(pl.col(list(names))).slice(start, rows).collect()
            yield frame.with_columns([cleaned(each, self._missing) for each in frame])

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say for a user what goes wrong; what polars raises on made-up bytes is of many kinds."""
        with explained(self.path):
            try:
                yield
            except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise
                reason = show(shortened(" ".join(str(error).split())))
                raise InputError(
                    f"{self.path} is damaged or no {self.path.suffix} file ({reason}); write it"
                    " again"
                ) from None
