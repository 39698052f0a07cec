"""TableShape: how wide the rows of a table are once a network's first layer has them."""

from dataclasses import dataclass

BINS = 16
"""Between quantiles of a number, for its piecewise-linear embedding; at most so many."""

DIMENSION = 8
"""Of the embedding of a category (Holzmüller et al. 2024, "Better by Default", RealMLP)."""


@dataclass(frozen=True, kw_only=True)
class TableShape:
    """What a network gets of an example, in place of an array's shape."""

    numbers: int
    """Numbers, elapsed days among them, which may be embedded."""
    others: int
    """Values that are used as they are: of one-hot categories, of what is missing, of dates."""
    embedded: int = 0
    """Columns whose categories are embedded."""
    rows: int = 0
    """Categories of these columns, each with :data:`DIMENSION` trainable values."""

    @property
    def width(self) -> int:
        """Values in all, where numbers are not embedded."""
        return self.numbers + self.others + self.embedded * DIMENSION

    def plain(self) -> dict[str, int]:
        """As JSON has it."""
        return {
            "numbers": self.numbers,
            "others": self.others,
            "embedded": self.embedded,
            "rows": self.rows,
        }
