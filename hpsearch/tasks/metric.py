"""A metric: what it is called, in which direction it gets better, and how a difference is told."""

import math
from dataclasses import dataclass
from typing import Literal

from hpsearch.text import significant

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A number by which trainings are judged, measured on validation examples."""

    name: str
    """As study files have it: "val_accuracy"."""
    label: str
    """For axes and readers: "validation accuracy"."""
    direction: Direction
    """In which it gets better."""
    bounds: tuple[float, float] = (0.0, math.inf)
    """The least and the greatest value that it can have."""
    is_share: bool = False
    """Whether it is a share of something: differences are told in percentage points."""
    of_examples: bool = False
    """Whether it is the share of examples that are right, so that their number says how sure."""
    in_unit: bool = False
    """Whether it is in the target's own unit, and so of any size."""

    @property
    def short(self) -> str:
        """For titles, where it need not be said on which examples: "accuracy"."""
        return self.label.removeprefix("validation ")

    def written(self, value: float) -> str:
        """A value, for a reader: "0.9125", of a metric in the target's unit "1234.5"."""
        return significant(value) if self.in_unit else f"{value:.4f}"

    def told(self, difference: float) -> str:
        """A difference of two values, for a reader: "1.25 points"."""
        return f"{100 * difference:.2f} points" if self.is_share else self.written(difference)

    def signed(self, difference: float) -> str:
        """As :meth:`told`, with its sign: "+1.25 points", "-0.0031"; of nothing none."""
        told = self.told(abs(difference))
        if not any(digit in told for digit in "123456789"):
            return told
        return f"{'+' if difference > 0 else '-'}{told}"

    def ends(self, low: float, high: float) -> str:
        """The interval of a difference: "-0.25 to +1.25 points"."""
        first, last = self.signed(low), self.signed(high)
        return f"{first.removesuffix(' points')} to {last}"
