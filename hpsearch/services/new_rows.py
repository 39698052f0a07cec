"""New examples to predict, some at a time, in their order: what is known of them, and is told."""

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy.typing as npt
import polars as pl

from hpsearch.data.section import DatasetSection
from hpsearch.data.tables.column import Column

Array: TypeAlias = npt.NDArray[Any]

ROWS = 65_536
"""Examples, at most, of one batch."""


@dataclass(frozen=True, kw_only=True)
class Takes:
    """What a network or model takes."""

    columns: tuple[Column, ...] = ()
    """Of a table: the inputs; none: arrays or images."""
    is_raw: bool = False
    """Whether the columns are taken as they stand, each by its name, and not as stored rows."""
    shape: tuple[int, ...] = ()
    """Of arrays and images: of one example."""
    dtype: str = "float32"
    """Of arrays and images: NumPy's name of the type in which they are stored."""
    section: DatasetSection | None = None
    """How the training data were read; None: it is not known."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Some examples."""

    x: Array | dict[str, Array]
    """As they are stored, shape (n, *shape); or each column by its name, shape (n,)."""
    beside: tuple[pl.Series, ...]
    """Columns that stand before the predictions, of n values each."""


@dataclass(kw_only=True)
class Told:
    """What there is to tell of the examples, complete when all were read."""

    extra: tuple[str, ...] = ()
    """Columns that the network does not take."""
    unread: Counter[str] = field(default_factory=Counter)
    """Values that are no finite number or no date, by column; they are taken as missing."""
    unknown: Counter[str] = field(default_factory=Counter)
    """Values that are none of the categories of the training data, by column."""
    example: dict[str, str] = field(default_factory=dict)
    """One of these values, by column."""
    skipped: list[str] = field(default_factory=list)
    """Files that are no readable images, with reasons; they have no row."""


@dataclass(frozen=True, kw_only=True)
class NewRows:
    """Examples that are open for reading, once."""

    batches: Generator[Batch]
    total: int
    """How many examples there are, of a table of text by its lines; 0: nobody knows."""
    told: Told
