from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from hpsearch.data.parts import Part, Parts
from hpsearch.training.resident import Resident


def parts_of(x: np.ndarray, x_val: np.ndarray | None = None) -> Parts:
    y = np.arange(len(x)) % 3
    given = x if x_val is None else x_val
    return Parts(
        train=Part(x=x, y=y, rows=np.array([1, 2, 5])),
        validation=Part(x=given, y=y[: len(given)], rows=np.array([0, 3])),
        input_shape=x.shape[1:],
        class_names=("a", "b", "c"),
        multiplier=np.float32([1]),
        offset=np.float32([0]),
        class_weights=None,
        fingerprint="",
    )


@pytest.mark.parametrize("shape", [(4, 4, 3), (5,), (8,), (1,)])
def test_bytes_come_back_as_they_were(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).integers(0, 256, (6, *shape), dtype=np.uint8)
    resident = Resident(parts_of(x))
    inputs, labels = resident.batch(tf.constant([4, 0, 2], tf.int64))
    assert inputs.dtype == tf.uint8
    np.testing.assert_array_equal(inputs, x[[3, 1, 5]])
    np.testing.assert_array_equal(labels, [0, 1, 2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.bool_, np.uint16])
def test_other_types_become_floats(dtype: type) -> None:
    x = np.arange(24).reshape(6, 4).astype(dtype)
    inputs, _ = Resident(parts_of(x)).batch(tf.constant([0, 3], tf.int64))
    assert inputs.dtype == tf.float32
    np.testing.assert_array_equal(inputs, x[[1, 0]].astype(np.float32))


def test_a_validation_part_may_have_arrays_of_its_own() -> None:
    x = np.zeros((6, 4), np.uint8)
    x_val = np.arange(16, dtype=np.uint8).reshape(4, 4)
    resident = Resident(parts_of(x, x_val))
    inputs, labels = resident.batch(tf.constant(resident.validation))
    np.testing.assert_array_equal(inputs, x_val[[0, 3]])
    np.testing.assert_array_equal(labels, [0, 0])


def test_rows_count_train_then_validation() -> None:
    parts = parts_of(np.zeros((6, 4), np.uint8))
    resident = Resident(replace(parts))
    assert resident.train.tolist() == [0, 1, 2]
    assert resident.validation.tolist() == [3, 4]
