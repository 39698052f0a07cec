from datetime import date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hpsearch.data.tables.column import Column
from hpsearch.data.tables.encoding import encode, encode_cells, encode_frame, other_columns
from hpsearch.data.tables.reading import open_table
from hpsearch.data.tables.values import Cells
from hpsearch.errors import InputError

COLUMNS = (
    Column(name="t", kind="date", date_format="%d.%m.%Y %H:%M", has_time=True),
    Column(name="n", kind="number"),
    Column(name="c", kind="category", categories=("1", "a", "b")),
)
NAN = float("nan")


def encoded(values: list[object], column: Column, decimal: str = ".") -> list[object]:
    stored, unread, unknown = encode_cells(Cells(values=pl.Series(values), decimal=decimal), column)
    assert stored.dtype == np.float32
    rows = [tuple(None if np.isnan(each) else each for each in row) for row in stored.tolist()]
    return [*(row[0] if len(row) == 1 else row for row in rows), (unread, unknown)]


def test_numbers_stand_as_they_are_and_what_is_none_is_missing_and_counted() -> None:
    assert encoded(["1.5", None, "x", "inf", "1e300"], COLUMNS[1]) == [1.5, *[None] * 4, (3, 0)]
    assert encoded(["1,5", "2"], COLUMNS[1], ",") == [1.5, 2.0, (0, 0)]
    assert encoded([3, None], COLUMNS[1]) == [3.0, None, (0, 0)]


def test_categories_are_their_places_and_unknown_ones_are_minus_one() -> None:
    assert encoded(["b", None, "new", "a"], COLUMNS[2]) == [2.0, None, -1.0, 1.0, (0, 1)]
    assert encoded([1, 2], COLUMNS[2]) == [0.0, -1.0, (0, 1)]
    assert encoded([1.0], COLUMNS[2]) == [0.0, (0, 0)]


def test_dates_are_days_and_shares_of_a_day() -> None:
    texts: list[object] = ["01.01.2000 00:00", "31.12.1999 12:00", "noon", None]
    missing = (None, None)
    assert encoded(texts, COLUMNS[0]) == [(0.0, 0.0), (-1.0, 0.5), missing, missing, (1, 0)]
    late: list[object] = [datetime(2000, 1, 1, 23, 59, 59, 999_999)]
    (days, share), _ = encoded(late, COLUMNS[0])  # type: ignore[misc]
    assert days == 0
    assert 0.999 < share < 1
    stored = Column(name="t", kind="date")
    assert encoded([date(2000, 1, 3), None], stored) == [2.0, None, (0, 0)]
    assert encoded(["2000-01-03"], stored) == [2.0, (0, 0)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "new.csv"
    lines = [f"{'zab'[i % 3]},{i % 2},{i},01.02.2000 06:00" for i in range(100)]
    path.write_text("\n".join(["c,more,n,t", *lines, "a,1,x,never"]))
    return path


def test_a_table_is_one_matrix_with_the_columns_in_their_order(path: Path) -> None:
    found = encode(open_table(path), COLUMNS)
    assert found.x.shape == (101, 4)
    assert found.x[1].tolist() == [31.0, 0.25, 1.0, 1.0]
    assert np.isnan(found.x[100]).tolist() == [True, True, True, False]
    assert found.unread == {"t": 1, "n": 1}
    assert found.unknown == {"c": 34}
    names = [column.name for column in COLUMNS]
    assert other_columns(open_table(path), names) == ("more",)


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_batches_are_the_same_rows(path: Path, rows: int) -> None:
    table = open_table(path)
    whole = encode(table, COLUMNS)
    frames = table.batches([column.name for column in COLUMNS], rows)
    found = [encode_frame(frame, table.decimal, COLUMNS) for frame in frames]
    assert np.array_equal(np.concatenate([each.x for each in found]), whole.x, equal_nan=True)
    assert sum(each.unknown.get("c", 0) for each in found) == whole.unknown["c"]


def test_columns_that_a_new_table_lacks_are_named(path: Path) -> None:
    lacking = (*COLUMNS, Column(name="mode", kind="number"), Column(name="z", kind="number"))
    with pytest.raises(InputError, match='has no column "mode", "z"; did you mean more'):
        encode(open_table(path), lacking)
    with pytest.raises(InputError, match='has no column "0", "1", "2", "3", "4" and 3 more; known'):
        other_columns(open_table(path), ["n", *map(str, range(8))])
