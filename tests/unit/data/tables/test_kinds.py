from datetime import date

import polars as pl
import pytest

from hpsearch.data.tables import kinds
from hpsearch.data.tables.column import Column
from hpsearch.data.tables.values import Cells
from hpsearch.errors import InputError


def cells(*parts: list[object]) -> list[Cells]:
    return [Cells(values=pl.Series("c", part)) for part in parts]


def test_texts_that_are_no_numbers_are_missing_up_to_a_hundredth_of_the_rows() -> None:
    numbers: list[object] = [f"{i}.5" for i in range(198)]
    found = kinds.find("c", cells([*numbers, "x", "x"]))
    assert found.column == Column(name="c", kind="number")
    assert found.notes == ('column "c": "x" (2 rows) taken as missing; all else are numbers',)
    assert kinds.find("c", cells([*numbers, "x", "x", "x"])).column is None  # an identifier then


def test_more_than_five_texts_are_a_category() -> None:
    numbers: list[object] = [str(i % 30) for i in range(2000)]
    column = kinds.find("c", cells([*numbers, *"abcde"])).column
    assert column is not None
    assert column.kind == "number"
    column = kinds.find("c", cells([*numbers, *"abcdef"])).column
    assert column is not None
    assert column.kind == "category"


def test_all_parts_are_looked_at_together() -> None:
    found = kinds.find("c", cells(["1", "2"], ["x", "3"]))
    assert found.column == Column(name="c", kind="category", categories=("1", "2", "3", "x"))


@pytest.mark.parametrize(
    ("parts", "is_ignored"),
    [
        ([list(range(20))], True),
        ([list(range(1, 21))], True),
        ([[str(i) for i in range(30)]], True),
        ([list(range(20)), list(range(20, 25))], True),
        ([list(range(20)), list(range(5))], True),
        ([list(range(19))], False),
        ([list(range(2, 30))], False),
        ([list(range(20, 0, -1))], False),
        ([list(range(20)), [4, 3]], False),
    ],
)
def test_numbers_that_count_the_rows_are_ignored(
    parts: list[list[object]], is_ignored: bool
) -> None:
    assert (kinds.find("c", cells(*parts)).column is None) is is_ignored


@pytest.mark.parametrize(
    ("values", "is_ignored"),
    [([7, 3, 5, 3], True), (["7", "3"], True), ([7.5, 3.0], False), (["b", "a"], False)],
)
def test_whole_numbers_of_an_index_are_ignored(values: list[object], is_ignored: bool) -> None:
    found = kinds.find("c", cells(values), is_index=True)
    assert (found.column is None) is is_ignored
    assert any("row labels of pandas" in note for note in found.notes) is is_ignored
    assert kinds.find("c", cells(values)).column is not None
    assert kinds.find("c", cells(values), is_index=True, as_category=True).column is not None


@pytest.mark.parametrize(
    ("distinct", "rows", "is_ignored"),
    [(50, 50, True), (49, 49, False), (90, 100, False), (91, 100, True)],
)
def test_texts_that_are_nearly_all_different_are_ignored(
    distinct: int, rows: int, is_ignored: bool
) -> None:
    texts: list[object] = [f"n{min(i, distinct - 1)}" for i in range(rows)]
    assert (kinds.find("c", cells(texts)).column is None) is is_ignored
    assert kinds.find("c", cells(texts), as_category=True).column is not None


def test_midnights_alone_are_days_without_times() -> None:
    column = kinds.find("c", cells(["2020-01-01 00:00", "2020-01-02 00:00"])).column
    assert column is not None
    assert (column.has_time, column.width) == (False, 1)
    column = kinds.find("c", cells(["2020-01-01 00:00"], ["2020-01-02 00:01"])).column
    assert column is not None
    assert (column.has_time, column.width) == (True, 2)


def test_dates_in_one_part_and_texts_in_another_are_refused() -> None:
    with pytest.raises(InputError, match="dates in one file and other values in another"):
        kinds.find("c", cells([date(2020, 1, 1)], ["2020-01-02"]))


def test_nothing_but_missing_values_in_one_part_is_no_matter() -> None:
    found = kinds.find("c", cells([1.5, 2.5], [None, None]))
    assert found.column == Column(name="c", kind="number")


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical])
def test_categories_that_differ_by_case_alone_are_hinted_at(dtype: type[pl.DataType]) -> None:
    found = kinds.find("c", [Cells(values=pl.Series(["Yes", "yes"] * 30, dtype=dtype))])
    assert found.column is not None
    assert found.column.categories == ("Yes", "yes")
    (told,) = found.hints
    assert '"Yes" and "yes" differ by case alone' in told


def test_an_ignored_column_is_hinted_at() -> None:
    found = kinds.find("c", cells([*(f"{n}.5" for n in range(99)), "-", "-"]))
    assert found.column is None
    assert found.hints[0].endswith('set dataset.missing = ["-"]')
