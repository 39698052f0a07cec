"""Data frames of pandas, polars and Arrow are the same table."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from hpsearch.api.data import understood
from hpsearch.api.frames import as_polars, is_frame, joined, kept
from hpsearch.api.given import Keeping
from hpsearch.data.sources.source import Look
from hpsearch.errors import InputError

COLUMNS: dict[str, list[Any]] = {
    "area": [50.5, None, 70.0],
    "rooms": [2, 3, 4],
    "city": ["Bern", None, "Basel"],
    "sold": [datetime(2024, 1, 2), datetime(2024, 3, 4), None],
    "new": [True, False, True],
    "price": [1.0, 2.0, 3.0],
}

# Made when they are used: frames start threads, and commands are forked once tests are collected.
FRAMES: dict[str, Callable[[], Any]] = {
    "polars": lambda: pl.DataFrame(COLUMNS),
    "lazy": lambda: pl.LazyFrame(COLUMNS),
    "arrow": lambda: pa.table(COLUMNS),
    "pandas": lambda: pd.DataFrame(COLUMNS),
    "pandas-nullable": lambda: pd.DataFrame(COLUMNS).convert_dtypes(),
    "pandas-object": lambda: pd.DataFrame(COLUMNS, dtype=object),
    "pandas-category": lambda: pd.DataFrame(COLUMNS).astype({"city": "category"}),
    "pandas-index": lambda: pd.DataFrame(COLUMNS, index=[7, 7, 9]),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_of_any_library_is_the_same_table(name: str) -> None:
    assert is_frame(FRAMES[name]())
    found = as_polars(FRAMES[name]())
    assert found.columns == [*COLUMNS]
    assert found.to_dict(as_series=False) == FRAMES["polars"]().to_dict(as_series=False)


@pytest.mark.parametrize("other", [np.eye(2), [1, 2], "a.csv", {"a": [1]}, None, pd.Series([1])])
def test_other_things_are_no_frames(other: Any) -> None:
    assert not is_frame(other)


def test_a_frame_is_kept_as_parquet_by_its_content(keeping: Keeping) -> None:
    path, rows = kept(FRAMES["pandas"](), "price", keeping)
    assert rows == 3
    assert pl.read_parquet(path).to_dict(as_series=False) == FRAMES["polars"]().to_dict(
        as_series=False
    )
    assert kept(pd.DataFrame(COLUMNS), "price", keeping)[0] == path
    assert kept(pd.DataFrame(COLUMNS).assign(rooms=[2, 3, 5]), "price", keeping)[0] != path


@pytest.mark.parametrize(
    ("y", "name"),
    [
        (lambda: pd.Series([1, 2, 3], name="rent"), "rent"),
        (lambda: pl.Series("rent", [1, 2, 3]), "rent"),
        (lambda: np.array([1, 2, 3]), "target"),
        (lambda: [1, 2, 3], "target"),
        (lambda: pd.DataFrame({"rent": [1, 2, 3]}), "rent"),
    ],
)
def test_inputs_and_targets_become_one_frame(y: Callable[[], Any], name: str) -> None:
    frame, target = joined(FRAMES["pandas"](), y(), None)
    assert target == name
    assert frame[name].to_list() == [1, 2, 3]
    assert joined(FRAMES["pandas"](), y(), "mine")[1] == "mine"


@pytest.mark.parametrize(
    ("data", "target", "told"),
    [
        (
            FRAMES["polars"],
            None,
            "data: is a data frame; name the column to predict: target=..., one of are",
        ),
        (
            FRAMES["polars"],
            "prise",
            "target = 'prise': the data frame has no such column; did you mean pric",
        ),
        (
            lambda: pd.DataFrame([[1, 2]], columns=["a", "a"]),
            "a",
            "data: the data frame cannot be read as a table: Expected unique column names",
        ),
    ],
)
def test_a_wrong_frame_is_one_message_and_nothing_is_written(
    data: Callable[[], Any], target: str | None, told: str, keeping: Keeping
) -> None:
    with pytest.raises(InputError) as error:
        kept(data(), target, keeping)
    assert str(error.value).startswith(told)
    assert not keeping.home.root.exists()


def test_targets_that_do_not_fit_their_inputs_are_refused() -> None:
    with pytest.raises(InputError, match="x has 3 rows, and y has 2"):
        joined(FRAMES["polars"](), [1, 2], None)
    with pytest.raises(InputError, match="y has 6 columns; give the one to predict"):
        joined(FRAMES["polars"](), FRAMES["pandas"](), None)
    with pytest.raises(InputError, match="x has a column 'price', as the target is called"):
        joined(FRAMES["pandas"](), pd.Series([1, 2, 3], name="price"), None)
    with pytest.raises(InputError, match="y has texts and numbers; give labels of one kind"):
        joined(FRAMES["polars"](), ["a", 1, "b"], None)
    with pytest.raises(InputError, match=r"different indices, .* give y\.loc\[x\.index\]"):
        joined(FRAMES["pandas"](), pd.Series([1, 2, 3], index=[2, 1, 0]), None)
    index = FRAMES["pandas-index"]().index
    assert joined(FRAMES["pandas-index"](), pd.Series([1, 2, 3], index=index), None)[1] == "target"


@pytest.mark.parametrize("y", [None, "price", 3, np.float64(3), {"a": 1}, iter([1, 2, 3])])
def test_what_is_no_targets_is_told_of_target(y: Any) -> None:
    with pytest.raises(
        InputError, match=r"^data: y is .* and the column to predict: target=\.\.\."
    ):
        joined(FRAMES["polars"](), y, None)


def test_columns_of_pandas_may_have_numbers_for_names(keeping: Keeping) -> None:
    frame = pd.DataFrame([[1.5, "x"], [None, "y"]])
    assert as_polars(frame).to_dict(as_series=False) == {"0": [1.5, None], "1": ["x", "y"]}
    assert understood(frame, 1, None, keeping).table()["target"] == "1"
    assert understood(frame, "1", None, keeping).look == Look(rows=2)


def test_values_of_several_kinds_in_a_column_are_texts() -> None:
    found = as_polars(pd.DataFrame({"a": [1, "x", None]}, dtype=object))
    assert found["a"].to_list() == ["1", "x", None]
