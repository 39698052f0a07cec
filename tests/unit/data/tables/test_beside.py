from datetime import date
from typing import Any

import polars as pl
import pytest

from hpsearch.data.arrays import PartName
from hpsearch.data.tables import beside
from hpsearch.data.tables.column import Column
from hpsearch.data.tables.values import Cells
from hpsearch.errors import InputError


def parts(train: list[Any], test: list[Any]) -> dict[PartName, Cells]:
    return {"train": Cells(values=pl.Series(train)), "test": Cells(values=pl.Series(test))}


def test_a_group_has_the_same_number_in_all_parts() -> None:
    found = beside.groups("t", "g", parts(["b", "c", "b"], ["a", "c"]))
    assert (found["train"].tolist(), found["test"].tolist()) == ([1, 2, 1], [0, 2])
    assert found["train"].dtype == "int64"


def test_times_are_seconds_or_numbers() -> None:
    dated = Column(name="t", kind="date", date_format="%Y-%m-%d")
    found = beside.times("t", "t", parts(["2000-01-02"], ["1999-12-31"]), dated)
    assert (found["train"].tolist(), found["test"].tolist()) == ([86400.0], [-86400.0])
    typed = Column(name="t", kind="date")
    found = beside.times("t", "t", parts([date(2000, 1, 2)], [date(2000, 1, 1)]), typed)
    assert (found["train"].tolist(), found["test"].tolist()) == ([86400.0], [0.0])
    found = beside.times("t", "t", parts(["2019"], [2020]), Column(name="t", kind="number"))
    assert (found["train"].tolist(), found["test"].tolist()) == ([2019.0], [2020.0])


def test_weights_are_float32() -> None:
    found = beside.weights("t", "w", parts(["0", "0.5"], [1]))
    assert found["train"].tolist() == [0.0, 0.5]
    assert found["test"].dtype == "float32"


@pytest.mark.parametrize("values", [["1", None], [1.0, float("inf")], ["1", "x"]])
def test_times_and_weights_that_are_missing_or_no_numbers_are_refused(values: list[Any]) -> None:
    for read in (
        lambda cells: beside.weights("t", "w", cells),
        lambda cells: beside.times("t", "w", cells, None),
    ):
        with pytest.raises(InputError, match=r'^t: (weight|time) "w"'):
            read(parts([1], values))
