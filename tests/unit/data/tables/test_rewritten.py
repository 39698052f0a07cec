from typing import Any

import numpy as np
import polars as pl
import pytest

from hpsearch.data.tables import rewritten
from hpsearch.data.tables.column import Column
from hpsearch.data.tables.encoding import encode_cells
from hpsearch.data.tables.values import Cells


@pytest.mark.parametrize(
    ("known", "new", "texts"),
    [
        (("1", "3"), ["3.0", "1.0", "2.0"], ["3", "1", "2.0"]),
        (("1", "3"), [3.0, None, 1.0], ["3", None, "1"]),
        (("1.0", "3.0"), [3, 1], ["3.0", "1.0"]),
        (("01234", "12345"), [1234, 12345], ["01234", "12345"]),
        (("1", "01"), ["1.0", "01"], ["1.0", "01"]),
        (("false", "true"), ["True", "False"], ["true", "false"]),
        (("False", "True"), [True, False], ["True", "False"]),
        (("no", "yes"), ["No", "YES"], ["No", "YES"]),
        (("0.5", "x"), ["0.50", "X"], ["0.50", "X"]),
        ((str(2**60),), [str(2**60 + 1)], [str(2**60 + 1)]),
    ],
)
def test_categories_that_are_equal_are_written_as_the_columns(
    known: tuple[str, ...], new: list[Any], texts: list[str | None]
) -> None:
    assert rewritten.categories(Cells(values=pl.Series(new)), known).to_list() == texts


@pytest.mark.parametrize(
    "new",
    [pl.Series([True, None, False]), pl.Series(["1", None, "0.0"], dtype=pl.Categorical)],
    ids=["truth values", "categories of texts"],
)
def test_categories_are_numbers_where_the_column_is(new: pl.Series) -> None:
    values, unread, _ = encode_cells(Cells(values=new), Column(name="n", kind="number"))
    np.testing.assert_array_equal(values[:, 0], [1, np.nan, 0])
    assert unread == 0


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("%Y-%m-%d", "2020-02-01 00:00:00"),
        ("%Y-%m-%d %H:%M:%S%.f", "2020-02-01"),
        ("%d.%m.%Y", "2020-02-01T00:00"),
        ("%m/%d/%Y", "2/1/2020"),
        ("", "01/02/2020"),
    ],
)
def test_dates_of_another_format_are_read_where_the_year_comes_first(form: str, text: str) -> None:
    column = Column(name="d", kind="date", date_format=form)
    values, unread, _ = encode_cells(Cells(values=pl.Series([text, None])), column)
    np.testing.assert_array_equal(values[:, 0], [7336, np.nan])
    assert unread == 0


def test_dates_in_an_order_of_their_own_stay_unread() -> None:
    column = Column(name="d", kind="date", date_format="%Y-%m-%d")
    assert encode_cells(Cells(values=pl.Series(["01/02/2020"])), column)[1] == 1
