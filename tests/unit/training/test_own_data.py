"""What a loop of the user's own gets: inputs as the model takes them, targets, weights."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from tabular import table_parts

from hpsearch.data.parts import Parts
from hpsearch.training.own_data import FitData


def data(parts: Parts) -> FitData:
    """With twice the inputs for what the model takes."""
    inputs = keras.Input(parts.input_shape)
    known: dict[str, Any] = {"input_shape": parts.input_shape, "task": "", "class_names": ()}
    return FitData(
        **known, outputs=1, training_rows=1, batch_size=8, epochs=1, first_epoch=0, seed=0,
        parts=parts, front=keras.Model(inputs, {"a": 2 * inputs}),
    )  # fmt: skip


def test_inputs_and_classes_are_those_of_the_parts(blobs: Parts) -> None:
    found = data(blobs)
    np.testing.assert_array_equal(found.x_train["a"], 2.0 * blobs.train.x[blobs.train.rows])
    np.testing.assert_array_equal(found.y_val, blobs.validation.y[blobs.validation.rows])
    assert found.y_train.dtype == np.int64
    assert len(found.x_val["a"]) == len(found.y_val) == 21
    assert found.sample_weight is None


def test_a_weight_is_of_the_example_and_of_its_class(blobs: Parts) -> None:
    weights = np.linspace(0, 1, len(blobs.train.y))
    classes = np.float32([1, 2, 4])
    train = replace(blobs.train, weights=weights)
    found = data(replace(blobs, train=train, class_weights=classes)).sample_weight
    assert found is not None
    expected = weights[train.rows] * classes[train.y[train.rows]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    alone = data(replace(blobs, class_weights=classes)).sample_weight
    np.testing.assert_array_equal(alone, classes[train.y[train.rows]])


def test_targets_of_a_regression_are_standardised() -> None:
    parts = table_parts(regression=True)
    found = data(parts).y_train
    assert found.shape == (len(parts.train), 1)
    assert found.mean() == pytest.approx(0, abs=1e-5)
    assert found.std() == pytest.approx(1, abs=1e-2)
