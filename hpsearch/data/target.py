"""The target of a regression: standardised by the training rows for a network, and back again."""

import math

import numpy as np
import numpy.typing as npt

from hpsearch.data.arrays import Targets
from hpsearch.errors import InputError
from hpsearch.fields import Section

Numbers = npt.NDArray[np.float64]


class Standard(Section):
    """How targets are standardised: (t - mean) / deviation, where t is y or log(1 + y)."""

    mean: float
    deviation: float
    low: float
    """The least target of the training rows: no prediction is below it."""
    high: float
    """The greatest."""
    is_log: bool
    """Whether t is log(1 + y)."""

    def standardised(self, y: npt.NDArray[np.floating]) -> Numbers:
        """Targets as a network models them; of any shape, in their own unit."""
        found = y.astype(np.float64)
        return np.asarray(
            ((np.log1p(found) if self.is_log else found) - self.mean) / self.deviation
        )

    def restored(self, outputs: npt.NDArray[np.floating]) -> Numbers:
        """A network's outputs in the target's own unit, within the range of the training rows.

        Args:
            outputs: standardised, of any shape; what is no number becomes the mean.
        """
        found = outputs.astype(np.float64) * self.deviation + self.mean
        found = np.nan_to_num(found, nan=self.mean, posinf=np.inf, neginf=-np.inf)
        if self.is_log:
            # Clipped before, or the power of a network that went astray would be infinite.
            found = np.expm1(np.clip(found, *np.log1p([self.low, self.high])))
        return np.clip(found, self.low, self.high)


def fit_target(
    y: Targets,
    rows: npt.NDArray[np.int64],
    others: Targets | None = None,
    *,
    is_log: bool,
    where: str,
) -> Standard:
    """Fit it to the training rows; others are only asked whether they have a logarithm.

    Args:
        y: targets, float64, shape (n,).
        rows: those that are trained on, at least one.
        others: targets of other examples that must have a logarithm, if there are any.
        is_log: whether the logarithm is modelled.
        where: what the data are, for messages.

    Raises:
        InputError: targets that have no logarithm, or that are all the same.
    """
    least = min(float(y.min()), math.inf if others is None else float(others.min()))
    if is_log and least <= -1:
        raise InputError(
            f"{where}: dataset.log_target = true models log(1 + target), but the least target is"
            f" {least:g}; leave it out, or shift the target above -1"
        )
    own = y[rows].astype(np.float64)
    modelled = np.log1p(own) if is_log else own
    deviation = float(modelled.std())
    if not deviation > 1e-12 * float(np.abs(modelled).max()):
        cure = "there is nothing to predict"
        if own.min() < own.max():
            cure = "its differences are lost beside its size: subtract an offset"
        raise InputError(
            f"{where}: the target is {own[0]:g} in all {len(own):,} training examples; {cure}"
        )
    return Standard(
        mean=float(modelled.mean()),
        deviation=deviation,
        low=float(own.min()),
        high=float(own.max()),
        is_log=is_log,
    )
