"""Hints: what texts may be meant as that are nearly numbers, dates, or one another."""

import polars as pl

from hpsearch.data.tables import dates
from hpsearch.data.tables.values import Cells
from hpsearch.text import show

_MARKS = 5
"""At most so many different texts among others may stand for missing values."""
_OTHERS = 20
"""At least so many different others are no codes."""
_SIGNED = r"^[-+(]?\s?[$€£¥]?\s?[-+]?(\d{1,3}([,' ]\d{3})+|\d+)([.,]\d+)?\s?[%$€£¥]?\)?$"
"""A number with a currency, a per cent sign or separated thousands, as a regular expression."""
_FIRST = 100
"""Texts by which a format of dates is chosen."""


def meant(name: str, texts: tuple[str, ...], decimal: str) -> str:
    """Whether a column of texts is nearly one of numbers or dates, and the cure; empty: it is not.

    Args:
        name: of the column.
        texts: the different ones.
        decimal: what stands between whole and fraction in numbers.
    """
    values = pl.Series(texts, dtype=pl.String)
    numbers = Cells(values=values, decimal=decimal).numbers()
    if numbers.null_count() and values.str.contains(_SIGNED).all():
        signed = show(values.filter(numbers.is_null())[0])
        return (
            f"column {show(name)} is taken as texts such as {signed}; if these are numbers, write"
            " them without signs"
        )
    marks = _marks(values, numbers) or _marks(values, _dates(values))
    if not marks:
        return ""
    return (
        f"column {show(name)} is taken as texts, as {', '.join(map(show, marks))} among them are no"
        f" numbers or dates; if these stand for missing values, set dataset.missing = {show(marks)}"
    )


def alike(name: str, texts: tuple[str, ...]) -> str:
    """Whether two texts of a column differ by case alone, as "Yes" and "yes"; empty: none do.

    Args:
        name: of the column.
        texts: the different ones.
    """
    seen: dict[str, str] = {}
    for text in texts:
        first = seen.setdefault(text.lower(), text)
        if first != text:
            return (
                f"column {show(name)} has {show(first)} and {show(text)}, which differ by case"
                " alone; write them alike, if they are the same"
            )
    return ""


def _marks(texts: pl.Series, read: pl.Series) -> list[str]:
    """The few texts that were not read, among many that were; none where it is otherwise.

    Args:
        texts: different ones.
        read: what was read of each, null for those that could not be.
    """
    odd = texts.filter(read.is_null())
    is_few = 0 < len(odd) <= _MARKS and len(texts) - len(odd) >= _OTHERS
    return list(map(str, odd)) if is_few else []


def _dates(texts: pl.Series) -> pl.Series:
    """The texts as dates, by the format that most of the first are written in."""
    first = texts.head(_FIRST)
    form = min(dates.FORMATS, key=lambda one: dates.parsed(first, one).null_count())
    return dates.parsed(texts, form)
