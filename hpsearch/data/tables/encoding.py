"""Encoding: the cells of a table's input columns as one matrix of stored values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from hpsearch.data.tables import dates, rewritten
from hpsearch.data.tables.column import Column, places
from hpsearch.data.tables.table import Table
from hpsearch.data.tables.values import Cells
from hpsearch.errors import InputError
from hpsearch.text import closest, show

Matrix = npt.NDArray[np.float32]

_NAMED = 5
"""Columns that a message names."""


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """Rows of a table as stored values."""

    x: Matrix
    """Shape (rows, sum of the columns' widths), as :class:`~hpsearch.data.tables.column.Column`
    says; rows in the order of the file."""
    unread: dict[str, int]
    """Values that are no finite number or no date, by column; they are missing in ``x``."""
    unknown: dict[str, int]
    """Values that are none of the column's categories, by column; they are -1 in ``x``."""


def encode(table: Table, columns: Sequence[Column]) -> Encoded:
    """All rows of a table.

    Args:
        table: open for reading.
        columns: the inputs, in the order in which they are stored.

    Raises:
        InputError: a column that the table lacks; the file is damaged.
    """
    other_columns(table, [column.name for column in columns])
    return _encoded(table.cells, table.rows, columns)


def encode_frame(frame: pl.DataFrame, decimal: str, columns: Sequence[Column]) -> Encoded:
    """Some rows of a table, as :meth:`~hpsearch.data.tables.table.Table.batches` gives them.

    Args:
        frame: has all of the columns.
        decimal: the table's.
        columns: see :func:`encode`.
    """

    def cells(name: str) -> Cells:
        return Cells(values=frame[name], decimal=decimal)

    return _encoded(cells, frame.height, columns)


def encode_cells(cells: Cells, column: Column) -> tuple[Matrix, int, int]:
    """The cells of one column as it is stored.

    Args:
        cells: of n rows.
        column: what the column is.

    Returns:
        values of shape (n, width); how many values are no finite number or no date, and so
        missing; how many are no known category.
    """
    if column.kind == "date" and not column.date_format and cells.family != "date":
        form = next(iter(dates.formats([cells.texts()])), dates.FORMATS[0])
        column = column.model_copy(update={"date_format": form})
    values = np.empty((len(cells.values), column.width), np.float32)
    start = unread = unknown = 0
    for block in cells.blocks():
        end = start + len(block.values)
        values[start:end], wrong, new = _encoded_block(block, column)
        start, unread, unknown = end, unread + wrong, unknown + new
    return values, unread, unknown


def _encoded_block(cells: Cells, column: Column) -> tuple[Matrix, int, int]:
    if column.kind == "category":
        return _categories(cells, column)
    if column.kind == "date":
        values = _dates(cells, column)
    else:
        numbers = rewritten.numbers(cells).numbers().fill_null(np.nan).to_numpy()
        with np.errstate(over="ignore"):
            values = numbers.astype(np.float32)[:, None]
        values[~np.isfinite(values)] = np.nan
    unread = int(np.isnan(values[:, 0]).sum()) - cells.missing
    return values, unread, 0


def _categories(cells: Cells, column: Column) -> tuple[Matrix, int, int]:
    texts = rewritten.categories(cells, column.categories)
    known = pl.Series(column.categories, dtype=pl.String)
    codes = texts.replace_strict(
        known, pl.Series(range(len(known)), dtype=pl.Float32), default=-1.0, return_dtype=pl.Float32
    )
    codes = pl.select(pl.when(texts.is_not_null()).then(codes).otherwise(None)).to_series()
    values = codes.fill_null(np.nan).to_numpy()
    return values.astype(np.float32)[:, None], 0, int((values == -1).sum())


def _dates(cells: Cells, column: Column) -> Matrix:
    """Days, and where the column has them shares of a day."""
    whole, share = dates.days(rewritten.times(cells, column))
    values = np.stack([whole, share], axis=1)[:, : column.width].astype(np.float32)
    if column.has_time:
        values[values[:, 1] >= 1.0, 1] = np.nextafter(np.float32(1), np.float32(0))
    return values


def other_columns(table: Table, wanted: Sequence[str]) -> tuple[str, ...]:
    """The names of a table's columns that are no inputs.

    Args:
        table: open for reading.
        wanted: the names of the inputs.

    Raises:
        InputError: a column that the table lacks.
    """
    lacking = [name for name in wanted if name not in table.names]
    if lacking:
        more = f" and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else ""
        raise InputError(
            f"{table.path} has no column {', '.join(map(show, lacking[:_NAMED]))}{more};"
            f" {closest(lacking[0], list(table.names))}; add it, or rename the one that is meant"
        )
    return tuple(name for name in table.names if name not in wanted)


def _encoded(cells: Callable[[str], Cells], rows: int, columns: Sequence[Column]) -> Encoded:
    x = np.empty((rows, sum(column.width for column in columns)), np.float32)
    unread: dict[str, int] = {}
    unknown: dict[str, int] = {}
    for column, place in zip(columns, places(tuple(columns)), strict=True):
        values, wrong, new = encode_cells(cells(column.name), column)
        x[:, place : place + column.width] = values
        unread |= {column.name: wrong} if wrong else {}
        unknown |= {column.name: new} if new else {}
    return Encoded(x=x, unread=unread, unknown=unknown)
