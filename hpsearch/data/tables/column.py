"""Column: what an input column of a table is, and how its values are stored as numbers."""

from typing import Literal

from hpsearch.fields import Section

Kind = Literal["number", "category", "date"]

EPOCH = "2000-01-01"
"""The day from which days are counted: near enough that float32 keeps times of day to 84 s."""


class Column(Section):
    """One input column of a table, as the import has found it.

    Stored are float32 values, NaN where one is missing:
    of a number the value itself; of a category its place in ``categories``, or -1 for one that is
    not there (in new rows alone); of a date the whole days since :data:`EPOCH`, and, where it has
    times of day, behind that the share of the day that is over (0 <= share < 1).
    """

    name: str
    kind: Kind
    categories: tuple[str, ...] = ()
    """Of a category: every text that occurs in any part of the table, sorted. What a network knows
    of them is fitted on its training rows (``hpsearch.data.transform``)."""
    date_format: str = ""
    """Of a date: how it is written, as polars' strptime has it; empty: it was stored as a date."""
    has_time: bool = False
    """Of a date: whether it has times of day, too."""

    @property
    def width(self) -> int:
        """How many stored values one row has of it."""
        return 2 if self.has_time else 1


def places(columns: tuple[Column, ...]) -> list[int]:
    """Where each column's stored values begin in a row.

    Args:
        columns: in their order.
    """
    starts, width = [], 0
    for column in columns:
        starts.append(width)
        width += column.width
    return starts
