"""Kinds: what each column of a table is, by a rule over all its values in all parts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from hpsearch.data.tables import dates, hints
from hpsearch.data.tables.column import Column
from hpsearch.data.tables.values import Cells, Family
from hpsearch.errors import InputError
from hpsearch.text import plural, show

_WRONG_SHARE = 0.01
_WRONG_TEXTS = 5
_IDENTIFIER_ROWS = 50
_IDENTIFIER_SHARE = 0.9
_COUNTED_ROWS = 20
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a column was found to be."""

    column: Column | None
    """None: it is ignored, and the notes say why."""
    notes: tuple[str, ...] = ()
    """What a user should know of it; one line each."""
    hints: tuple[str, ...] = ()
    """What its values may be meant as, without its name; one line each."""


def find(
    name: str,
    parts: Sequence[Cells],
    *,
    as_category: bool = False,
    is_index: bool = False,
    where: str = "the table",
) -> Found:
    """What a column is.

    - number: all present values are numbers, but for at most 1 % with at most five different texts,
      which count as missing. So do infinite values and those beyond float32.
    - date: all present values are dates of one format (:data:`hpsearch.data.tables.dates.FORMATS`;
      where the day or the month may come first, the day does).
    - category: all else, truth values, and what Parquet and Arrow call a category.

    Ignored are columns that are missing everywhere, numbers that count the rows from 0 or 1 (of at
    least 20), whole numbers of an index, and texts of which more than 90 % (of at least 50) are
    different: identifiers or free text.

    Args:
        name: of the column.
        parts: its cells in each part.
        as_category: the user says that it is a category, whatever its values look like.
        is_index: it is called as programs call an index of rows, or not at all.
        where: the table, for messages.

    Raises:
        InputError: a type that no column can be, or dates in one part and none in another.
    """
    families = _families(name, parts, where)
    if all(cells.missing == len(cells.values) for cells in parts):
        return Found(column=None, notes=(f"{_of(name)} is ignored: all its values are missing",))
    if as_category or "category" in families:
        column = _category(name, parts)
        told = hints.alike(column.categories)
        return Found(column=column, hints=(told,) if told else ())
    if "date" in families:
        times = [dates.naive(cells.values) for cells in parts]
        return Found(column=_date(name, times, ""))
    return (
        _number(name, parts, is_index=is_index) or _written_date(name, parts) or _text(name, parts)
    )


def _families(name: str, parts: Sequence[Cells], where: str) -> set[Family]:
    """The families of a column's types in all parts."""
    families: set[Family] = {cells.family for cells in parts if cells.family != "none"}
    if "other" in families:
        kinds = ", ".join(sorted({str(cells.values.dtype) for cells in parts}))
        raise InputError(
            f"{where}: {_of(name)} holds {kinds}, which no network takes; convert it to"
            f" numbers or texts, or ignore = [{show(name)}]"
        )
    if "date" in families and len(families) > 1:
        raise InputError(
            f"{where}: {_of(name)} holds dates in one file and other values in another; save"
            f" both with the same type, or ignore = [{show(name)}]"
        )
    return families


def _of(name: str) -> str:
    return f"column {show(name)}"


def _number(name: str, parts: Sequence[Cells], *, is_index: bool) -> Found | None:
    if any(cells.first.unparsed().n_unique() > _WRONG_TEXTS for cells in parts):
        return None  # before all are looked at
    present = sum(len(cells.values) - cells.missing for cells in parts)
    wrong = pl.concat([cells.unparsed() for cells in parts])
    if len(wrong) > _WRONG_SHARE * present or wrong.n_unique() > _WRONG_TEXTS:
        return None
    if _counts_rows(parts):
        return Found(
            column=None,
            notes=(f"{_of(name)} is ignored: it counts the rows; {_wanted(name)}",),
        )
    if is_index and all(_are_whole(cells) for cells in parts):
        reason = "whole numbers without a name of their own, as row labels of pandas and R are"
        cure = "to use it as a number, name it in the file"
        return Found(column=None, notes=(f"{_of(name)} is ignored: {reason}; {cure}",))
    notes: list[str] = []
    if len(wrong):
        texts = ", ".join(f"{show(text)} ({plural(rows, 'row')})" for text, rows in _counted(wrong))
        notes.append(f"{_of(name)}: {texts} taken as missing; all else are numbers")
    infinite = sum(
        int((block.numbers().abs() > _LARGEST).sum()) for cells in parts for block in cells.blocks()
    )
    if infinite:
        notes.append(
            f"{_of(name)}: {infinite:,} infinite values (or beyond float32) taken as missing"
        )
    found = hints.codes(name, parts[0])
    column = Column(name=name, kind="number")
    return Found(column=column, notes=tuple(notes), hints=(found,) if found else ())


def _counted(texts: pl.Series) -> list[tuple[str, int]]:
    """Different texts and how often each is there, the commonest first."""
    counts = texts.value_counts(name="times").sort("times", texts.name, descending=[True, False])
    return [(str(text), int(times)) for text, times in counts.iter_rows()]


def _wanted(name: str) -> str:
    return f"to use it: categorical = [{show(name)}]"


def _counts_rows(parts: Sequence[Cells]) -> bool:
    """Whether whole numbers count the rows, on from part to part or anew in each."""
    first = parts[0].first.numbers()
    if len(first) < _COUNTED_ROWS or first[0] not in (0, 1) or not _counts(first):
        return False
    return all(_counts(cells.numbers()) for cells in parts)


def _are_whole(cells: Cells) -> bool:
    return all(bool((n == n.floor()).all()) for n in (b.numbers() for b in cells.blocks()))


def _counts(numbers: pl.Series) -> bool:
    return not numbers.null_count() and bool((numbers.diff().drop_nulls() == 1).all())


def _written_date(name: str, parts: Sequence[Cells]) -> Found | None:
    if any(cells.family not in ("text", "none") for cells in parts):
        return None
    texts = [cells.texts() for cells in parts]
    fitting = dates.formats(texts)
    if not fitting:
        return None
    chosen = fitting[0]
    times = [dates.parsed(each, chosen) for each in texts]
    column = _date(name, times, chosen)
    swapped = chosen.replace("%d/%m", "%m/%d")
    if swapped in fitting and any(map(_differ, times, [dates.parsed(t, swapped) for t in texts])):
        first = show(pl.concat(texts).drop_nulls()[0])
        told = f"{_of(name)}: dates such as {first} are read with the day first"
        return Found(column=column, notes=(told,))
    return Found(column=column)


def _differ(some: pl.Series, others: pl.Series) -> bool:
    return not some.equals(others)


def _date(name: str, times: Sequence[pl.Series], form: str) -> Column:
    has_time = any(map(dates.have_time, times))
    return Column(name=name, kind="date", date_format=form, has_time=has_time)


def _text(name: str, parts: Sequence[Cells]) -> Found:
    column = _category(name, parts)
    present = sum(len(cells.values) - cells.missing for cells in parts)
    distinct = len(column.categories)
    meant = hints.meant(column.categories, parts[0].decimal)
    if present >= _IDENTIFIER_ROWS and distinct > _IDENTIFIER_SHARE * present:
        reason = f"{distinct:,} different texts in {present:,} rows (an identifier or free text)"
        note = f"{_of(name)} is ignored: {reason}; {_wanted(name)}"
        return Found(column=None, notes=(note,), hints=tuple(filter(None, [meant])))
    found = [meant, hints.alike(column.categories)]
    return Found(column=column, hints=tuple(filter(None, found)))


def _category(name: str, parts: Sequence[Cells]) -> Column:
    texts = pl.concat([cells.texts().drop_nulls() for cells in parts])
    categories = tuple(sorted(map(str, texts.unique().to_list())))
    return Column(name=name, kind="category", categories=categories)
