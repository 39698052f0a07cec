"""Links: metrics on a line without ends, on which effects add up, and back."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from hpsearch.ranking import worst_first
from hpsearch.search.factors import Floats
from hpsearch.tasks.metric import Metric

_FAR = 4.0
"""A value that lies so many times as far below the lower quartile as the best one above it is that
of a failed training, and counts as lying there."""
_MARGIN = 1e-3
"""By how much of its size a bounded metric may lie beyond its bound, which then has a logit."""


@dataclass(frozen=True, kw_only=True)
class Link:
    """Logits of a metric with two bounds, logarithms of one with one; of unit variance.

    A point less of errors is much where there are two points of them, and little where there are
    fifty: on this line it is not.
    """

    worst: float
    """The bounds of the metric, more is better; may be infinite."""
    best: float
    margin: float
    """How far beyond its bounds a value may lie."""
    low: float
    """Where failed trainings lie on the line, before it is moved to ``mean``."""
    mean: float
    spread: float

    @classmethod
    def of(cls, metric: Metric, values: Floats) -> "Link":
        """The link of a metric for some values of it, of which more is better.

        Args:
            metric: the metric.
            values: as :func:`hpsearch.ranking.worst_first` gives them, two different ones at least.
        """
        worst, best = sorted(worst_first(metric, bound) for bound in metric.bounds)
        size = best - worst if math.isfinite(worst) else float(np.median(best - values))
        margin = _MARGIN * size if math.isfinite(best) and size > 0 else _MARGIN
        raw = cls(worst=worst, best=best, margin=margin, low=-math.inf, mean=0.0, spread=1.0)
        line = raw.line(values)
        lower = np.percentile(line, 25)
        reach = _FAR * (line.max() - lower)
        low = float(lower - reach if reach > 0 else line.min())
        line = np.maximum(line, low)
        return cls(
            worst=worst,
            best=best,
            margin=margin,
            low=low,
            mean=float(line.mean()),
            spread=float(line.std()) or 1.0,
        )

    def line(self, values: Floats) -> Floats:
        """Values on the line; failed ones at its low end."""
        if math.isfinite(self.worst) and math.isfinite(self.best):
            whole = self.best - self.worst + 2 * self.margin
            found = logit((values - self.worst + self.margin) / whole)
        elif math.isfinite(self.best):
            found = -np.log(self.best - values + self.margin)
        else:
            found = values
        moved: Floats = (np.maximum(found, self.low) - self.mean) / self.spread
        return moved

    def back(self, line: Floats) -> Floats:
        """Values at places of the line; beyond the low end they lie at it."""
        found = np.maximum(self.mean + self.spread * line, self.low)
        if math.isfinite(self.worst) and math.isfinite(self.best):
            whole = self.best - self.worst + 2 * self.margin
            values: Floats = self.worst - self.margin + whole * expit(found)
        elif math.isfinite(self.best):
            values = self.best + self.margin - np.exp(-found)
        else:
            values = found
        return values
