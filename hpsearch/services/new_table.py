"""A table of new rows, read as the training data were: stored rows, or columns as they stand."""

from collections.abc import Generator, Sequence
from pathlib import Path

import polars as pl

from hpsearch.data.tables import rewritten
from hpsearch.data.tables.column import Column
from hpsearch.data.tables.dialect import Named
from hpsearch.data.tables.encoding import encode_cells, encode_frame, other_columns
from hpsearch.data.tables.files import TEXT, ending, open_bytes
from hpsearch.data.tables.reading import open_table
from hpsearch.data.tables.table import Table
from hpsearch.data.tables.values import Cells
from hpsearch.errors import InputError
from hpsearch.services.new_rows import ROWS, Array, Batch, NewRows, Takes, Told
from hpsearch.text import closest

_VALUES = 2**20
"""Values, by estimate, that are held at a time; as texts each takes some 60 bytes."""
_BLOCK = 2**20


def open_new_table(
    path: Path, takes: Takes, named: Named, *, keep: Sequence[str] = (), rows: int | None = None
) -> NewRows:
    """Open a table of new rows, of which other columns than the inputs are passed over.

    Args:
        path: a file that source ``table`` reads.
        takes: the columns that are wanted.
        named: how a table of text is written, where that is not found out.
        keep: columns that stand before the predictions.
        rows: the most in one batch; None: as many as are quick.

    Raises:
        InputError: columns that are not there, an empty or damaged file.
        UnreachableError: it cannot be read.
    """
    table, told = open_table(path, named, all_named=False), Told()
    wanted = [column.name for column in takes.columns]
    told.extra = tuple(n for n in other_columns(table, wanted) if n not in keep)
    for name in keep:
        if name not in table.names:
            raise InputError(
                f"--keep {name}: {path} has no such column; {closest(name, list(table.names))}"
            )
    names = list(dict.fromkeys([*wanted, *keep]))
    count = rows or min(ROWS, max(1, _VALUES // len(names)))

    def batches() -> Generator[Batch]:
        for frame in table.batches(names, count):
            encode = _raw if takes.is_raw else _stored
            x = encode(frame, table.decimal, takes.columns, told)
            yield Batch(x=x, beside=tuple(frame[name] for name in keep))

    return NewRows(batches=batches(), total=_total(table), told=told)


def _stored(frame: pl.DataFrame, decimal: str, columns: Sequence[Column], told: Told) -> Array:
    """Rows as they are stored; what there is to tell of them is added up."""
    found = encode_frame(frame, decimal, columns)
    told.unread.update(found.unread)
    told.unknown.update(found.unknown)
    for column in columns:
        if column.name in found.unknown and column.name not in told.example:
            cells = Cells(values=frame[column.name], decimal=decimal)
            texts = rewritten.categories(cells, column.categories).drop_nulls()
            new = texts.filter(~texts.is_in(list(column.categories)))
            told.example[column.name] = str(new[0])
    return found.x


def _raw(
    frame: pl.DataFrame, decimal: str, columns: Sequence[Column], told: Told
) -> dict[str, Array]:
    """Columns as a model that was exported takes them (``hpsearch.training.raw``): numbers, NaN
    where one is missing; categories as they stand, dates as ISO 8601 has them, "" where one is
    missing.
    """
    found: dict[str, Array] = {}
    for column in columns:
        cells = Cells(values=frame[column.name], decimal=decimal)
        if column.kind == "number":
            values, unread, _ = encode_cells(cells, column)
            found[column.name] = values[:, 0]
        else:
            if column.kind == "date":
                texts = _dates(cells, column)
            else:
                texts = rewritten.categories(cells, column.categories)
            unread = texts.null_count() - cells.missing
            found[column.name] = texts.fill_null("").to_numpy()
        told.unread.update({column.name: unread} if unread else {})
    return found


def _dates(cells: Cells, column: Column) -> pl.Series:
    """Dates as ISO 8601 has them, of which the column's own form is read first; null where one is
    missing, or is a text that is written otherwise.
    """
    times = rewritten.times(cells, column)
    days_alone = (times.dt.truncate("1d") == times).fill_null(value=True).all()
    return times.dt.strftime("%Y-%m-%d" if days_alone else "%Y-%m-%d %H:%M:%S%.3f")


def _total(table: Table) -> int:
    """Rows of a table; of text its lines but for the first, which are counted quickly."""
    if ending(table.path) not in TEXT:
        return table.rows
    lines = 0
    with open_bytes(table.path) as file:
        while block := file.read(_BLOCK):
            lines += block.count(b"\n")
    return max(0, lines - 1)
