"""A Gaussian process that tells from curves what each choice does, and how sure that is.

The value of a trial at an epoch is a level of the epoch, plus an effect of each choice, plus one of
each pair of choices, plus what its seed adds: a functional analysis of variance (Kaufman and Sain,
2010, "Bayesian functional ANOVA modeling using Gaussian process prior distributions"; kernels of
zero mean after Durrande et al., 2013; pairs by Newton's identity after Duvenaud et al., 2011). An
effect at an early epoch is a multiple of that at the last one plus a part of its own, so that
pruned trials tell as much of the end as their epochs do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular
from scipy.optimize import minimize

from hpsearch.search.factors import ABSENT, Floats, Levels

FITTED = 100
"""Trials, evenly over the search, by which the scales are fitted."""
_MEANS = np.log([2.4, 0.3, 2.5, 2.0, 0.05, 0.02])
_SPREADS = np.array([0.8, 1.0, 0.3, 0.5, 1.5, 1.5])
"""Of the scales' logarithms, a priori, for values of unit variance; the first two of all factors
that a configuration has, together. Chosen by replays of searches (``scripts/bench/effects.py``)."""
_INTERCEPT = 4.0
"""The variance of the level that all epochs share, and of each epoch's own: large."""
_MEMORY = 3.0
"""How fast the levels of epochs become different ones, over the whole training."""
_FITTING = {"maxiter": 25}
_JITTER, _FIRM = 1e-8, 1e-6
"""Added to variances, so that rounding leaves them above zero: of values, and of functions."""


@dataclass(frozen=True, kw_only=True)
class Observed:
    """Values of trials at epochs."""

    levels: Levels
    """Of the trials, shape (trials, factors)."""
    trial: npt.NDArray[np.int64]
    """Of which trial each value is, in their order, shape (values,)."""
    earliness: Floats
    """0 at the last epoch, 1 at the first one, in between by the logarithm, shape (values,)."""
    value: Floats
    """Of about zero mean and unit variance; more is better; shape (values,)."""

    def some(self, trials: npt.NDArray[np.int64]) -> "Observed":
        """The values of some trials, each named once and in order."""
        new = np.full(len(self.levels), -1)
        new[trials] = np.arange(len(trials))
        kept = new[self.trial] >= 0
        return Observed(
            levels=self.levels[trials],
            trial=new[self.trial[kept]],
            earliness=self.earliness[kept],
            value=self.value[kept],
        )


@dataclass(frozen=True, kw_only=True)
class Scales:
    """How large the parts of a value are, as variances but for ``growth``."""

    main: float
    """An effect of a choice."""
    joint: float
    """An effect of a pair, as a share of that; of three, as a share of an effect of a pair ..."""
    growth: float
    """How many times as large effects are at the first epoch."""
    drift: float
    """What effects have of their own at the first epoch, as a share of those at the last."""
    trial: float
    """What the seed of a trial adds to all of its values."""
    noise: float
    """What it adds to each."""


class Surrogate:
    """The process, given the levels' shares of the space and fitted to the values of trials."""

    def __init__(self, observed: Observed, shares: Sequence[Floats]) -> None:
        """Fit the scales.

        Args:
            observed: of two trials at least.
            shares: of the space that each level of each factor has, shape (levels,) each.
        """
        self._observed = observed
        self._kernels = [_centred(share) for share in shares]
        chosen = np.unique(np.linspace(0, len(observed.levels) - 1, FITTED).astype(np.int64))
        self.scales = self._fit(observed.some(chosen))

    def bagged(
        self, points: Levels, *, resamples: int, functions: int, draw: np.random.Generator
    ) -> Floats:
        """Functions that agree with bootstrap samples of the trials, at the last epoch.

        Args:
            points: configurations of the space, shape (points, factors).
            resamples: how many samples of the trials, as many as there are, with replacement.
            functions: how many are drawn for each of them.
            draw: what is drawn with.

        Returns:
            Values on the scale of the observed ones, shape (points, resamples x functions).
        """
        count, scales = len(self._observed.levels), self.scales
        similar = self._similar(self._observed.levels, self._observed.levels, scales)
        cross = self._similar(points, self._observed.levels, scales)
        within = self._similar(points, points, scales) + 2 * _INTERCEPT
        found = []
        for _ in range(resamples):
            counts = np.bincount(draw.integers(count, size=count), minlength=count)
            taken = np.flatnonzero(counts)
            some = self._observed.some(taken)
            alike = similar[np.ix_(taken, taken)]
            root = np.linalg.cholesky(_covariance(some, alike, scales, counts[taken]))
            now = 1 + (scales.growth - 1) * some.earliness
            between = cross[:, taken][:, some.trial] * now
            between += _INTERCEPT * (1 + np.exp(-_MEMORY * some.earliness))
            half = solve_triangular(root, between.T, lower=True)
            left = within - half.T @ half
            left[np.diag_indices(len(left))] += _FIRM
            mean = half.T @ solve_triangular(root, some.value, lower=True)
            normal = draw.standard_normal((len(points), functions))
            found.append(mean[:, None] + np.linalg.cholesky(left) @ normal)
        return np.hstack(found)

    def _similar(self, one: Levels, other: Levels, scales: Scales) -> Floats:
        """Covariances of configurations: those of each choice, of pairs, of three, and so on."""
        product = np.ones((len(one), len(other)))
        for factor, kernel in enumerate(self._kernels):
            product *= (1 + scales.joint * kernel)[one[:, factor, None], other[None, :, factor]]
        return scales.main / scales.joint * (product - 1)

    def _fit(self, some: Observed) -> Scales:
        """The scales that are most probable by the values."""
        once = np.ones(len(some.levels), np.int64)
        means = _MEANS.copy()
        means[:2] -= np.log((some.levels != ABSENT).sum(axis=1).mean())

        def surprise(logs: Floats) -> float:
            scales = _scales(logs)
            similar = self._similar(some.levels, some.levels, scales)
            root = np.linalg.cholesky(_covariance(some, similar, scales, once))
            half = solve_triangular(root, some.value, lower=True)
            prior = (((logs - means) / _SPREADS) ** 2).sum() / 2
            return float(half @ half / 2 + np.log(np.diag(root)).sum() + prior)

        bounds = list(zip(means - 2.5 * _SPREADS, means + 2.5 * _SPREADS, strict=True))
        found = minimize(surprise, means, method="L-BFGS-B", bounds=bounds, options=_FITTING)
        return _scales(found.x)


def _scales(logs: Floats) -> Scales:
    main, joint, growth, drift, trial, noise = (float(value) for value in np.exp(logs))
    return Scales(main=main, joint=joint, growth=growth, drift=drift, trial=trial, noise=noise)


def _covariance(
    some: Observed, similar: Floats, scales: Scales, counts: npt.NDArray[np.int64]
) -> Floats:
    """Of the observed values; a trial that counts twice has half the variance of its own."""
    trials = similar + np.diag(scales.trial / counts)
    early = some.earliness
    now = 1 + (scales.growth - 1) * early
    in_time = np.outer(now, now) + scales.drift * np.outer(early, early)
    found: Floats = trials[some.trial[:, None], some.trial[None, :]] * in_time
    apart = np.abs(early[:, None] - early[None, :])
    found += _INTERCEPT * (1 + np.exp(-_MEMORY * apart))
    found[np.diag_indices(len(found))] += scales.noise / counts[some.trial] + _JITTER
    return found


def _centred(shares: Floats) -> Floats:
    """The kernel of a factor: effects of its levels whose mean over the space is zero.

    Of unit variance in the mean of the space. The last row and column are of ``ABSENT``, which has
    no effect.
    """
    weights = shares / shares.sum()
    centring = np.eye(len(weights)) - weights[None, :]
    kernel = centring @ centring.T
    padded = np.zeros((len(weights) + 1, len(weights) + 1))
    padded[:-1, :-1] = kernel / (weights @ np.diag(kernel))
    return padded
