"""A table that is to be searched: its columns, its rows, and whether a target is one of them."""

from pathlib import Path

from hpsearch.errors import InputError
from hpsearch.text import closest


def check_target(table: Path, target: str) -> None:
    """Refuse a target that is no column of a table.

    Raises:
        InputError: which columns there are.
    """
    if target not in (names := columns_of(table)):
        raise InputError(f"--target {target}: {table} has no such column; {closest(target, names)}")


def columns_of(table: Path) -> list[str]:
    """The names of a table's columns."""
    # polars is a tenth of the time that other commands take to start.
    from hpsearch.data.tables.dialect import Named  # noqa: PLC0415
    from hpsearch.data.tables.importing import train_names  # noqa: PLC0415

    return [*train_names(table, Named())]


def rows_of(table: Path) -> int:
    """How many rows a table's training part has."""
    from hpsearch.data.tables.files import files_of  # noqa: PLC0415  # see above
    from hpsearch.data.tables.reading import open_table  # noqa: PLC0415

    return open_table(files_of(table)["train"]).rows
