from datetime import date, datetime, timedelta, timezone
from typing import Literal

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.data.tables import dates


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2020-02-25", "%Y-%m-%d"),
        ("2020-02-25T06:00", "%Y-%m-%dT%H:%M"),
        ("2020-02-25 06:00:00", "%Y-%m-%d %H:%M:%S%.f"),
        ("2020-02-25T06:00:00.000", "%Y-%m-%dT%H:%M:%S%.f"),
        ("2020-02-25T06:00:00Z", "%Y-%m-%dT%H:%M:%S%.f%#z"),
        ("2020-02-25 08:00:00.0+02:00", "%Y-%m-%d %H:%M:%S%.f%#z"),
        ("25.2.2020", "%d.%m.%Y"),
        ("25.02.2020 6:00", "%d.%m.%Y %H:%M"),
        ("25/02/2020", "%d/%m/%Y"),
        ("02/25/2020 06:00:00", "%m/%d/%Y %H:%M:%S"),
        ("2020/02/25", "%Y/%m/%d"),
    ],
)
def test_a_date_is_read_as_it_is_written(text: str, form: str) -> None:
    assert dates.formats([pl.Series([text, None])]) == [form]
    hour = 6 if ":" in text else 0
    assert dates.parsed(pl.Series([text]), form)[0] == datetime(2020, 2, 25, hour)


@pytest.mark.parametrize(
    "text", ["5-3-1", "2020-13-01", "2020-02-30", "20200225", "1.2.20", "2020-02-25T25:00", "noon"]
)
def test_other_texts_are_no_dates(text: str) -> None:
    assert dates.formats([pl.Series([text])]) == []


def test_one_value_of_another_format_in_any_part_rules_a_format_out() -> None:
    many = pl.Series(["1/2/2020"] * 500)
    assert dates.formats([many]) == ["%d/%m/%Y", "%m/%d/%Y"]
    assert dates.formats([many, pl.Series(["25/2/2020"])]) == ["%d/%m/%Y"]
    assert dates.formats([many, pl.Series(["25/25/2020"])]) == []


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)))
def test_days_and_share_are_the_time_again(moment: datetime) -> None:
    whole, share = dates.days(pl.Series([moment, None], dtype=pl.Datetime("us")))
    assert 0 <= share[0] < 1
    assert whole[0] == np.floor(whole[0])
    assert np.isnan([whole[1], share[1]]).all()
    again = datetime(2000, 1, 1) + timedelta(days=whole[0]) + timedelta(days=share[0])
    assert abs(again - moment) <= timedelta(microseconds=1)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_typed_dates_of_any_unit_and_zone_are_utc(unit: Literal["ms", "us", "ns"]) -> None:
    there = datetime(2020, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    values = pl.Series([there]).dt.cast_time_unit(unit).dt.convert_time_zone("Asia/Tokyo")
    assert dates.naive(values)[0] == datetime(2019, 12, 31, 23)
    assert dates.naive(pl.Series([date(2020, 1, 1)]))[0] == datetime(2020, 1, 1)
