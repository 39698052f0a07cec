"""Identifiers: columns that number the rows or name what they are of, and yet are inputs."""

import re

import numpy as np

from hpsearch.data.tables.column import Column
from hpsearch.data.tables.looks import Values
from hpsearch.text import show

_NAME = re.compile(r"(^|.*[^A-Za-z])(id|Id|ID)|.*[a-z](Id|ID)|(?i:row[ _.]?names?)")
"""What identifiers are called: id, user_id, CustomerId, rownames; not paid or GRID."""
_FEW = 20
"""At most so many different ones are categories, and so few rows are like it by chance."""
_FIRST = 0.05
"""Of the largest: where row numbers begin at the latest, and years do not."""
_GAPS = 20
"""So many times as many as rows row numbers may reach, where rows were left out."""
_SHUFFLED = 2
"""The same, where they do not rise."""


def identifier(values: Values, column: Column, *, is_first: bool) -> str:
    """Why a column should be no input, or not as it is; empty: nothing speaks against it.

    - It is called an identifier, and has more than 20 different values, whole numbers or texts.
    - It has another whole number in each of more than 20 rows, as row numbers of which some are
      gone: rising, or, in the first column, in any order.

    Args:
        values: one of each training row, shape (n,), NaN where it is missing.
        column: what the column is.
        is_first: whether it is the first input.
    """
    of = f"column {show(column.name)}"
    if column.kind != "date" and _NAME.fullmatch(column.name):
        present = values[~np.isnan(values)]
        distinct = len(np.unique(present))
        if distinct <= _FEW or not _are_whole(present):
            return ""
        if distinct == len(present):
            return f"{of} is an identifier by its name and values; ignore it"
        return (
            f"{of} is an identifier by its name: ignore it, or keep the rows of one together"
            f" (dataset.group = {show(column.name)})"
        )
    if column.kind == "number" and _number_rows(values, is_first=is_first):
        return (
            f"{of} has another whole number in each row, as row numbers have; ignore it, unless it"
            " measures something"
        )
    return ""


def _number_rows(values: Values, *, is_first: bool) -> bool:
    rows, low, high = len(values), values.min(), values.max()  # NaN where one is missing
    if rows <= _FEW or not 0 <= low <= _FIRST * high or not _are_whole(values):
        return False
    if high < _GAPS * rows and (np.diff(values) > 0).all():
        return True
    return is_first and high < _SHUFFLED * rows and len(np.unique(values)) == rows


def _are_whole(values: Values) -> bool:
    return bool((values == np.floor(values)).all())
