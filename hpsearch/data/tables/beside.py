"""Beside: the columns of a table that say something of its rows: group, time and weight."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from hpsearch.data.arrays import PartName
from hpsearch.data.tables import dates
from hpsearch.data.tables.column import Column
from hpsearch.data.tables.values import Cells
from hpsearch.errors import InputError
from hpsearch.text import plural, show

_DAY = 86_400.0
"""Seconds."""


def groups(
    where: str, name: str, parts: Mapping[PartName, Cells]
) -> dict[PartName, npt.NDArray[np.int64]]:
    """A number for the group of each row, the same in all parts: its place in the sorted texts.

    Args:
        where: the table, for messages.
        name: of the column.
        parts: its cells in each part.

    Raises:
        InputError: a missing value.
    """
    _refuse_missing(where, "group", name, parts)
    texts = {part: cells.texts() for part, cells in parts.items()}
    known = pl.concat(list(texts.values())).unique().sort()
    codes = pl.Series(range(len(known)), dtype=pl.Int64)
    return {
        part: each.replace_strict(known, codes, return_dtype=pl.Int64).to_numpy()
        for part, each in texts.items()
    }


def times(
    where: str, name: str, parts: Mapping[PartName, Cells], column: Column | None
) -> dict[PartName, npt.NDArray[np.float64]]:
    """When each row was: seconds since 2000-01-01, or the number in the column.

    Args:
        where: the table, for messages.
        name: of the column.
        parts: its cells in each part.
        column: what the column was found to be; None: numbers, or it is ignored as an input.

    Raises:
        InputError: a value that is missing, or no date and no number.
    """
    _refuse_missing(where, "time", name, parts)
    if column is not None and column.kind == "date":
        return {part: _seconds(cells, column) for part, cells in parts.items()}
    return _numbers(where, "time", name, parts)


def weights(
    where: str, name: str, parts: Mapping[PartName, Cells]
) -> dict[PartName, npt.NDArray[np.float32]]:
    """How much each row counts, as the column has it.

    Args:
        where: the table, for messages.
        name: of the column.
        parts: its cells in each part.

    Raises:
        InputError: a value that is missing, no number or below 0; nothing but zeros in a part.
    """
    _refuse_missing(where, "weight", name, parts)
    found: dict[PartName, npt.NDArray[np.float32]] = {}
    for part, values in _numbers(where, "weight", name, parts).items():
        of = f"{where}: weight {show(name)} ({part})"
        if values.min() < 0:
            raise InputError(f"{of} has the value {values.min():g}; weights are 0 or more")
        if not values.any():
            raise InputError(f"{of} is 0 everywhere, so that no row counts; correct it")
        found[part] = values.astype(np.float32)
    return found


def _refuse_missing(where: str, role: str, name: str, parts: Mapping[PartName, Cells]) -> None:
    for part, cells in parts.items():
        if cells.missing:
            rows = plural(cells.missing, "row")
            raise InputError(
                f"{where}: {role} {show(name)} is missing in {rows} of the {part}"
                " part; fill it in, or leave these rows out"
            )


def _numbers(
    where: str, role: str, name: str, parts: Mapping[PartName, Cells]
) -> dict[PartName, npt.NDArray[np.float64]]:
    needed = "dates of one format, or numbers" if role == "time" else "numbers"
    found: dict[PartName, npt.NDArray[np.float64]] = {}
    for part, cells in parts.items():
        numbers = cells.numbers()
        wrong = cells.texts().filter(~numbers.is_finite().fill_null(value=False))
        if len(wrong):
            raise InputError(
                f"{where}: {role} {show(name)} has the value {show(wrong[0])}, but needs {needed};"
                " correct it"
            )
        found[part] = numbers.to_numpy().astype(np.float64)
    return found


def _seconds(cells: Cells, column: Column) -> npt.NDArray[np.float64]:
    read = cells.family == "date"
    points = dates.naive(cells.values) if read else dates.parsed(cells.texts(), column.date_format)
    whole, share = dates.days(points)
    return whole * _DAY + share * _DAY
