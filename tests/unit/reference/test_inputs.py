from datetime import datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.data.tables.column import EPOCH, Column
from hpsearch.reference.inputs import features

START = datetime.fromisoformat(EPOCH)


def test_an_image_is_one_row_of_its_values():
    x = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    found = features(x, None)
    assert found.values.tolist() == [list(range(12)), list(range(12, 24))]
    assert found.is_category == (False,) * 12


def test_a_category_that_is_not_there_is_missing():
    columns = (
        Column(name="a", kind="category", categories=("x", "y")),
        Column(name="b", kind="number"),
    )
    found = features(np.array([[1, -1], [-1, -1], [np.nan, 2]], np.float32), columns)
    np.testing.assert_array_equal(found.values, [[1, -1], [np.nan, -1], [np.nan, 2]])
    assert found.is_category == (True, False)


@given(st.datetimes(datetime(1930, 1, 1), datetime(2090, 1, 1)))
def test_a_date_has_the_parts_that_the_calendar_gives_it(when):
    when = when.replace(minute=30, second=0, microsecond=0)  # far from the next hour for float32
    day, share = (when - START).days, (when.hour + 0.5) / 24
    column = Column(name="d", kind="date", has_time=True)
    [[elapsed, *parts]] = features(np.array([[day, share]], np.float32), (column,)).values
    assert parts == [when.month, when.day, when.weekday(), when.hour]
    assert abs(elapsed - day - share) < 0.002


def test_each_full_hour_is_that_hour_though_float32_rounds():
    hours = np.arange(24)
    stored = np.column_stack([np.zeros(24), hours / 24]).astype(np.float32)
    found = features(stored, (Column(name="d", kind="date", has_time=True),))
    assert found.values[:, 4].tolist() == hours.tolist()


def test_a_missing_date_misses_all_its_parts_and_shifts_no_other_column():
    columns = (
        Column(name="d", kind="date", has_time=True),
        Column(name="e", kind="date"),
        Column(name="n", kind="number"),
    )
    found = features(np.array([[np.nan, np.nan, 31, 7]], np.float32), columns).values
    assert np.isnan(found[0, :5]).all()
    assert found[0, 5:].tolist() == [31, 2, 1, 1, 7]  # 2000-02-01 was a Tuesday


def test_thinned_features_keep_both_ends_and_what_is_a_category():
    columns = [Column(name=str(i), kind="number" if i else "category") for i in range(9)]
    found = features(np.arange(9, dtype=np.float32)[np.newaxis], columns).thinned(3)
    assert found.values.tolist() == [[0, 4, 8]]
    assert found.is_category == (True, False, False)
