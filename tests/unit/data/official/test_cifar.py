import io
import pickle
from typing import Any

import numpy as np
import official
import pytest

from hpsearch.data.sources.cifar10 import Cifar10
from hpsearch.data.sources.cifar100 import Cifar100
from hpsearch.errors import InputError


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("data_batch_1", "data_batch_1"),
        ("cifar-10-batches-py/data_batch_5", "data_batch_5"),
        ("any/test_batch", "test_batch"),
        ("batches.meta", "batches.meta"),
        ("data_batch_6", None),
        ("data_batch_1.bin", None),
        ("batches.meta.txt", None),
    ],
)
def test_files_of_cifar10_are_known_by_their_names(name: str, role: str | None) -> None:
    assert Cifar10.role(name) == role


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("train", "train"),
        ("cifar-100-python/test", "test"),
        ("a/cifar-100-python/meta", "meta"),
        ("images/train", None),
        ("file.txt~", None),
    ],
)
def test_files_of_cifar100_are_known_in_its_folder(name: str, role: str | None) -> None:
    assert Cifar100.role(name) == role


def test_planes_of_colour_become_pixels() -> None:
    row = np.repeat(np.array([1, 2, 3], np.uint8), 1024)
    row[5] = 77  # red, first row, sixth column
    table = {b"data": row[None], b"labels": [4]}
    x, y = Cifar10()._batch("here", io.BytesIO(pickle.dumps(table, 2)))
    assert x.shape == (1, 32, 32, 3)
    assert x[0, 0, 5].tolist() == [77, 2, 3]
    assert x[0, 5, 0].tolist() == [1, 2, 3]
    assert (y.dtype, y.tolist()) == (np.int64, [4])


def test_fine_labels_are_taken() -> None:
    parts = official.parts("cifar100", train=20)
    files = official.cifar100_files(parts)
    _, y = Cifar100()._batch("here", io.BytesIO(files["train"]))
    assert y.tolist() == parts["y_train"].tolist()
    names = Cifar100()._names("here", io.BytesIO(files["meta"]))
    assert names == Cifar100.class_names


def test_labels_may_be_an_array() -> None:
    table = {"data": np.zeros((2, 3072), np.uint8), "labels": np.array([3, 1], np.uint16)}
    _, y = Cifar10()._batch("here", io.BytesIO(pickle.dumps(table)))
    assert (y.dtype, y.tolist()) == (np.int64, [3, 1])


def test_names_are_those_of_the_file() -> None:
    names = [f"größe {number}" for number in range(10)]
    for table in ({"label_names": names}, {b"label_names": [name.encode() for name in names]}):
        read = Cifar10()._names("here", io.BytesIO(pickle.dumps(table)))
        assert list(read) == names


ROWS = np.zeros((3, 3072), np.uint8)
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no data": ({"labels": [1, 2, 3]}, "it has no data"),
    "no labels": ({"data": ROWS}, "it has no labels"),
    "coarse labels": ({"data": ROWS, "coarse_labels": [1, 2, 3]}, "it has no labels"),
    "text for data": ({"data": "x", "labels": [1]}, "not rows of 3072 bytes"),
    "other rows": ({"data": ROWS[:, :9], "labels": [1, 2, 3]}, "not rows of 3072 bytes"),
    "one row": ({"data": ROWS[0], "labels": [1]}, "not rows of 3072 bytes"),
    "other numbers": ({"data": ROWS.astype("i4"), "labels": [1, 2, 3]}, "not rows of 3072 bytes"),
    "lists for data": ({"data": ROWS.tolist(), "labels": [1, 2, 3]}, "not rows of 3072 bytes"),
    "too few labels": ({"data": ROWS, "labels": [1, 2]}, "3 images, but 2 labels"),
    "texts for labels": ({"data": ROWS, "labels": ["a", "b", "c"]}, "not a list of whole numbers"),
    "truths for labels": ({"data": ROWS, "labels": [True] * 3}, "not a list of whole numbers"),
    "endless labels": ({"data": ROWS, "labels": [2**70] * 3}, "out of range"),
    "labels in rows": ({"data": ROWS, "labels": np.ones((3, 1), int)}, "not a list of whole"),
    "lists for labels": ({"data": ROWS, "labels": [[1], [2], [3]]}, "not a list of whole numbers"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_batches_are_refused(name: str) -> None:
    table, says = WRONG[name]
    with pytest.raises(InputError, match="here is not the official file") as caught:
        Cifar10()._batch("here", io.BytesIO(pickle.dumps(table, 2)))
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"label_names": ["a", "b"]}, "2 names for 10 classes"),
        ({"label_names": [1] * 10}, "it has no label_names"),
        ({"label_names": "abcdefghij"}, "it has no label_names"),
        ({"fine_label_names": ["a"] * 10}, "it has no label_names"),
        ({"label_names": [b"\xff"] * 10}, "not texts"),
    ],
)
def test_wrong_names_are_refused(table: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match="here is not the official file") as caught:
        Cifar10()._names("here", io.BytesIO(pickle.dumps(table)))
    assert says in str(caught.value)
