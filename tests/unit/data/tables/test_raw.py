"""Stored rows as raw columns, and transforms without what training rows do not have."""

import numpy as np

from hpsearch.data.tables.column import Column
from hpsearch.data.tables.fitted import fit_table
from hpsearch.data.tables.raw import (
    UNKNOWN,
    coded_columns,
    known_only,
    made_up_rows,
    raw_columns,
)

NAN = np.nan
COLUMNS = (
    Column(name="age", kind="number"),
    Column(name="town", kind="category", categories=("Aachen", "Berlin", "Celle", "Dresden")),
    Column(name="since", kind="date"),
    Column(name="at", kind="date", has_time=True),
)
X = np.array(
    [
        [41.5, 1, 0, 59, 0.5],
        [NAN, 3, -1, 60, 0.0],
        [7, NAN, NAN, NAN, NAN],
        [8, -1, 8826, -11000, 1],
    ],
    np.float32,
)


def test_each_column_is_written_as_a_model_takes_it() -> None:
    age, town, since, at = raw_columns(COLUMNS, X)
    np.testing.assert_array_equal(age, np.float32([41.5, NAN, 7, 8]), strict=True)
    assert town.tolist() == ["Berlin", "Dresden", "", UNKNOWN]
    assert since.tolist() == ["2000-01-01", "1999-12-31", "", "2024-03-01"]
    assert at.tolist() == [
        "2000-02-29T12:00:00.000",
        "2000-03-01T00:00:00.000",
        "",
        "1969-11-19T23:59:59.999",
    ]


def test_a_model_without_texts_takes_numbers_of_the_categories_that_it_knows() -> None:
    known = (COLUMNS[0], COLUMNS[1].model_copy(update={"categories": ("Berlin",)}), *COLUMNS[2:])
    age, town, since, at = coded_columns(COLUMNS, known, X, takes_texts=False)
    np.testing.assert_array_equal(age, X[:, 0], strict=True)
    np.testing.assert_array_equal(town, np.array([0, -1, -2, -1]), strict=True)
    np.testing.assert_array_equal(since, X[:, 2], strict=True)
    np.testing.assert_array_equal(at, X[:, 3:], strict=True)
    texts = coded_columns(COLUMNS, known, X, takes_texts=True)
    assert texts[1].tolist() == ["Berlin", "Dresden", "", UNKNOWN]
    np.testing.assert_array_equal(texts[3], at, strict=True)


def test_categories_that_no_fold_was_trained_on_are_left_out() -> None:
    x = np.zeros((6, 5), np.float32)
    x[:, 1] = [3, 1, 1, NAN, 0, 2]
    folds = [fit_table(COLUMNS, x, np.array(rows)) for rows in ([0, 1], [1, 2, 3])]
    first, second = known_only(folds)
    assert first.columns == second.columns
    assert [column.categories for column in first.columns] == [(), ("Berlin", "Dresden"), (), ()]
    assert [one.known for one in (*first.categories, *second.categories)] == [(0, 1), (0,)]
    assert first.shape == folds[0].shape
    assert second.categories[0].has_missing


def test_rows_that_are_made_up_have_known_unknown_and_missing_values() -> None:
    x = np.tile(np.float32([5, 0, 100, 200, 0.25]), (9, 1))
    x[:, 0] += np.arange(9)
    table = fit_table(COLUMNS, x, np.arange(9))
    made = made_up_rows(table, 200)
    age, town, since, at = raw_columns(COLUMNS, made)
    assert np.isnan(age).any()
    assert abs(np.nanmedian(age) - 9) < 2
    assert {*town.tolist()} == {"Aachen", UNKNOWN, ""}
    assert "" in since.tolist()
    assert all(len(text) == 23 for text in at.tolist() if text)
