"""The first layer of a network for tables: what becomes of stored rows."""

from datetime import date, timedelta

import keras
import numpy as np
import pytest

from hpsearch.data.tables.column import EPOCH, Column
from hpsearch.data.tables.fitted import Tabular, fit_table
from hpsearch.networks.dense import Dense
from hpsearch.training import tables

NAN = float("nan")


def features(fitted: Tabular, values: list[list[float]]) -> np.ndarray:
    inputs = keras.Input((len(values[0]),))
    network = keras.Model(inputs, tables.features(fitted.arrays(), inputs, 0, Dense()))
    found = np.asarray(network(np.array(values, np.float32)))
    assert found.shape == (len(values), fitted.shape.width)
    return found


def fitted(column: Column, values: list[list[float]]) -> Tabular:
    return fit_table((column,), np.array(values, np.float32), np.arange(len(values)))


def test_numbers_are_scaled_and_clipped_smoothly() -> None:
    found = fitted(Column(name="x", kind="number"), [[1.0], [2.0], [3.0], [4.0], [NAN]])
    one = features(found, [[2.5], [4.0], [1e6], [NAN]])
    scaled = (4.0 - 2.5) / 1.5
    assert one[:, 0] == pytest.approx([0.0, scaled / np.sqrt(1 + (scaled / 3) ** 2), 3.0, 0.0])
    assert one[:, 1].tolist() == [0, 0, 0, 1]


def test_categories_are_one_hot_and_unknown_ones_nothing() -> None:
    column = Column(name="c", kind="category", categories=tuple("abcde"))
    found = fitted(column, [[0.0], [2.0], [3.0], [NAN]])
    assert features(found, [[0.0], [2.0], [3.0], [1.0], [-1.0], [NAN]]).tolist() == [
        [0, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        [1, 0, 0, 0],
    ]


def test_two_categories_are_minus_one_and_one() -> None:
    column = Column(name="c", kind="category", categories=("no", "perhaps", "yes"))
    found = fitted(column, [[0.0], [2.0]])
    assert features(found, [[0.0], [2.0], [1.0], [-1.0], [NAN]])[:, 0].tolist() == [-1, 1, 0, 0, 0]


def test_many_categories_are_embedded_and_unknown_ones_nothing() -> None:
    column = Column(name="c", kind="category", categories=tuple("abcdefghijklm"))
    found = fitted(column, [[float(code)] for code in range(1, 12)] + [[NAN]])
    values = features(found, [[1.0], [11.0], [NAN], [0.0], [12.0], [-1.0]])
    assert not values[3:].any()
    assert np.unique(values[:3], axis=0).shape == (3, 8)
    assert values[:3].all()


def test_columns_that_are_embedded_have_rows_of_their_own() -> None:
    columns = tuple(
        Column(name=name, kind="category", categories=tuple("abcdefghijklm")) for name in "xy"
    )
    codes = np.repeat(np.arange(11.0, dtype=np.float32)[:, None], 2, axis=1)
    found = fit_table(columns, codes, np.arange(11))
    assert found.shape.rows == 22
    values = features(found, [[3.0, 3.0]])
    assert (values[0, :8] != values[0, 8:]).all()


@pytest.mark.parametrize("years", [range(1890, 1910), range(1995, 2030), range(2095, 2105)])
def test_parts_of_dates_are_those_of_the_calendar(years: range) -> None:
    begin = date.fromisoformat(EPOCH)
    every = [date(years[0], 1, 1) + timedelta(days=n) for n in range(0, 366 * len(years), 7)]
    every += [date(year, 2, 28) + timedelta(days=n) for year in years for n in range(3)]
    days = np.array([[(one - begin).days] for one in every], np.float32)
    year, month, week = (
        np.round(np.arctan2(sine, cosine) / (2 * np.pi) * length) % length
        for sine, cosine, length in zip(
            *(
                np.stack(tables.calendar(keras.ops.convert_to_tensor(days)))[n::2, :, 0]
                for n in (0, 1)
            ),
            (366, 31, 7),
            strict=True,
        )
    )
    assert month.tolist() == [one.day - 1 for one in every]
    weekdays = {(int(w), one.weekday()) for w, one in zip(week, every, strict=True)}
    assert len(weekdays) == 7
    march = [date(one.year - (one.month < 3), 3, 1) for one in every]
    assert year.tolist() == [(one - first).days for one, first in zip(every, march, strict=True)]


def test_the_time_of_day_goes_round() -> None:
    found = fitted(Column(name="t", kind="date", has_time=True), [[0.0, 0.0], [9.0, 0.5]])
    values = features(found, [[0.0, 0.25], [0.0, 0.75], [NAN, NAN]])
    assert values[:, -2:] == pytest.approx(np.array([[1, 0], [-1, 0], [0, 0]]), abs=1e-6)
    assert not values[2, 1:].any()  # a date that is missing has no parts
