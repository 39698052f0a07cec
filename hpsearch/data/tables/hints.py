"""Hints: what a column may be meant as, where it is nearly of another kind, and the cure."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from hpsearch.data.tables import dates
from hpsearch.data.tables.values import Cells
from hpsearch.text import listed, show

_MARKS = 5
"""At most so many different texts among others may stand for missing values."""
_USUAL = frozenset({".", "..", "-", "--", "*"})
"""Texts that stand for missing values among any numbers or dates."""
_OTHERS = 20
"""At least so many different others are no codes."""
_SIGNED = r"^[-+(]?\s?[$€£¥]?\s?[-+]?(\d{1,3}([.,' ]\d{3})+|\d+)([.,]\d+)?\s?[%$€£¥]?\)?$"
"""A number with a currency, a per cent sign or separated thousands, as a regular expression."""
_COMMA = r"^[-+]?\d+(,\d+)?$"
"""A number with a decimal comma, perhaps."""
_THOUSANDS = r",\d{3}$"
"""What may be a separator of thousands."""
_UNIT = r"^[-+]?\d+(?:[.,]\d+)?\s?([A-Za-z°µ/²³]+)$"
"""A number with a unit."""
_CLOCK = r"^\d{1,3}:\d{2}(:\d{2}([.,]\d+)?)?$"
"""Minutes and seconds, or hours and minutes."""
_DATES = (
    "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%d-%b-%Y", "%d-%b-%y",
    "%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%d-%m-%Y", "%m-%d-%Y", "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y %I:%M:%S %p", "%Y%m%dT%H%M%S", "%a, %d %b %Y",
)  # fmt: skip
"""Dates in a form that is not read, as polars' strptime has it."""
_FIRST = 100
"""Texts by which a format of dates is chosen."""
_NAMED = 3
"""Columns that are named; the others are counted."""
_DAYS = (19000101, 21001231)
"""From and to which whole numbers may be days."""


def together(hints: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """One line for all columns with the same hint.

    Args:
        hints: the name of a column, and what there is to say of it.
    """
    names: dict[str, list[str]] = {}
    for name, hint in hints:
        names.setdefault(hint, []).append(show(name))
    return tuple(f"{_columns(columns)}: {hint}" for hint, columns in names.items())


def _columns(names: Sequence[str]) -> str:
    if len(names) > _NAMED + 1:
        names = [*names[:_NAMED], f"{len(names) - _NAMED:,} more"]
    return f"column{'s' * (len(names) > 1)} {listed(names)}"


def meant(texts: tuple[str, ...], decimal: str) -> str:
    """Whether a column of texts is nearly one of numbers or dates, and the cure; empty: it is not.

    Args:
        texts: the different ones.
        decimal: what stands between whole and fraction in numbers.
    """
    values = pl.Series(texts, dtype=pl.String)
    numbers = Cells(values=values, decimal=decimal).numbers()
    if not numbers.null_count():
        return ""
    if cure := next(_cures(values, decimal), ""):
        example = show(values.filter(numbers.is_null())[0])
        return f"read as texts such as {example}; {cure}"
    marks = _marks(values, numbers) or _marks(values, _dates(values))
    if not marks:
        return ""
    return (
        f"read as texts because of {listed([*map(show, marks)])} among numbers or dates; where a"
        f" value is missing so, set dataset.missing = {show(marks)}"
    )


def alike(texts: tuple[str, ...]) -> str:
    """Whether two texts of a column differ by case alone, as "Yes" and "yes"; empty: none do.

    Args:
        texts: the different ones.
    """
    seen: dict[str, str] = {}
    for text in texts:
        first = seen.setdefault(text.lower(), text)
        if first != text:
            return (
                f"{show(first)} and {show(text)} differ by case alone; write them alike, if they"
                " are the same"
            )
    return ""


def codes(name: str, cells: Cells) -> str:
    """Whether a column of numbers may be one of codes or dates, and the cure; empty: it may not.

    Args:
        name: of the column.
        cells: of one part, of which the first are looked at.
    """
    cells = cells.first
    if cells.family == "text":
        zeros = cells.values.filter(cells.values.str.contains(r"^0\d+$").fill_null(value=False))
        if len(zeros):
            return (
                f"numbers such as {show(zeros[0])}; if these are codes, set dataset.categorical ="
                f" [{show(name)}]"
            )
    numbers = cells.floats()
    numbers = numbers[~np.isnan(numbers)]
    if len(numbers) < _OTHERS or not _are_days(numbers):
        return ""
    day = f"{numbers[0]:.0f}"
    return (
        f"numbers such as {day}; if these are dates, write them as {day[:4]}-{day[4:6]}-{day[6:]}"
    )


def _cures(texts: pl.Series, decimal: str) -> Iterator[str]:
    """How to have all of some texts read as what they seem to be."""
    with_commas = texts.filter(texts.str.contains(",", literal=True))
    is_decimal = not with_commas.str.contains(_THOUSANDS).all()
    if decimal == "." and is_decimal and texts.str.contains(_COMMA).all():
        yield 'if these are numbers, set dataset.decimal = ","'
    if texts.str.contains(_SIGNED).all():
        yield "if these are numbers, write them without signs"
    if len(texts) <= _OTHERS:
        return
    units = texts.str.extract(_UNIT)
    if not units.null_count() and units.n_unique() == 1:
        yield "if these are numbers, write them without the unit"
    if texts.str.contains(_CLOCK).all():
        yield "if these are times or durations, write them as one number, of seconds perhaps"
    if any(_fits(texts.head(_FIRST), form) and _fits(texts, form) for form in _DATES):
        yield "if these are dates, write them as 2024-03-01"


def _fits(texts: pl.Series, form: str) -> bool:
    return not texts.str.strptime(pl.Datetime("us"), form, strict=False).null_count()


def _marks(texts: pl.Series, read: pl.Series) -> list[str]:
    """The few texts that were not read, among many that were; none where it is otherwise.

    Args:
        texts: different ones.
        read: what was read of each, null for those that could not be.
    """
    odd = texts.filter(read.is_null())
    least = 2 if _USUAL.issuperset(odd) else _OTHERS
    is_few = 0 < len(odd) <= _MARKS and len(texts) - len(odd) >= least
    return list(map(str, odd)) if is_few else []


def _dates(texts: pl.Series) -> pl.Series:
    """The texts as dates, by the format that most of the first are written in."""
    first = texts.head(_FIRST)
    form = min(dates.FORMATS, key=lambda one: dates.parsed(first, one).null_count())
    return dates.parsed(texts, form)


def _are_days(numbers: npt.NDArray[np.float64]) -> bool:
    """Whether all numbers are years, months and days in eight digits."""
    first, last = _DAYS
    if numbers.min() < first or numbers.max() > last or (numbers != np.floor(numbers)).any():
        return False
    month, day = numbers // 100 % 100, numbers % 100
    return bool(((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all())
