from datetime import time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from hpsearch.data.tables.values import MISSING, Cells, cleaned


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("1", ".", 1.0), ("-3", ".", -3.0), ("+.5", ".", 0.5), ("1e5", ".", 1e5),
        ("inf", ".", float("inf")), ("1,5", ".", None), ("1,5", ",", 1.5), ("2", ",", 2.0),
        ("1.5", ",", None), ("1.234,5", ",", None), ("1,234,5", ",", None), ("0x1F", ".", None),
        ("1_000", ".", None), ("True", ".", None), ("1 000", ".", None), ("NAN", ".", None),
    ],
)  # fmt: skip
def test_a_text_is_a_number_or_none(text: str, decimal: str, number: float | None) -> None:
    cells = Cells(values=pl.Series([text]), decimal=decimal)
    assert cells.numbers().to_list() == [number]
    assert cells.unparsed().to_list() == ([] if number is not None else [text])


def test_every_missing_text_is_null_and_spaces_go() -> None:
    texts = pl.Series(["a", " b ", " 01", *sorted(MISSING), " NA ", "none"])
    assert cleaned(texts, MISSING | {"none"}).drop_nulls().to_list() == ["a", "b", "01"]


@pytest.mark.parametrize(
    ("values", "family", "texts", "numbers"),
    [
        (pl.Series([1, None]), "number", ["1", None], [1.0, None]),
        (pl.Series([1.0, 0.5]), "number", ["1", "0.5"], [1.0, 0.5]),
        (pl.Series([Decimal("2.00")]), "number", ["2"], [2.0]),
        (pl.Series([timedelta(minutes=2)]), "number", ["120"], [120.0]),
        (pl.Series([time(1)]), "number", ["3600"], [3600.0]),
        (pl.Series([True, False]), "category", ["true", "false"], [None, None]),
        (pl.Series(["x"], dtype=pl.Enum(["x"])), "category", ["x"], [None]),
        (pl.Series([None]), "none", [None], [None]),
        (pl.Series(["7", "x"]), "text", ["7", "x"], [7.0, None]),
    ],
)
def test_typed_cells_are_texts_and_numbers(
    values: pl.Series, family: str, texts: list[str], numbers: list[Any]
) -> None:
    cells = Cells(values=values)
    assert cells.family == family
    assert cells.texts().to_list() == texts
    assert cells.numbers().to_list() == numbers


def test_lists_structs_and_bytes_are_no_column() -> None:
    for values in (pl.Series([[1]]), pl.Series([{"a": 1}]), pl.Series([b"x"])):
        assert Cells(values=values).family == "other"
