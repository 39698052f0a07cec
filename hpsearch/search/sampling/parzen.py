"""A Parzen estimator over a conditional space: a mixture of kernels, one for each observation.

A kernel is a product over the parameters of a configuration (Watanabe 2023, "Tree-Structured Parzen
Estimator: Understanding Its Algorithm Components", section 3.3): a truncated normal distribution
around the observed number, and most of the mass on the observed choice. Which parameters there are
follows from the values of others (Bergstra et al. 2011, "Algorithms for Hyper-Parameter
Optimization"). Where an observation lacks a parameter, its kernel knows nothing of it and has the
prior there; so each kernel, and the mixture, is a distribution over the whole tree of conditions.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from scipy.special import logsumexp, ndtr, ndtri

Floats = npt.NDArray[np.float64]
Params = Mapping[str, Any]
"""The values of those parameters that a configuration has, by name."""

NEW = 25
"""Observations, the newest ones, that have the whole weight; before them it falls in a line to one
over their number (Bergstra et al. 2013, "Making a Science of Model Search")."""

FINEST = 100
"""The narrowest kernel is the range by this, or by the number of kernels and one where that is less
(the "magic clip" of Bergstra et al. 2011)."""


class Axis(Protocol):
    """One parameter's factor in each kernel; the last kernel is the prior."""

    def log_density(self, values: Sequence[Any]) -> Floats:
        """Its logarithm at some values, shape (values, kernels).

        Of real numbers a density on the scale from 0 to 1 that the range is stretched to, of all
        others a probability.
        """
        ...

    def draw(self, kernel: int, rng: np.random.Generator) -> Any:
        """A value from one kernel."""
        ...


class Parzen:
    """The distribution of configurations that some observations suggest."""

    def __init__(self, observations: Sequence[Params]) -> None:
        """Args: configurations, the oldest one first; parameters that one lacks are inactive."""
        self._observations = observations
        self._axes: dict[str, Axis] = {}
        weights = np.append(recency(len(observations)), 1.0)
        self.weights: Floats = weights / weights.sum()
        """Of the kernels, shape (kernels,): the observations' and, last, the prior's."""

    def axis(self, name: str, distribution: BaseDistribution) -> Axis:
        """A parameter's factors.

        Args:
            name: the parameter, which always has the same distribution.
            distribution: its range; what was observed outside of it counts as not observed.
        """
        if name not in self._axes:
            values = [one.get(name) for one in self._observations]
            if isinstance(distribution, CategoricalDistribution):
                self._axes[name] = _Choices(distribution.choices, values)
            else:
                assert isinstance(distribution, FloatDistribution | IntDistribution)  # noqa: S101  # the only other kinds
                self._axes[name] = _Numbers(distribution, values)
        return self._axes[name]

    def log_density(
        self, points: Sequence[Params], distributions: Mapping[str, BaseDistribution]
    ) -> Floats:
        """The logarithm of the density at some configurations, shape (points,).

        Args:
            points: each has exactly the parameters that are active in it.
            distributions: of all parameters that are in any of them, by name.
        """
        kernels = np.tile(np.log(self.weights), (len(points), 1))
        for name, distribution in distributions.items():
            having = [number for number, point in enumerate(points) if name in point]
            values = [points[number][name] for number in having]
            kernels[having] += self.axis(name, distribution).log_density(values)
        return np.asarray(logsumexp(kernels, axis=1))


def recency(count: int) -> Floats:
    """The weights of observations, the oldest one first; see ``NEW``."""
    old = max(0, count - NEW)
    return np.append(np.linspace(1.0 / max(1, count), 1.0, old), np.ones(count - old))


class _Choices:
    """A choice: one for the observed one beside the prior's share of each."""

    def __init__(self, choices: Sequence[Any], observed: Sequence[Any]) -> None:
        """Args: the choices; the observed ones, None where one lacks the parameter."""
        self._choices = choices
        places = [_place(choices, value) for value in observed]
        known = {kernel: place for kernel, place in enumerate(places) if place is not None}
        mass = np.full((len(observed) + 1, len(choices)), 1.0 / (len(known) + 1))
        mass[list(known), list(known.values())] += 1.0
        self._mass = mass / mass.sum(axis=1, keepdims=True)

    def log_density(self, values: Sequence[Any]) -> Floats:
        """As Axis."""
        places = [_place(self._choices, value) for value in values]
        return np.asarray(np.log(self._mass[:, places].T))

    def draw(self, kernel: int, rng: np.random.Generator) -> Any:
        """As Axis."""
        return self._choices[rng.choice(len(self._choices), p=self._mass[kernel])]


def _place(choices: Sequence[Any], value: Any) -> int | None:
    """Where a choice stands; True is not 1."""
    is_flag = isinstance(value, bool)
    same = (n for n, one in enumerate(choices) if one == value and isinstance(one, bool) == is_flag)
    return next(same, None)


class _Numbers:
    """A number: truncated normal distributions on a scale from 0 to 1, in bins if it is discrete.

    The scale is logarithmic where the range is, and reaches half a step beyond it on both sides.
    """

    def __init__(
        self, range_: FloatDistribution | IntDistribution, observed: Sequence[float | None]
    ) -> None:
        """Args: the range; the observed numbers, None where one lacks the parameter."""
        self._range, self._step = range_, float(range_.step or 0.0)
        self._ends = self._scaled(
            np.array([range_.low - self._step / 2, range_.high + self._step / 2])
        )
        known = [
            kernel
            for kernel, value in enumerate(observed)
            if value is not None and range_.low <= value <= range_.high
        ]
        self._centre = np.full(len(observed) + 1, 0.5)
        self._width = np.ones(len(observed) + 1)
        centres = self._unit(np.array([observed[kernel] for kernel in known], dtype=np.float64))
        self._centre[known], self._width[known] = centres, widths(centres)
        self._log_mass = np.log(_mass(*self._bounds(np.array([0.0]), np.array([1.0]))))

    def log_density(self, values: Sequence[float]) -> Floats:
        """As Axis."""
        numbers = np.array(values, dtype=np.float64)
        if self._step:
            low, high = self._unit(numbers - self._step / 2), self._unit(numbers + self._step / 2)
            with np.errstate(divide="ignore"):  # a narrow kernel has nothing far away
                return np.asarray(np.log(_mass(*self._bounds(low, high))) - self._log_mass)
        (away,) = self._bounds(self._unit(numbers))
        log_normal = -0.5 * (away**2 + np.log(2 * np.pi)) - np.log(self._width)
        return np.asarray(log_normal - self._log_mass)

    def draw(self, kernel: int, rng: np.random.Generator) -> Any:
        """As Axis."""
        centre, width = self._centre[kernel], self._width[kernel]
        low, high = ndtr(-centre / width), ndtr((1 - centre) / width)
        share = centre + width * ndtri(low + rng.random() * (high - low))
        start, end = self._ends
        value = float(start + share * (end - start))
        value = float(np.exp(value)) if self._range.log else value
        if self._step:
            value = self._range.low + round((value - self._range.low) / self._step) * self._step
        value = min(max(value, self._range.low), self._range.high)
        return int(value) if isinstance(self._range, IntDistribution) else value

    def _scaled(self, numbers: Floats) -> Floats:
        return np.log(numbers) if self._range.log else numbers

    def _unit(self, numbers: Floats) -> Floats:
        """Numbers on the scale from 0 to 1."""
        start, end = self._ends
        return np.asarray((self._scaled(numbers) - start) / (end - start))

    def _bounds(self, *places: Floats) -> tuple[Floats, ...]:
        """Places on the scale in widths away from the centres, each of shape (places, kernels)."""
        return tuple((one[:, None] - self._centre) / self._width for one in places)


def widths(centres: Floats) -> Floats:
    """How wide the kernels around some places are: the way to the farther one of its neighbours.

    The ends of the scale are neighbours where there is one place alone (Bergstra et al. 2011); see
    ``FINEST``.

    Args:
        centres: on a scale from 0 to 1.
    """
    order = np.argsort(centres, kind="stable")
    line = np.concatenate([[0.0], centres[order], [1.0]])
    gaps = np.diff(line)
    found = np.maximum(gaps[:-1], gaps[1:])
    if len(centres) > 1:
        found[0], found[-1] = gaps[1], gaps[-2]
    finest = 1.0 / min(FINEST, len(centres) + 2)
    ordered = np.empty_like(found)
    ordered[order] = np.clip(found, finest, 1.0)
    return ordered


def _mass(low: Floats, high: Floats) -> Floats:
    """Of the standard normal distribution between two places.

    Right of the middle it is taken left of it, where the tail's small numbers are exact.
    """
    flip = low > 0
    return np.asarray(ndtr(np.where(flip, -low, high)) - ndtr(np.where(flip, -high, low)))
