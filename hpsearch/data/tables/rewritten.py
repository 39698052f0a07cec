"""Rewritten: new values that mean what a column's values mean, and are written otherwise."""

from collections.abc import Iterable, Sequence

import polars as pl

from hpsearch.data.tables import dates
from hpsearch.data.tables.column import Column
from hpsearch.data.tables.values import Cells, shortest

_TRUTH = frozenset({"true", "false"})
_YEAR_FIRST = tuple(form for form in dates.FORMATS if form.startswith("%Y"))
"""Formats that no other one is mistaken for."""


def categories(cells: Cells, known: Sequence[str]) -> pl.Series:
    """The texts of a column of categories, as the column has them where it has an equal one.

    Equal are whole numbers however they are written (3, 3.0 and 03), where only one of the
    column's is that number, and truth values in any case (True and true).

    Args:
        cells: of new rows.
        known: the column's categories.
    """
    texts = cells.texts()
    others = texts.filter(texts.is_not_null() & ~texts.is_in(list(known))).unique()
    if not len(others):
        return texts
    places: dict[str, set[str]] = {}
    for text, plain in _plain(known):
        places.setdefault(plain, set()).add(text)
    meant = {
        text: next(iter(places[plain]))
        for text, plain in _plain(map(str, others.to_list()))
        if len(places.get(plain, ())) == 1
    }
    return texts.replace(list(meant), list(meant.values())) if meant else texts


def _plain(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Each text that is a whole number or a truth value, and how it is written most shortly."""
    given = pl.Series([*texts], dtype=pl.String)
    numbers = shortest(given.cast(pl.Float64, strict=False))
    pairs = zip(given.to_list(), numbers.to_list(), strict=True)
    found = [(text, text.lower() if number is None else number) for text, number in pairs]
    return [
        (text, plain) for text, plain in found if plain.lstrip("-").isdecimal() or plain in _TRUTH
    ]


def numbers(cells: Cells) -> Cells:
    """New cells of a column of numbers, readable as such: true is 1, and texts are no categories.

    Args:
        cells: of new rows.
    """
    if cells.family != "category":
        return cells
    kind = pl.Float64 if cells.values.dtype == pl.Boolean else pl.String
    return Cells(values=cells.values.cast(kind), decimal=cells.decimal)


def times(cells: Cells, column: Column) -> pl.Series:
    """New cells of a column of dates as :func:`hpsearch.data.tables.dates.parsed` has them.

    Texts are read by the column's format (one that fits all, where it has none), and those that it
    does not fit by those with the year first.

    Args:
        cells: of new rows.
        column: what the column is.
    """
    if cells.family == "date":
        return dates.naive(cells.values)
    texts = cells.texts()
    if column.date_format or not len(texts.drop_nulls()):
        own = column.date_format or dates.FORMATS[0]
    else:
        own = next(iter(dates.formats([texts])), dates.FORMATS[0])
    found = dates.parsed(texts, own)
    for form in _YEAR_FIRST:
        if found.null_count() == texts.null_count():
            break
        found = found.fill_null(dates.parsed(texts, form))
    return found
