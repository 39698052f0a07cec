"""Raw columns: rows of a table as an exported model takes them, an array for each column."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hpsearch.data.arrays import Inputs
from hpsearch.data.tables.column import EPOCH, Column, places
from hpsearch.data.tables.fitted import Tabular

UNKNOWN = "\N{REPLACEMENT CHARACTER}unknown"
"""Stands for a category that is not among a column's."""
UNKNOWN_CODE = -1
"""Stands for such a category where a model takes categories as numbers."""
MISSING_CODE = -2
"""Stands for a missing one there."""
_DAY = 86_400_000
"""Milliseconds."""
_MISSING = 0.1
"""Share of made-up values that are missing."""


def known_only(tables: Sequence[Tabular]) -> tuple[Tabular, ...]:
    """The transforms with no category in their columns but those that one of them knows.

    What others have is in no exported file: it may be of the test split alone.

    Args:
        tables: fitted to the folds of one table, at least one.
    """
    known: dict[int, set[int]] = {}
    for one in (category for table in tables for category in table.categories):
        known.setdefault(one.place, set()).update(one.known)
    codes = {place: {old: new for new, old in enumerate(sorted(known[place]))} for place in known}
    columns = tuple(
        column.model_copy(
            update={"categories": tuple(column.categories[code] for code in codes.get(place, ()))}
        )
        for column, place in zip(tables[0].columns, places(tables[0].columns), strict=True)
    )
    return tuple(_recoded(table, columns, codes) for table in tables)


def _recoded(
    table: Tabular, columns: tuple[Column, ...], codes: dict[int, dict[int, int]]
) -> Tabular:
    categories = tuple(
        one.model_copy(update={"known": tuple(codes[one.place][code] for code in one.known)})
        for one in table.categories
    )
    return table.model_copy(update={"columns": columns, "categories": categories})


def raw_columns(columns: tuple[Column, ...], x: Inputs) -> list[npt.NDArray[np.generic]]:
    """Stored rows as raw columns, in the columns' order, each of shape (n,).

    Numbers are float32, NaN where one is missing; categories texts, "" where one is missing; dates
    ISO texts with milliseconds where the column has times of day, "" where one is missing.

    Args:
        columns: of the table.
        x: stored rows, float32, shape (n, stored values).
    """
    return [
        _raw(column, x[:, place:]) for column, place in zip(columns, places(columns), strict=True)
    ]


def _raw(column: Column, values: Inputs) -> npt.NDArray[np.generic]:
    """One column; its stored values come first."""
    first = values[:, 0].astype(np.float32)
    if column.kind == "number":
        return first
    missing = np.isnan(first)
    whole = np.where(missing, 0, first).astype(np.int64)
    if column.kind == "category":
        texts = np.array([*column.categories, "", UNKNOWN], object)  # -1 is the last one
        return texts[np.where(missing, len(column.categories), whole)]
    found = np.datetime64(EPOCH, "D") + whole.astype("timedelta64[D]")
    if column.has_time:
        time = np.rint(np.nan_to_num(values[:, 1].astype(np.float64)) * _DAY).astype(np.int64)
        # Next to midnight a share may be rounded up, which is yet the same day.
        found = found.astype("datetime64[ms]") + np.minimum(time, _DAY - 1)
    return np.where(missing, "", np.datetime_as_string(found)).astype(object)


def coded_columns(
    columns: tuple[Column, ...], known: tuple[Column, ...], x: Inputs, *, takes_texts: bool
) -> list[npt.NDArray[np.generic]]:
    """Stored rows as models of other tools take them, an array for each column, in their order.

    Numbers and days are float32, shape (n,), as they are stored, with the share of the day behind
    where a column has times of day, shape (n, 2); categories int64, shape (n,): places among those
    that are known, :data:`UNKNOWN_CODE` or :data:`MISSING_CODE`; or texts.

    Args:
        columns: of the table.
        known: the same with the categories that a model knows.
        x: stored rows, float32, shape (n, stored values).
        takes_texts: leave categories as the texts of :func:`raw_columns`.
    """
    found = list[npt.NDArray[np.generic]]()
    for column, own, place in zip(columns, known, places(columns), strict=True):
        if column.kind != "category":
            values = x[:, place : place + column.width].astype(np.float32)
            found.append(values if column.has_time else values[:, 0])
        elif takes_texts:
            found.append(_raw(column, x[:, place:]))
        else:
            codes = {"": MISSING_CODE} | {text: n for n, text in enumerate(own.categories)}
            texts = _raw(column, x[:, place:])
            found.append(np.array([codes.get(str(t), UNKNOWN_CODE) for t in texts], np.int64))
    return found


def made_up_rows(table: Tabular, count: int) -> npt.NDArray[np.float32]:
    """Stored rows of random values as the training rows had, some of them missing.

    Args:
        table: what was fitted to them.
        count: how many.
    """
    random = np.random.default_rng(0)
    x = np.zeros((count, sum(column.width for column in table.columns)), np.float32)
    for number in table.numbers:
        noise = random.standard_normal(count) / (number.factor or 1.0)
        x[:, number.place] = number.median + noise
    for date in table.dates:
        x[:, date.place] = np.rint(x[:, date.place])
        if date.has_time:
            x[:, date.place + 1] = random.integers(0, 86_400, count) / 86_400
    for category in table.categories:
        x[:, category.place] = random.choice([-1, *category.known], count)
    for column, place in zip(table.columns, places(table.columns), strict=True):
        x[random.random(count) < _MISSING, place : place + column.width] = np.nan
    return x
