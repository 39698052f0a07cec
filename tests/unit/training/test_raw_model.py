"""A trained network as a model to use here: of raw inputs, with code of the user's own, too."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from hpsearch.config import TrialConfig
from hpsearch.data.parts import Parts
from hpsearch.networks import pickled
from hpsearch.networks.python import Python
from hpsearch.recipe import Recipe
from hpsearch.training import model, weights
from hpsearch.training.export import raw_model


class Doubled(keras.layers.Layer):
    """A layer that no other program has."""

    def call(self, x: Any) -> Any:
        return 2 * x


def build(config: Any, data: Any) -> keras.Model:
    layers = [keras.layers.Dense(config["width"]), Doubled(), keras.layers.Dense(data.outputs)]
    return keras.Sequential([keras.Input(data.input_shape), *layers])


@pytest.mark.parametrize("is_own", [True, False])
def test_it_answers_as_the_network(
    is_own: bool, make_recipe: Callable[..., Recipe], blobs: Parts, tmp_path: Path
) -> None:
    recipe = make_recipe(config={"batch_norm": True})
    if is_own:
        file = tmp_path / "build.pkl"
        file.write_bytes(pickled.dumped({"build": build}))
        own = TrialConfig(network=Python(file=str(file), width=4))
        recipe = recipe.model_copy(update={"config": own})
    network = model.build_for(recipe, blobs)
    weights.save(network, tmp_path / "best.weights.h5")
    found = raw_model(recipe, blobs, tmp_path / "best.weights.h5")
    assert found.input.dtype == "uint8"
    answers = tf.nn.softmax(network(blobs.train.x, training=False)).numpy()
    np.testing.assert_allclose(found(blobs.train.x, training=False), answers, atol=1e-6)
