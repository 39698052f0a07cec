"""The transform of tables is fitted on the training rows, and on nothing else."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.data.tables.column import Column
from hpsearch.data.tables.fitted import ONE_HOT, Tabular, fit_table
from hpsearch.data.tables.shape import TableShape

NAN = float("nan")
COLUMNS = (
    Column(name="size", kind="number"),
    Column(name="colour", kind="category", categories=tuple("abcdefghijklmno")),
    Column(name="day", kind="date", date_format="%Y-%m-%d"),
    Column(name="seen", kind="date", date_format="%Y-%m-%d %H:%M", has_time=True),
)


def rows(seed: int, size: int = 60, colours: int = 15) -> npt.NDArray[np.float32]:
    draw = np.random.default_rng(seed)
    found = np.stack(
        [
            draw.lognormal(size=size),
            draw.integers(0, colours, size),
            draw.integers(0, 9000, size),
            draw.integers(0, 9000, size),
            draw.uniform(0, 1, size),
        ],
        axis=1,
    )
    found[draw.uniform(size=found.shape) < 0.1] = NAN
    return found.astype(np.float32)


def one(values: list[float], **column: Any) -> Tabular:
    x = np.array(values, np.float32)[:, None]
    column = {"name": "x", "kind": "number"} | column
    return fit_table((Column(**column),), x, np.arange(len(x)))


@given(st.integers(0, 1000))
def test_other_rows_change_nothing(seed: int) -> None:
    """The no-leak property: whatever validation, test or another fold has, the fit is the same."""
    draw = np.random.default_rng(seed)
    x = rows(seed)
    train = np.sort(draw.permutation(60)[:40])
    others = np.setdiff1d(np.arange(60), train)
    expected = fit_table(COLUMNS, x, train)
    changed = x.copy()
    changed[others] = rows(seed + 1)[others] * draw.uniform(-100, 100)
    assert fit_table(COLUMNS, changed, train) == expected
    changed[others] = x[draw.permutation(others)]
    assert fit_table(COLUMNS, changed, train) == expected
    changed[others] = NAN
    assert fit_table(COLUMNS, changed, train) == expected


def test_numbers_have_median_and_interquartile_range() -> None:
    (number,) = one([1.0, 2.0, 3.0, 4.0, 100.0]).numbers
    assert (number.median, number.factor, number.has_missing) == (3.0, 0.5, False)


def test_where_the_quartiles_are_alike_half_the_range_counts() -> None:
    (number,) = one([0.0, 0.0, 0.0, 0.0, 8.0]).numbers
    assert (number.median, number.factor) == (0.0, 0.25)


@pytest.mark.parametrize("values", [[5.0] * 4, [NAN] * 4, [NAN, 5.0]])
def test_what_does_not_vary_is_nothing(values: list[float]) -> None:
    (number,) = one(values).numbers
    assert number.factor == 0.0


def test_missing_values_are_a_feature_where_training_rows_have_them() -> None:
    assert one([1.0, NAN, 3.0]).shape == TableShape(numbers=1, others=1)
    assert one([1.0, 2.0, 3.0]).shape == TableShape(numbers=1, others=0)


def test_categories_are_those_of_the_training_rows() -> None:
    found = one([4.0, 2.0, 2.0, 7.0], kind="category", categories=tuple("abcdefgh"))
    (category,) = found.categories
    assert category.known == (2, 4, 7)
    assert found.shape == TableShape(numbers=0, others=3)


def test_two_categories_are_one_feature_unless_one_is_missing() -> None:
    two = {"kind": "category", "categories": ("no", "yes")}
    assert one([0.0, 1.0, 1.0], **two).shape == TableShape(numbers=0, others=1)
    assert one([0.0, 1.0, NAN], **two).shape == TableShape(numbers=0, others=3)
    assert one([0.0, 0.0, NAN], **two).shape == TableShape(numbers=0, others=2)


def test_many_categories_are_embedded() -> None:
    letters = {"kind": "category", "categories": tuple("abcdefghijkl")}
    few = one([float(code) for code in range(ONE_HOT)], **letters)
    assert few.shape == TableShape(numbers=0, others=ONE_HOT)
    many = one([float(code) for code in range(ONE_HOT)] + [NAN], **letters)
    assert many.shape == TableShape(numbers=0, others=0, embedded=1, rows=ONE_HOT + 1)
    assert many.shape.width == 8
    # Missing, unknown, and then each category; those that training rows lack have none.
    assert many.arrays()["embedded_rows"].tolist() == [0, -1, *range(1, 10), -1, -1, -1]


def test_dates_are_a_number_and_parts() -> None:
    day = fit_table(COLUMNS[2:3], np.array([[10.0], [20.0]], np.float32), np.arange(2))
    assert day.shape == TableShape(numbers=1, others=6)
    time = fit_table(COLUMNS[3:], np.array([[10.0, 0.5], [20.0, 0.1]], np.float32), np.arange(2))
    assert time.shape == TableShape(numbers=1, others=8)


def test_it_is_read_back_from_json() -> None:
    found = fit_table(COLUMNS, rows(0), np.arange(60))
    assert Tabular.model_validate_json(found.model_dump_json()) == found
