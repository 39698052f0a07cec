from typing import Any

import numpy as np
import pytest

from hpsearch.data.arrays import Arrays, check, throttled
from hpsearch.errors import InputError


def arrays(**changes: Any) -> Arrays:
    values: dict[str, Any] = {
        "x_train": np.zeros((4, 3), np.float32),
        "y_train": np.array([0, 1, 0, 1]),
        "class_names": ("a", "b"),
        "maximum": None,
    }
    return Arrays(**(values | changes))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("uint8", "uint8"),
        (">u2", "uint16"),
        ("int64", "int64"),
        ("float16", "float16"),
        (">f4", "float32"),
        ("float64", "float32"),
        ("bool", "uint8"),
    ],
)
def test_types_are_stored_as_told(given: str, kept: str) -> None:
    x = np.array([[0, 1], [1, 0], [1, 1]]).astype(given)
    stored = check(arrays(x_train=x, y_train=np.array([0, 1, 0])), "data").x_train
    assert stored.dtype == np.dtype(kept)
    assert stored.dtype.isnative
    assert stored.tolist() == [[0, 1], [1, 0], [1, 1]]


def test_booleans_declare_their_maximum() -> None:
    assert check(arrays(x_train=np.ones((4, 3), bool)), "data").maximum == 1.0


DAMAGED = {
    "one dimension": ({"x_train": np.zeros(4)}, "(examples, features)"),
    "no features": ({"x_train": np.zeros((4, 0))}, "(examples, features)"),
    "no examples": ({"x_train": np.zeros((0, 3)), "y_train": np.zeros(0, int)}, "no examples"),
    "labels short": ({"y_train": np.array([0, 1])}, "4 examples"),
    "labels negative": ({"y_train": np.array([0, 1, -1, 0])}, "from -1 to 1"),
    "labels high": ({"y_train": np.array([0, 1, 2, 0])}, "from 0 to 2"),
    "labels float": ({"y_train": np.array([0.0, 1, 0, 1])}, "whole numbers"),
    "one class": ({"y_train": np.zeros(4, int), "class_names": ("a",)}, "at least two"),
    "empty class": ({"class_names": ("a", "b", "c")}, 'class "c" has no training example'),
    "same names": ({"class_names": ("a", "a")}, "rename one"),
    "nan": ({"x_train": np.array([[1.0], [2.0], [np.nan], [3.0]])}, "row 2"),
    "infinite": ({"x_train": np.array([[1.0], [np.inf], [2.0], [3.0]])}, "row 1"),
    "beyond float32": ({"x_train": np.array([[1.0], [2.0], [3.0], [1e300]])}, "row 3"),
    "a target beyond float32": (
        {"y_train": np.array([0.5, 1.0, -1e300, 2.0]), "class_names": None},
        "y_train: row 2 (from 0) has NaN, infinity or a value beyond float32",
    ),
    "objects": ({"x_train": np.zeros((4, 3), object)}, "object, not numbers"),
    "complex": ({"x_train": np.zeros((4, 3), complex)}, "complex128, not numbers"),
    "texts": ({"x_train": np.zeros((4, 3), "U3")}, "not numbers"),
    "other shape": (
        {"x_test": np.zeros((2, 4), np.float32), "y_test": np.array([0, 1])},
        "x_test has examples of shape (4,)",
    ),
    "other type": (
        {"x_val": np.zeros((2, 3), np.uint8), "y_val": np.array([0, 1])},
        "x_val holds uint8",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_arrays_are_refused(name: str) -> None:
    changes, says = DAMAGED[name]
    with pytest.raises(InputError) as caught:
        check(arrays(**changes), "my.npz")
    assert says in str(caught.value)
    assert str(caught.value).startswith("my.npz")


def test_throttled_passes_the_first_and_the_last_call() -> None:
    calls: list[int] = []
    progress = throttled(lambda _what, done, _total: calls.append(done), seconds=3600)
    for done in range(1, 101):
        progress("reading", done, 100)
    assert calls == [1, 100]


def test_targets_that_float64_cannot_tell_apart_are_told() -> None:
    y = np.array([2**63, 2**63 + 1, 2**63 + 2, 2**63], np.uint64)
    with pytest.raises(
        InputError, match=r"of 3 different values about 9\.22337e\+18 float64 keeps"
    ):
        check(arrays(y_train=y, class_names=()), "data")
    apart = np.array([0, 1, 2, 3], np.uint64) * 2048 + 2**63
    assert len(np.unique(check(arrays(y_train=apart, class_names=()), "data").y_train)) == 4
