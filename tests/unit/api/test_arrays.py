"""Arrays from Python: by which names they are meant, and what is refused before it is written."""

from typing import Any

import numpy as np
import pytest

from hpsearch.api.arrays import kept, named
from hpsearch.api.given import Keeping
from hpsearch.data.sources.source import Look
from hpsearch.errors import InputError

X = np.arange(12.0).reshape(6, 2)
Y = np.array([0, 1, 0, 1, 0, 1])


def test_pairs_and_mappings_are_the_arrays_of_an_npz_file() -> None:
    assert named((X, Y)) == {"x_train": X, "y_train": Y}
    both = named(((X, Y), (X[:2], Y[:2])))
    assert list(both) == ["x_train", "y_train", "x_test", "y_test"]
    assert len(both["x_test"]) == 2
    assert list(named({"x": X, "y": Y, "x_test": X})) == ["x_train", "y_train", "x_test"]


def test_an_array_has_one_name() -> None:
    with pytest.raises(InputError, match="data: has x and x_train, which are two names of the"):
        named({"x": X, "x_train": X, "y": Y})


def test_arrays_are_kept_by_their_content(keeping: Keeping) -> None:
    path, look = kept({"x_train": X, "y_train": Y}, None, keeping)
    assert look == Look(rows=6, shape=(2,))
    with np.load(path) as found:
        np.testing.assert_array_equal(found["x_train"], X)
        np.testing.assert_array_equal(found["y_train"], Y)
    assert kept({"y_train": Y.copy(), "x_train": X.copy()}, None, keeping)[0] == path
    others = [
        {"x_train": X.astype(np.float32), "y_train": Y},
        {"x_train": X, "y_train": Y[::-1]},
        {"x_train": X.reshape(6, 1, 2), "y_train": Y},
    ]
    assert len({kept(one, None, keeping)[0] for one in others} | {path}) == 4


@pytest.mark.parametrize(
    "given",
    [
        {"x_train": X.tolist(), "y_train": ["a", "b"] * 3},
        {"x_train": np.asfortranarray(X), "y_train": np.array(["a", "b"] * 3, dtype=object)},
        {"x_train": X[::-1], "y_train": Y + 0.5},
        {"x_train": X.astype(object), "y_train": Y > 0},
        {"x_train": X.astype(">f4"), "y_train": Y[:, None]},
    ],
)
def test_whatever_can_be_an_array_is_one(given: dict[str, Any], keeping: Keeping) -> None:
    path, _ = kept(given, None, keeping)
    with np.load(path) as found:
        assert found["x_train"].shape == (6, 2)
        assert {found[name].dtype.kind for name in found} <= set("biufU")


NAN = np.where(X == 3, np.nan, X)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"x_train": X, "y_train": Y[:5]}, "data: x_train has 6 examples, but its labels have"),
        ({"x_train": NAN, "y_train": Y}, "data: x_train: row 1 (from 0) has NaN, infinity"),
        ({"x_train": X[:, 0], "y_train": Y}, "data: x_train has shape (6,); write one example"),
        ({"x_train": X, "y_train": np.eye(2)[Y]}, "data: y_train has shape (6, 2); give one label"),
        ({"x_train": X, "y_train": Y * 0}, "data has 1 class; there must be at least two"),
        ({"x_train": [[1, 2], [3]], "y_train": [0, 1]}, "data: x_train cannot be made an array"),
        ({"x_train": X, "y_train": [None] * 6}, "data: y_train is list, which holds objects (None"),
        (
            {"x_train": X, "y_train": ["a", 1] * 3},
            "data: y_train is list, which holds objects (str",
        ),
        (
            {"x_train": X, "y_train": np.array(["a", np.nan] * 3, dtype=object)},
            "data: y_train is ndarray, which holds objects (str, float)",
        ),
        ({"x_train": X + 1j, "y_train": Y}, "data: x_train is ndarray, which holds complex128"),
        ({"x_train": [{}, 1], "y_train": [0, 1]}, "data: x_train is list, which holds objects (di"),
        ({"x_trai": X, "y_train": Y}, 'data: unknown array "x_trai"; did you mean x_train?'),
        ({"x_train": X}, "data has no array y_train; add it"),
        ({"x_train": X, "y_train": Y, "x_test": X}, "data has only one of x_test and y_test"),
        ({"x_train": np.ma.masked_less(X, 2), "y_train": Y}, "data: x_train has masked values"),
        ({"x_train": X[:0], "y_train": Y[:0]}, "data: y_train has no labels"),
    ],
)
def test_what_is_no_data_is_one_message_and_nothing_is_written(
    given: dict[str, Any], told: str, keeping: Keeping
) -> None:
    with pytest.raises(InputError) as error:
        kept(given, None, keeping)
    assert str(error.value).startswith(told)
    assert not keeping.home.root.exists()


def test_whole_numbers_are_a_regression_where_that_is_asked_for(keeping: Keeping) -> None:
    with pytest.raises(InputError, match="the target is 3 in all training examples"):
        kept({"x_train": X, "y_train": Y * 0 + 3}, "regression", keeping)
