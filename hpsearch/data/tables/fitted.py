"""The transform of tables: fitted on the training rows, it becomes a network's first layer.

Numbers become (x - median) / interquartile range, where they are missing the median, and are
clipped smoothly; categories are one-hot up to 9 of them and embedded above; of dates there are
elapsed days and parts. As RealMLP does it (Holzmüller et al. 2024, "Better by Default: Strong
Pre-Tuned MLPs and Boosted Trees on Tabular Data", appendix A), but for dates and what is missing.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hpsearch.data.arrays import Inputs
from hpsearch.data.stratify import Rows
from hpsearch.data.tables.column import Column, places
from hpsearch.data.tables.shape import BINS, TableShape
from hpsearch.fields import Section

ONE_HOT = 9
"""At most so many categories, a missing value as one, are one-hot."""


class Number(Section):
    """What is fitted of a column of numbers, or of a date's days."""

    place: int
    """In a stored row."""
    median: float
    factor: float
    """What the distance from the median is multiplied by; 0: the column does not vary."""
    has_missing: bool
    """Whether training rows lack it, so that this is a feature."""
    bins: tuple[float, ...] = ()
    """The ends of its bins, ascending: quantiles of training rows as the network has them, clipped
    smoothly. At most ``BINS`` and one more; none where it does not vary."""


class Category(Section):
    """What is fitted of a column of categories."""

    place: int
    """In a stored row."""
    known: tuple[int, ...]
    """The categories of training rows, by their places in ``Column.categories``; others are
    unknown, and all features of them 0."""
    has_missing: bool
    """Whether training rows lack it, which makes a category of its own."""

    @property
    def count(self) -> int:
        """Categories that are told apart."""
        return len(self.known) + self.has_missing

    @property
    def is_pair(self) -> bool:
        """Whether one feature, -1 or 1, tells its categories apart."""
        return self.count == len(self.known) == 2


class Date(Section):
    """A column of dates, of which calendar and clock are features."""

    place: int
    """Of the days in a stored row; behind them is the time of day."""
    has_time: bool


class Tabular(Section):
    """A fitted transform of rows of a table."""

    columns: tuple[Column, ...]
    numbers: tuple[Number, ...]
    categories: tuple[Category, ...]
    dates: tuple[Date, ...]

    @property
    def shape(self) -> TableShape:
        """What comes of a row."""
        found = self.arrays()
        pairs, flags = len(found["pair_places"]), len(found["missing_places"])
        cycles = 3 * len(found["date_places"]) + len(found["clock_places"])
        return TableShape(
            numbers=len(self.numbers),
            others=flags + len(found["equal_places"]) + pairs + 2 * cycles,
            embedded=len(found["embedded_places"]),
            rows=int(found["embedded_rows"].max(initial=-1)) + 1,
        )

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All that the first layer needs, by name; places are int32, all else float32.

        ``number_places``, ``medians``, ``factors``; ``bin_starts`` and ``bin_factors``, shape
        (numbers, BINS): where each bin begins, and 1 over its width, both 0 of one that is not
        there; ``missing_places``: whose absence is a feature;
        ``equal_places`` and ``equal_codes``: which category is each one-hot feature;
        ``pair_places``, ``pair_firsts``, ``pair_seconds``; ``date_places``, ``clock_places``;
        ``embedded_places``, ``embedded_starts`` and ``embedded_rows``: where each column's part of
        the rows begins, which has the row of a missing value, of an unknown category, and of each
        category, -1 for none.
        """
        small = [one for one in self.categories if one.count <= ONE_HOT and not one.is_pair]
        pairs = [one for one in self.categories if one.is_pair]
        large = [one for one in self.categories if one.count > ONE_HOT]
        missing: list[Number | Category] = [one for one in self.numbers if one.has_missing]
        missing += [one for one in small if one.has_missing]
        slots = [(one.place, code) for one in small for code in one.known]
        starts, rows = self._rows(large)
        bins = [_padded(one.bins) for one in self.numbers]
        return {
            "number_places": _whole(one.place for one in self.numbers),
            "medians": _floats(one.median for one in self.numbers),
            "factors": _floats(one.factor for one in self.numbers),
            "bin_starts": np.array([start for start, _ in bins]).reshape(-1, BINS),
            "bin_factors": np.array([factor for _, factor in bins]).reshape(-1, BINS),
            "missing_places": _whole(one.place for one in missing),
            "equal_places": _whole(place for place, _ in slots),
            "equal_codes": _floats(code for _, code in slots),
            "pair_places": _whole(one.place for one in pairs),
            "pair_firsts": _floats(one.known[0] for one in pairs),
            "pair_seconds": _floats(one.known[1] for one in pairs),
            "date_places": _whole(one.place for one in self.dates),
            "clock_places": _whole(one.place + 1 for one in self.dates if one.has_time),
            "embedded_places": _whole(one.place for one in large),
            "embedded_starts": _whole(starts),
            "embedded_rows": _whole(rows),
        }

    def _rows(self, large: Sequence[Category]) -> tuple[list[int], list[int]]:
        """The ``embedded_starts`` and ``embedded_rows`` of :meth:`arrays`."""
        sizes = dict(zip(places(self.columns), self.columns, strict=True))
        starts, rows, count = list[int](), list[int](), 0
        for one in large:
            own = [-1] * (2 + len(sizes[one.place].categories))
            if one.has_missing:
                own[0], count = count, count + 1
            for code in one.known:
                own[2 + code], count = count, count + 1
            starts.append(len(rows))
            rows += own
        return starts, rows


def fit_table(columns: tuple[Column, ...], x: Inputs, rows: Rows) -> Tabular:
    """Fit the transform; no other row is looked at.

    Args:
        columns: of the table.
        x: stored rows, shape (n, stored values).
        rows: those that are trained on, at least one.
    """
    numbers, categories, dates = list[Number](), list[Category](), list[Date]()
    for column, place in zip(columns, places(columns), strict=True):
        values = x[rows, place]
        if column.kind == "category":
            categories.append(_category(values, place))
            continue
        numbers.append(_number(values, place))
        if column.kind == "date":
            dates.append(Date(place=place, has_time=column.has_time))
    return Tabular(
        columns=columns, numbers=tuple(numbers), categories=tuple(categories), dates=tuple(dates)
    )


def _number(values: Inputs, place: int) -> Number:
    """Median, and 1 over the interquartile range; where that is 0 half of the whole range's."""
    missing = np.isnan(values)
    known = values[~missing].astype(np.float64)
    if not len(known):
        return Number(place=place, median=0.0, factor=0.0, has_missing=False)
    quantiles = np.quantile(known, np.linspace(0.0, 1.0, BINS + 1))
    low, first, median, third, high = quantiles[:: BINS // 4]
    spread = (third - first) or (high - low) / 2
    # Less than the rounding of float32 is no variation.
    limit = max(np.finfo(np.float32).eps * abs(median), np.finfo(np.float32).tiny)
    factor = float(1 / spread) if spread > limit else 0.0
    return Number(
        place=place,
        median=float(median),
        factor=factor,
        has_missing=bool(missing.any()),
        bins=_bins((quantiles - median) * factor),
    )


def _bins(quantiles: npt.NDArray[np.float64]) -> tuple[float, ...]:
    """The different ones among quantiles, clipped as the first layer clips numbers.

    Args:
        quantiles: ascending, in interquartile ranges from the median.
    """
    ends = np.unique((quantiles / np.sqrt(1 + np.square(quantiles / 3))).astype(np.float32))
    return tuple(float(end) for end in ends) if len(ends) > 1 else ()


def _padded(ends: tuple[float, ...]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Where bins begin, and 1 over their widths; 0 behind the last, shape (BINS,) each."""
    starts, factors = np.zeros((2, BINS), np.float32)
    if ends:
        starts[: len(ends) - 1] = ends[:-1]
        factors[: len(ends) - 1] = 1 / np.diff(np.array(ends, np.float32))
    return starts, factors


def _category(values: Inputs, place: int) -> Category:
    missing = np.isnan(values)
    known = np.unique(values[~missing]).astype(np.int64)
    return Category(
        place=place,
        known=tuple(int(code) for code in known if code >= 0),
        has_missing=bool(missing.any()),
    )


def _whole(values: Iterator[int] | Sequence[int]) -> npt.NDArray[np.int32]:
    return np.array([*values], np.int32)


def _floats(values: Iterator[float]) -> npt.NDArray[np.float32]:
    return np.array([*values], np.float32)
