"""Networks with code of the user's own, written: what Keras knows by name, what it does not."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tabular import table_parts

from hpsearch.config import TrialConfig
from hpsearch.data.parts import Parts
from hpsearch.errors import InputError
from hpsearch.networks.python import Python
from hpsearch.recipe import Recipe
from hpsearch.training import export, model, weights

CODE = """\
import keras

L = keras.layers


class Descent(keras.optimizers.SGD):
    pass


def loss(truth, outputs):
    return keras.losses.sparse_categorical_crossentropy(truth, outputs, from_logits=True)


def squared(x):
    return x * x


def compiled(config, data):
    model = keras.Sequential([keras.Input(data.input_shape), L.Dense(4), L.Dense(data.outputs)])
    model.compile(Descent(0.1), loss)
    return model


def with_lambda(config, data):
    inner = [L.Dense(4), L.Lambda(lambda x: x * x)]
    return keras.Sequential([keras.Input(data.input_shape), *inner, L.Dense(data.outputs)])


def with_function(config, data):
    inner = L.Dense(4, activation=squared)
    return keras.Sequential([keras.Input(data.input_shape), inner, L.Dense(data.outputs)])
"""


@pytest.fixture
def recipe(make_recipe: Callable[..., Recipe], tmp_path: Path) -> Callable[..., Recipe]:
    """A recipe of one of the functions."""
    (tmp_path / "own.py").write_text(CODE)

    def make(function: str) -> Recipe:
        config = TrialConfig(network=Python(file=str(tmp_path / "own.py"), function=function))
        return make_recipe().model_copy(update={"config": config})

    return make


def written(recipe: Recipe, parts: Parts, output: Path, form: Any) -> float:
    """How far a written model of a network that was not trained is from that."""
    build = partial(model.build_for, recipe)
    return export.write_network(build(parts), build, parts, output, form=form, target=None)


def test_a_model_that_is_compiled_with_code_of_its_own(
    recipe: Callable[..., Recipe], blobs: Parts, tmp_path: Path
) -> None:
    assert written(recipe("compiled"), blobs, tmp_path / "model.keras", "keras") < 1e-5


def test_functions_of_layers_are_in_a_saved_model(
    recipe: Callable[..., Recipe], blobs: Parts, tmp_path: Path
) -> None:
    assert written(recipe("with_lambda"), blobs, tmp_path / "model", "saved_model") < 1e-5


@pytest.mark.parametrize(
    ("function", "named"), [("with_lambda", r"\(Lambda\)"), ("with_function", r"\(Dense\)")]
)
def test_functions_of_layers_are_in_no_keras_file(
    function: str, named: str, recipe: Callable[..., Recipe], blobs: Parts, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=f"{named} computes with is your own; export a SavedModel"):
        written(recipe(function), blobs, tmp_path / "model.keras", "keras")
    assert not (tmp_path / "model.keras").exists()


def test_what_keras_cannot_write_is_one_message(
    recipe: Callable[..., Recipe], blobs: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise TypeError("no such graph")

    monkeypatch.setitem(export._WRITERS, "saved_model", fails)
    with pytest.raises(
        InputError, match=r"cannot write your model, of which .*: TypeError: no such"
    ):
        written(recipe("with_lambda"), blobs, tmp_path / "model", "saved_model")


def test_a_model_of_a_table_with_functions_is_used_here(
    recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    parts = table_parts(regression=False)
    network = model.build_for(recipe("with_lambda"), parts)
    weights.save(network, tmp_path / "best.weights.h5")
    found = export.raw_model(recipe("with_lambda"), parts, tmp_path / "best.weights.h5")
    x = parts.validation.x[parts.validation.rows]
    taken = {name: tf.constant(some) for name, some in export.asked(parts, x, "keras").items()}
    answers = tf.nn.softmax(network(x, training=False)).numpy()
    np.testing.assert_allclose(found(taken, training=False), answers, atol=1e-6)
