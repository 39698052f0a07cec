"""Ranges as they are written in Python: what a study file has of them, and what they refuse."""

from typing import Any

import numpy as np
import pytest

from hpsearch.api.ranges import Choice, Float, Int
from hpsearch.errors import InputError


@pytest.mark.parametrize(
    ("made", "table"),
    [
        (Int(1, 4), {"type": "int", "low": 1, "high": 4}),
        (Int(16, 512, log=True), {"type": "int", "low": 16, "high": 512, "log": True}),
        (Int(0, 8, step=2), {"type": "int", "low": 0, "high": 8, "step": 2}),
        (
            Int(8, 64, per_layer=True),
            {"type": "int", "low": 8, "high": 64, "per_layer": True},
        ),
        (Int(8, 64, ratio=(0.5, 1.0)), {"type": "int", "low": 8, "high": 64, "ratio": [0.5, 1.0]}),
        (Float(0, 0.5), {"type": "float", "low": 0, "high": 0.5}),
        (Float(0.0, 1.0, step=0.25), {"type": "float", "low": 0.0, "high": 1.0, "step": 0.25}),
        (Choice(["a", 2, True]), {"type": "categorical", "choices": ["a", 2, True]}),
        (Choice(range(3)), {"type": "categorical", "choices": [0, 1, 2]}),
        (Choice(np.array([16, 32])), {"type": "categorical", "choices": [16, 32]}),
    ],
)
def test_a_range_is_what_a_study_file_has(made: Any, table: dict[str, Any]) -> None:
    assert made.table() == table


def test_numbers_of_numpy_are_numbers() -> None:
    table = Int(np.int64(1), np.int32(4)).table()
    assert table == {"type": "int", "low": 1, "high": 4}
    assert type(table["low"]) is int


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Int(5, 4), "Int: low = 5 is above high = 4; swap them or widen the range"),
        (lambda: Int(1.5, 4), "Int: low = 1.5 has the wrong type; write a whole number"),
        (lambda: Int("1", 4), 'Int: low = "1" has the wrong type; write a whole number'),
        (lambda: Int(0, 4, log=True), "Int: low = 0 with log = true; a logarithmic range must"),
        (lambda: Int(1, 4, step=0), "Int: step = 0 is out of range; write a value of at least 1"),
        (lambda: Float(float("nan"), 1), "Float: low = NaN is not finite; write a finite number"),
        (lambda: Float(0.0, 1.0, step=0.3), "Float: step = 0.3 from low = 0.0 does not meet high"),
        (lambda: Choice([]), "Choice: choices = [] is empty; write at least one entry"),
        (lambda: Choice(["a", "a"]), 'Choice: choices has "a" twice; list each value once'),
        (lambda: Choice("ab"), 'Choice: choices = "ab" has the wrong type; write a list'),
        (lambda: Choice([None]), "Choice.choices: None is no number, text, True or False, list"),
        (lambda: Choice([print]), "Choice.choices: <built-in function print> is no number, text"),
    ],
)
def test_what_is_no_range_is_refused_when_it_is_made(make: Any, told: str) -> None:
    with pytest.raises(InputError) as error:
        make()
    assert str(error.value).startswith(told)
