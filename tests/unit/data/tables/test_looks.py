import numpy as np
import pytest

from hpsearch.data.tables.column import Column
from hpsearch.data.tables.looks import column_looks, order, target_look

NAN = float("nan")


def test_a_look_at_each_kind_of_column() -> None:
    columns = (
        Column(name="n", kind="number"),
        Column(name="d", kind="date"),
        Column(name="t", kind="date", has_time=True),
        Column(name="c", kind="category", categories=("x", "y", "z")),
    )
    x = np.array(
        [[1.5, 0, 1, 0.25, 2], [NAN, 31, 0, 0.5, 2], [0.5, -1, NAN, NAN, 0], [1.5, 0, 0, 0, NAN]],
        np.float32,
    )
    number, day, moment, category = column_looks(x, columns)
    assert (number.missing, number.distinct) == (1, 2)
    assert (number.low, number.median, number.high) == ("0.5", "1.5", "1.5")
    assert number.samples == ("1.5", "0.5")
    assert (day.low, day.median, day.high) == ("1999-12-31", "2000-01-01", "2000-02-01")
    assert (moment.low, moment.high) == ("2000-01-01 00:00", "2000-01-02 06:00")
    assert moment.missing == 1
    assert category.commonest == (("z", 2), ("x", 1))
    assert (category.low, category.missing, category.samples) == (None, 1, ("z", "x"))


def test_whole_numbers_are_shown_whole_as_far_as_float32_has_them() -> None:
    x = np.array([[1_234_567], [7], [0], [2**24], [0.1234567]], np.float32)
    (look,) = column_looks(x, (Column(name="n", kind="number"),))
    assert look.samples == ("1234567", "7", "0", "1.67772e+07", "0.123457")


def test_a_column_that_is_missing_in_all_training_rows_has_no_range() -> None:
    (look,) = column_looks(np.full((3, 1), NAN, np.float32), (Column(name="n", kind="number"),))
    assert (look.missing, look.distinct, look.low, look.samples) == (3, 0, None, ())


def test_order_sorts_dates_with_times() -> None:
    values = np.array([[1, 0.5], [0, 0.75], [1, 0.25]], np.float32)
    assert np.argsort(order(values)).tolist() == [1, 2, 0]


def test_a_look_at_the_target() -> None:
    y = np.array([0.0, 1.0, 2.0, 3.0, 14.0])
    look = target_look("price", y)
    assert (look.low, look.quartiles, look.high) == (0.0, (1.0, 2.0, 3.0), 14.0)
    assert (look.mean, look.deviation) == (4.0, pytest.approx(np.std(y)))
    assert look.skewness == pytest.approx(np.mean((y - 4) ** 3) / np.std(y) ** 3)
    assert len(look.counts) == 30
    assert len(look.edges) == 31
    assert sum(look.counts) == 5


def test_a_look_at_a_target_of_few_numbers_beside_its_size() -> None:
    look = target_look("when", np.array([2.0**63, 2.0**63 + 2048]))
    assert sum(look.counts) == 2
    assert (look.edges[0], look.edges[-1]) == (2.0**63, 2.0**63 + 2048)
