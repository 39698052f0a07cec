"""Dates: how texts of dates are written, and dates as days and shares of a day."""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from hpsearch.data.tables.column import EPOCH
from hpsearch.data.tables.values import in_blocks

_TIMES = (" %H:%M", " %H:%M:%S")
FORMATS = (
    "%Y-%m-%d",
    *(f"%Y-%m-%d{gap}{time}{zone}"
      for gap in ("T", " ")
      for time in ("%H:%M", "%H:%M:%S%.f")
      for zone in ("", "%#z")),
    *(f"{day}{time}"
      for day in ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d")
      for time in ("", *_TIMES)),
)  # fmt: skip
"""How texts of dates may be written, as polars' strptime has it; of two that fit the first counts.

So days come before months where both are possible.
"""
_TOKENS = {
    "%Y": r"[0-9]{4}", "%m": r"[0-9]{1,2}", "%d": r"[0-9]{1,2}", "%H": r"[0-9]{1,2}",
    "%M": r"[0-9]{2}", "%S": r"[0-9]{2}", "%.f": r"(\.[0-9]{1,9})?",
    "%#z": r" ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)",
}  # fmt: skip
_TRIED = 100
"""Values by which a format is ruled out before all are read."""
_DAY = 86_400_000_000
"""Microseconds."""

Days = npt.NDArray[np.float64]


def formats(texts: Sequence[pl.Series]) -> list[str]:
    """Those of :data:`FORMATS` by which every present value can be read, in that order.

    Args:
        texts: columns of one name, null where a value is missing; one value at least is present.
    """
    some = [each.drop_nulls().head(_TRIED) for each in texts]
    tried = [form for form in FORMATS if all(_fits(each, form) for each in some)]
    return [form for form in tried if all(_fits(each, form) for each in texts)]


def _fits(texts: pl.Series, form: str) -> bool:
    return parsed(texts, form).null_count() == texts.null_count()


def parsed(texts: pl.Series, form: str) -> pl.Series:
    """Texts as points in time in microseconds, without a zone; those with an offset in UTC.

    Args:
        texts: null where a value is missing.
        form: one of :data:`FORMATS`.

    Returns:
        datetimes, null where a text is missing or written otherwise.
    """
    pattern = _pattern(form)

    def read(some: pl.Series) -> pl.Series:
        alike = some.str.contains(pattern)
        some = pl.select(pl.when(alike).then(some).otherwise(None)).to_series()
        return naive(some.str.strptime(pl.Datetime("us"), form, strict=False))

    return in_blocks(read, texts)


def naive(values: pl.Series) -> pl.Series:
    """Dates or datetimes of any unit and zone as microseconds without a zone (UTC)."""
    if isinstance(values.dtype, pl.Datetime) and values.dtype.time_zone:
        values = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return values.cast(pl.Datetime("us"))


def have_time(times: pl.Series) -> bool:
    """Whether there is any that is not at midnight.

    Args:
        times: datetimes in microseconds, null where one is missing.
    """
    return bool((times.to_physical() % _DAY != 0).any())


def days(times: pl.Series) -> tuple[Days, Days]:
    """Whole days since :data:`~hpsearch.data.tables.column.EPOCH`, and the share of the day.

    Args:
        times: datetimes in microseconds, shape (n,); null where one is missing.

    Returns:
        both of shape (n,), NaN where a value is missing; the share is in [0, 1).
    """
    start = int(np.datetime64(EPOCH, "us").astype(np.int64))
    since = times.cast(pl.Int64) - start
    whole = since // _DAY
    share = (since - whole * _DAY) / _DAY
    return (
        whole.cast(pl.Float64).fill_null(np.nan).to_numpy(),
        share.cast(pl.Float64).fill_null(np.nan).to_numpy(),
    )


def _pattern(form: str) -> str:
    """The regular expression of the texts of a format: strptime alone takes years such as 5."""
    pieces = re.split(r"(%\.f|%#z|%[A-Za-z])", form)
    return "^" + "".join(_TOKENS.get(piece) or re.escape(piece) for piece in pieces) + "$"
