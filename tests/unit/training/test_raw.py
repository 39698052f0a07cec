"""Raw columns become what is stored, in Keras' own operations."""

from datetime import datetime, timedelta
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.data.tables.column import Column
from hpsearch.data.tables.raw import UNKNOWN, raw_columns
from hpsearch.training.raw import codes, stored_rows

COLUMNS = (
    Column(name="n", kind="number"),
    Column(name="c", kind="category", categories=("[UNK]", "a\nb", "x y", "Ä")),
    Column(name="d", kind="date", has_time=True),
)


@pytest.fixture(scope="module")
def model() -> Any:
    inputs, rows = stored_rows(COLUMNS, ["n", "c", "d"])
    made = keras.Model(inputs, rows)

    def stored(n: list[float], c: list[str], d: list[str]) -> Any:
        given = {"n": np.float32(n), "c": c, "d": d}
        return made({name: tf.constant(values) for name, values in given.items()}).numpy()

    return stored


def test_stored_rows_come_back_from_their_raw_columns(model: Any) -> None:
    random = np.random.default_rng(0)
    x = np.stack(
        [
            random.normal(size=99),
            random.integers(-1, 4, 99),
            random.integers(-700_000, 2_900_000, 99),
            random.integers(0, 86_400, 99) / 86_400,
        ],
        axis=1,
    ).astype(np.float32)
    x[:3] = np.nan
    found = model(*(values.tolist() for values in raw_columns(COLUMNS, x)))
    np.testing.assert_array_equal(found, x, strict=True)


@given(when=st.datetimes(), gap=st.sampled_from(" T"))
def test_every_point_in_time_is_read_to_the_millisecond(
    model: Any, when: datetime, gap: str
) -> None:
    row = model([0], ["Ä"], [when.isoformat(gap, "milliseconds")])[0]
    since = when - datetime(2000, 1, 1)
    share = timedelta(seconds=since.seconds, milliseconds=since.microseconds // 1000)
    assert row[2] == np.float32(since.days)
    assert row[3] == np.float32(share / timedelta(days=1))


@pytest.mark.parametrize(
    ("text", "share"),
    [("2024-03-01", 0), ("2024-03-01 06:00", 0.25), ("2024-03-01 12:00:00Z", 0.5),
     ("2024-03-01T12:00:00.0", 0.5), ("2024-03-01 00:00:43.2", 0.0005)],
)  # fmt: skip
def test_what_is_left_out_of_a_time_is_zero(model: Any, text: str, share: float) -> None:
    np.testing.assert_allclose(model([0], ["Ä"], [text])[0, 2:], [8826, share], rtol=1e-7)


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "01.03.2024", "2024/03/01", "2024-3-1", "2024-13-01", "2024-03-00", "24"],
)
def test_what_is_no_iso_date_is_missing(model: Any, text: str) -> None:
    assert np.isnan(model([0], ["Ä"], [text])[0, 2:]).all()


def test_categories_are_compared_as_they_are(model: Any) -> None:
    texts = ["[UNK]", "a\nb", "x y", "Ä", "ä", " x y", ""]
    found = model([0] * 7, texts, [""] * 7)[:, 1]
    np.testing.assert_array_equal(found, np.float32([0, 1, 2, 3, -1, -1, np.nan]))


def test_without_categories_all_texts_are_unknown_or_missing() -> None:
    found = codes((), tf.constant(["", "a", UNKNOWN])).numpy()
    assert np.isnan(found[0])
    assert found[1] == -1
