"""A metric: what it is called, in which direction it gets better, and how a difference is told."""

import math
from dataclasses import dataclass
from typing import Literal

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

    @property
    def short(self) -> str:
        """For titles, where it need not be said on which examples: "accuracy"."""
        return self.label.removeprefix("validation ")

    def told(self, difference: float) -> str:
        """A difference of two values, for a reader: "1.25 points"."""
        return f"{100 * difference:.2f} points" if self.is_share else f"{difference:.4f}"
