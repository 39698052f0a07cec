"""Look: what is kept of the training rows of a table's column, and of the target."""

from hpsearch.fields import Section


class ColumnLook(Section):
    """What the training rows show of one input column; texts are as a reader writes them."""

    name: str
    kind: str
    missing: int
    """Rows without a value."""
    distinct: int
    """Different values."""
    low: str | None
    """Smallest number or first date; None for categories, and where all are missing."""
    median: str | None
    high: str | None
    samples: tuple[str, ...]
    """The first few different values."""
    commonest: tuple[tuple[str, int], ...]
    """Of a category: the categories of most rows, with how many."""


class TargetLook(Section):
    """What the training rows show of the target of a regression."""

    name: str
    low: float
    quartiles: tuple[float, float, float]
    high: float
    mean: float
    deviation: float
    """Standard deviation (divided by n)."""
    skewness: float
    """Third moment by the deviation's cube; 0 of symmetric values."""
    counts: tuple[int, ...]
    """Rows in each of 30 bins of equal width."""
    edges: tuple[float, ...]
    """Of these bins: 31, ascending."""
