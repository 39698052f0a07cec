"""The Parzen estimator: what its kernels are, and that it is a distribution."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from hpsearch.search.sampling.parzen import FINEST, NEW, Parzen, recency, widths

REAL = FloatDistribution(-2.0, 6.0)
LOG = FloatDistribution(1e-4, 1e-1, log=True)
COUNT = IntDistribution(2, 14, step=3)
LOG_COUNT = IntDistribution(1, 60, log=True)
STEPS = FloatDistribution(0.0, 0.5, step=0.1)
CHOICE = CategoricalDistribution(("a", "b", "c"))
SPACE: dict[str, BaseDistribution] = {
    "real": REAL, "log": LOG, "count": COUNT,
    "log_count": LOG_COUNT, "steps": STEPS, "choice": CHOICE,
}  # fmt: skip
OBSERVED: list[dict[str, Any]] = [
    {"real": 0.0, "log": 1e-3, "count": 5, "log_count": 50, "steps": 0.3, "choice": "b"},
    {"real": 0.5, "log": 2e-3, "count": 14, "choice": "b"},
    {"real": 6.0, "log_count": 1, "steps": 0.0, "choice": "a"},
]


def density(name: str, values: Any) -> Any:
    points = [{name: value} for value in values]
    return np.exp(Parzen(OBSERVED).log_density(points, {name: SPACE[name]}))


@pytest.mark.parametrize("name", ["real", "log"])
def test_a_density_over_real_numbers_integrates_to_one(name: str) -> None:
    distribution: Any = SPACE[name]
    line = np.linspace(0.0, 1.0, 20_001)
    low, high = distribution.low, distribution.high
    values = low * (high / low) ** line if distribution.log else low + (high - low) * line
    assert np.trapezoid(density(name, np.clip(values, low, high)), line) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("count", range(2, 15, 3)),
        ("log_count", range(1, 61)),
        ("steps", [0.0, 0.1, 0.2, 0.30000000000000004, 0.4, 0.5]),
        ("choice", "abc"),
    ],
)
def test_the_probabilities_of_all_values_add_up_to_one(name: str, values: Any) -> None:
    assert density(name, values).sum() == pytest.approx(1.0)


def test_the_density_over_a_tree_adds_up_to_one() -> None:
    observed: list[dict[str, Any]] = [
        {"kind": "a", "m": 2},
        {"kind": "b", "n": 1, "deep": 3},
        {"kind": "b", "n": 0},
    ]
    whole = [{"kind": "a", "m": m} for m in range(4)]
    whole += [{"kind": "b", "n": 0}]
    whole += [{"kind": "b", "n": 1, "deep": deep} for deep in range(5)]
    space: dict[str, BaseDistribution] = {
        "kind": CategoricalDistribution(("a", "b")),
        "m": IntDistribution(0, 3),
        "n": IntDistribution(0, 1),
        "deep": IntDistribution(0, 4),
    }
    assert np.exp(Parzen(observed).log_density(whole, space)).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("name", sorted(SPACE))
def test_what_is_drawn_follows_the_density(name: str) -> None:
    rng, axis = np.random.default_rng(0), Parzen(OBSERVED).axis(name, SPACE[name])
    drawn = [axis.draw(0, rng) for _ in range(2_000)]
    values = sorted(set(drawn)) if name not in ("real", "log") else None
    if values is None:
        line = np.linspace(0.0, 1.0, 2_001)
        distribution: Any = SPACE[name]
        low, high = distribution.low, distribution.high
        values = low * (high / low) ** line if distribution.log else low + (high - low) * line
        mass = np.exp(axis.log_density(np.clip(values, low, high)))[:, 0]
        below = np.interp(drawn, values, np.cumsum(mass) / mass.sum())
        assert np.histogram(below, 10, (0, 1))[0] == pytest.approx(200, abs=60)
    else:
        expected = 2_000 * np.exp(axis.log_density(values))[:, 0]
        found = [drawn.count(value) for value in values]
        assert found == pytest.approx(expected, abs=90)


def test_a_kernel_is_around_its_observation_and_the_prior_where_that_lacks_the_parameter() -> None:
    chosen = np.exp(Parzen(OBSERVED).axis("choice", CHOICE).log_density("abc"))
    assert chosen[:, 0] == pytest.approx([1 / 7, 5 / 7, 1 / 7])
    assert chosen[:, -1] == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    counts = np.exp(Parzen(OBSERVED).axis("count", COUNT).log_density([2, 5, 8, 11, 14]))
    assert np.argmax(counts[:, 0]) == 1
    assert np.argmax(counts[:, 1]) == 4
    assert counts[:, 2] == pytest.approx(counts[:, 3])


def test_what_was_observed_outside_of_a_range_counts_as_not_observed() -> None:
    outside: list[dict[str, Any]] = [{"real": 7.0, "choice": "d"}, {"real": True, "choice": None}]
    for name, values in (("real", [0.0, 3.0]), ("choice", ["a", "b"])):
        found = Parzen(outside[:1]).axis(name, SPACE[name]).log_density(values)
        assert found[:, 0] == pytest.approx(found[:, 1])


def test_true_is_not_one() -> None:
    flags = CategoricalDistribution((1, True, 0.0))
    found = np.exp(Parzen([{"x": True}]).axis("x", flags).log_density((1, True, 0)))
    assert np.argmax(found[:, 0]) == 1
    assert found[2, 0] == found[0, 0]


def test_far_away_only_the_prior_is_left_and_it_is_finite() -> None:
    many = [{"x": 0, "y": 1e-4} for _ in range(200)]
    space: dict[str, BaseDistribution] = {"x": IntDistribution(0, 10**6), "y": LOG}
    found = Parzen(many).log_density([{"x": 10**6, "y": 0.1}], space)
    assert np.isfinite(found).all()
    assert found[0] < Parzen(many).log_density([{"x": 0, "y": 1e-4}], space)[0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=300))
def test_kernels_are_no_finer_than_the_limit_and_no_wider_than_the_range(places: Any) -> None:
    found = widths(np.array(places))
    assert (found >= 1 / min(FINEST, len(places) + 2)).all()
    assert (found <= 1.0).all()


def test_a_width_reaches_the_farther_neighbour() -> None:
    assert widths(np.array([0.5, 0.1, 0.8])) == pytest.approx([0.4, 0.4, 0.3])
    assert widths(np.array([0.3])) == pytest.approx([0.7])


def test_old_observations_weigh_less() -> None:
    assert recency(NEW).tolist() == [1.0] * NEW
    found = recency(100)
    assert found[0] == pytest.approx(0.01)
    assert (np.diff(found) >= 0).all()
    assert found[-NEW:].tolist() == [1.0] * NEW
