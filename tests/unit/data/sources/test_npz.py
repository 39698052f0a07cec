from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.data.arrays import silent
from hpsearch.data.section import DatasetSection
from hpsearch.data.sources.npz import Npz
from hpsearch.data.sources.source import Look
from hpsearch.errors import InputError

Write = Callable[..., DatasetSection]


def test_every_part_is_read(npz: Write) -> None:
    x = np.arange(48, dtype=np.uint8).reshape(4, 2, 2, 3)
    y = np.array([0, 1, 1, 0])
    section = npz(x_train=x, y_train=y, x_val=x[:1], y_val=y[:1], x_test=x[1:], y_test=y[1:, None])
    arrays = section.reader.load(silent)
    assert {part: len(labels) for part, _, labels in arrays.parts()} == {
        "train": 4,
        "val": 1,
        "test": 3,
    }
    assert arrays.x_train.tolist() == x.tolist()
    assert arrays.y_test is not None
    assert arrays.y_test.tolist() == [1, 1, 0]
    assert (arrays.class_names, arrays.maximum) == (("0", "1"), 255.0)


@pytest.mark.parametrize(
    ("labels", "class_names", "encoded", "names"),
    [
        (np.array([7, -3, 7, 20]), None, [1, 0, 1, 2], ("-3", "7", "20")),
        (np.array([[1], [2], [1], [2]], np.uint8), None, [0, 1, 0, 1], ("1", "2")),
        (np.array([1, 2, 1, 2]), ["no", "yes"], [0, 1, 0, 1], ("no", "yes")),
        (np.array(["b", "a", "b", "c"]), None, [1, 0, 1, 2], ("a", "b", "c")),
        (np.array(["b", "a", "b", "c"]), ["c", "b", "a"], [1, 2, 1, 0], ("c", "b", "a")),
        (np.array([True, False, True, True]), None, [1, 0, 1, 1], ("0", "1")),
    ],
)
def test_labels_become_positions_of_classes(
    npz: Write, labels: Any, class_names: Any, encoded: list[int], names: tuple[str, ...]
) -> None:
    arrays = npz(x_train=np.zeros((4, 2)), y_train=labels, class_names=class_names).reader.load(
        silent
    )
    assert arrays.y_train.dtype == np.int64
    assert arrays.y_train.tolist() == encoded
    assert arrays.class_names == names


def test_only_uint8_has_a_known_maximum(npz: Write) -> None:
    for kind, maximum in {"uint8": 255.0, "uint16": None, "float32": None}.items():
        assert npz(x_train=np.zeros((6, 2), kind)).reader.load(silent).maximum == maximum


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no y_train": ({"x_train": np.zeros((4, 2)), "y_train": None}, "no array y_train"),
    "unknown name": ({"x_valid": np.zeros((4, 2))}, "did you mean x_val?"),
    "x_test alone": ({"x_test": np.zeros((4, 5))}, "add the other"),
    "one-hot": ({"y_train": np.eye(3)[np.arange(60) % 3]}, "argmax"),
    "float labels": (
        {"y_train": np.arange(60) % 3, "y_val": np.linspace(0, 1, 60), "x_val": np.zeros((60, 5))},
        "holds float64 with values such as 0.0169492, which are not classes; give a class",
    ),
    "labels with gaps": ({"y_train": np.array([0.0, 1, np.nan] * 20)}, "values such as nan"),
    "labels without end": ({"y_train": np.array([0.0, 1e300] * 30)}, "values such as 1e+300"),
    "bytes labels": ({"y_train": np.array([b"a", b"b"] * 30)}, "astype(str)"),
    "no labels": ({"y_train": np.zeros(0, int)}, "no labels"),
    "too few names": ({"class_names": ["a", "b"]}, "do not fit the 3 classes"),
    "other names": ({"y_train": np.array(["a", "b"] * 30), "class_names": ["a", "c"]}, '"c"'),
    "names as numbers": ({"class_names": [1, 2, 3]}, "list of texts"),
    "new test label": ({"x_test": np.zeros((2, 5)), "y_test": np.array([0, 9])}, "label 9"),
    "low test label": ({"x_test": np.zeros((2, 5)), "y_test": np.array([-1, 1])}, "label -1"),
    "texts and numbers": ({"x_test": np.zeros((1, 5)), "y_test": np.array(["a"])}, "mix texts"),
    "pickled": ({"x_train": np.array([[1], [2]], object), "y_train": [0, 1]}, "Python objects"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_arrays_are_refused(npz: Write, name: str) -> None:
    arrays, says = REFUSED[name]
    with pytest.raises(InputError) as caught:
        npz(**arrays).reader.load(silent)
    assert says in str(caught.value)
    assert "data.npz" in str(caught.value)


def test_whole_numbers_stored_as_floats_are_classes(npz: Write) -> None:
    y = np.arange(60) % 3
    for form in (np.float32, np.float64):
        arrays = npz(y_train=y.astype(form), x_test=np.ones((3, 5)), y_test=y[:3]).reader.load(
            silent
        )
        assert arrays.class_names == ("0", "1", "2")
        assert arrays.y_train.tolist() == y.tolist()
        assert arrays.y_test is not None
        assert arrays.y_test.tolist() == [0, 1, 2]


def test_a_look_tells_rows_and_a_validation_part(npz: Write) -> None:
    path = Path(str(npz().path))
    assert Npz.look(path) == Look(rows=60, shape=(5,))
    npz(x_val=np.ones((3, 5)), y_val=np.arange(3))
    assert Npz.look(path) == Look(rows=60, validation=3, shape=(5,))
    np.savez(path, x_train=np.array(1.0), y_train=np.arange(3))
    assert Npz.look(path) == Look(rows=0, shape=())  # which is refused when it is read
