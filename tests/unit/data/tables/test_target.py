from typing import Any

import polars as pl
import pytest

from hpsearch.data.arrays import TaskName
from hpsearch.data.tables import target
from hpsearch.data.tables.target import Target
from hpsearch.data.tables.values import Cells
from hpsearch.errors import InputError


def found(train: list[Any], task: TaskName | None = None, **more: list[Any]) -> Target:
    parts = {"train": train} | more
    cells = {part: Cells(values=pl.Series(values)) for part, values in parts.items()}
    return target.find("mine.csv", "y", cells, task)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b"], "classification"),
        ([True, False], "classification"),
        ([0, 1] * 10, "classification"),
        ([0, 1] * 9, "classification"),
        ([0, 1, 2] * 9, "regression"),
        ([0.5, 1] * 9, "regression"),
        (["0", "1.0"] * 10, "classification"),
        ([0.0, 1.0] * 10, "classification"),
        ([0.5, 1.0] * 10, "regression"),
        (list(range(20)) * 10, "classification"),
        (list(range(21)) * 10, "regression"),
        ([*(["1", "2"] * 5), "x"], "classification"),
    ],
)
def test_the_task_is_found_by_the_rule_and_told(values: list[Any], task: str) -> None:
    told = found(values)
    assert told.task == task
    assert told.notes == (f'target "y": {task}, by its values (task = ... says it)',)


@pytest.mark.parametrize(
    ("values", "names", "labels"),
    [
        (["b", "a", "b"], ("a", "b"), [1, 0, 1]),
        ([10, 9, 10], ("9", "10"), [1, 0, 1]),
        (["10", "9", "010"], ("9", "10"), [1, 0, 1]),
        ([1.0, -2.0], ("-2", "1"), [1, 0]),
        (["1.5", "0.5", "10.5"], ("0.5", "1.5", "10.5"), [1, 0, 2]),
        ([True, False], ("false", "true"), [1, 0]),
        (["10", "9", "x"], ("10", "9", "x"), [0, 1, 2]),
    ],
)
def test_classes_are_sorted_as_texts_or_as_numbers(
    values: list[Any], names: tuple[str, ...], labels: list[int]
) -> None:
    told = found(values, "classification")
    assert told.class_names == names
    assert told.y["train"].dtype == "int64"
    assert told.y["train"].tolist() == labels
    assert told.notes == ()


def test_numbers_with_signs_are_told_and_not_made_classes() -> None:
    prices = [f"${price},000" for price in range(1, 31)]
    with pytest.raises(InputError, match=r'"\$1,000"; if these are numbers, write them without'):
        found(prices)
    with pytest.raises(InputError, match=r"if these are classes, dataset\.task"):
        found([f"{percent}%" for percent in range(21)] * 10)
    assert found(prices, "classification").task == "classification"
    assert found(["5%", "10%", "15%"] * 10).class_names == ("10%", "15%", "5%")


def test_values_of_a_regression_are_float64_and_missing_ones_are_left_out() -> None:
    told = found(["0.1", None, "3"], val=[None, "4"])
    assert told.task == "regression"
    assert told.class_names == ()
    assert told.y["train"].dtype == "float64"
    assert told.y["train"].tolist() == [0.1, 3.0]
    assert told.keep["val"].to_list() == [False, True]
    assert "rows without a target are left out: 1 of train, 1 of val" in told.notes


def test_whole_numbers_are_values_where_the_user_says_so() -> None:
    assert found([0, 1] * 10, "regression").y["train"].dtype == "float64"
    with pytest.raises(InputError, match='text "true"'):
        found([True, False], "regression")


@pytest.mark.parametrize(
    ("values", "task", "told"),
    [
        ([1.5, 1.5], None, "1.5 everywhere"),
        (["a", "a"], None, '"a" everywhere'),
        ([None, None], None, "no value in the train part"),
        ([f"n{i}" for i in range(1001)], None, "1,001 classes"),
        ([1.5, float("inf")], None, "has the value inf"),
        ([1.5, float("-inf")], "regression", "has the value -inf"),
        ([1.5, -1e300], "regression", "has the value -1e+300; correct it"),
        (["1.5", "x"], "regression", 'text "x"'),
        ([*[f"{i}.5" for i in range(30)], "x"], None, 'missing = ["x"]'),
        ([[1], [2]], None, "holds List"),
        ([str(2**63 + i) for i in range(30)], None, "of 30 different values"),
        ([str(2**63 + i % 2) for i in range(30)], None, "of 2 different values"),
    ],
)
def test_a_wrong_target_is_told(values: list[Any], task: TaskName | None, told: str) -> None:
    with pytest.raises(InputError) as caught:
        found(values, task)
    assert told in str(caught.value)
    assert 'mine.csv: target "y"' in str(caught.value)


def test_a_class_of_the_test_part_alone_is_told() -> None:
    with pytest.raises(InputError, match='class "3" in the test part'):
        found([1, 2], "classification", test=[1, 3])


@pytest.mark.parametrize("kind", [pl.UInt64, pl.Int128, pl.Decimal(38, 0)])
def test_whole_numbers_too_large_for_float64_are_told_and_can_be_classes(kind: pl.DataType) -> None:
    large = pl.Series([2**63 + i % 2 for i in range(30)]).cast(kind)
    with pytest.raises(InputError, match=r"float64 keeps 1; subtract an offset"):
        target.find("mine.csv", "y", {"train": Cells(values=large)}, None)
    told = target.find("mine.csv", "y", {"train": Cells(values=large)}, "classification")
    assert told.class_names == (str(2**63), str(2**63 + 1))
    apart = pl.Series([2**63 + 10_000 * i for i in range(30)]).cast(kind)
    values = target.find("mine.csv", "y", {"train": Cells(values=apart)}, None).y["train"]
    assert len(set(values.tolist())) == 30
