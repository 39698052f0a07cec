"""A table that is to be searched: its columns, its rows, and whether a target is one of them."""

from pathlib import Path
from typing import TYPE_CHECKING

from hpsearch.errors import InputError
from hpsearch.text import closest

if TYPE_CHECKING:
    from hpsearch.data.tables.table import Table


def check_target(table: Path, target: str) -> None:
    """Refuse a target that is no column of a table.

    Raises:
        InputError: which columns there are.
    """
    opened = _opened(table)
    if target not in opened.names:
        told = "; ".join([closest(target, list(opened.names)), *opened.notes])
        raise InputError(f"--target {target}: {table} has no such column; {told}")


def columns_of(table: Path) -> list[str]:
    """The names of a table's columns."""
    return [*_opened(table).names]


def rows_of(table: Path) -> int:
    """How many rows a table's training part has."""
    return _opened(table).rows


def _opened(table: Path) -> "Table":
    """The training part of a table."""
    # polars is a tenth of the time that other commands take to start.
    from hpsearch.data.tables.files import files_of  # noqa: PLC0415
    from hpsearch.data.tables.reading import open_table  # noqa: PLC0415

    return open_table(files_of(table)["train"])
