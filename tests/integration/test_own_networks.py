"""A subclassed model of the user's own, trained on digits and written without its code."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from hpsearch.data.cache import open_dataset
from hpsearch.data.drawing import split
from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.recipe import Recipe
from hpsearch.training import devices, model
from hpsearch.training.export import write_model
from hpsearch.training.outcome import Watch
from hpsearch.training.train import train

CODE = """
import keras


class Net(keras.Model):
    def __init__(self, width, outputs):
        super().__init__()
        self.flat = keras.layers.Flatten()
        self.inner = keras.layers.Dense(width, activation="relu")
        self.outer = keras.layers.Dense(outputs)

    def call(self, x):
        return self.outer(self.inner(self.flat(x)))


def build(config, data):
    assert (data.input_shape, data.outputs, data.task) == ((8, 8), 10, "classification")
    assert data.training_rows > 1000 and data.class_names[3] == "3"
    return Net(config["width"], data.outputs)
"""


def test_it_learns_and_answers_as_a_saved_model(tmp_path: Path) -> None:
    devices.set_up()
    (tmp_path / "own.py").write_text(CODE)
    recipe = Recipe.model_validate(
        {
            "seed": 5,
            "config": {
                "network": {"type": "python", "file": str(tmp_path / "own.py"), "width": 32}
            },
            "dataset": {"source": "digits", "scale": "none"},
            "training": {"epochs": 5, "early_stopping": False},
        }
    )
    parts = split(open_dataset(recipe.dataset, Home(tmp_path / "home")), recipe.dataset)
    outcome = train(recipe, parts, tmp_path, Watch())
    assert outcome.value > 0.9
    assert outcome.parameters == 64 * 32 + 32 + 32 * 10 + 10
    kept = tmp_path / "best.weights.h5"
    assert write_model(recipe, parts, kept, tmp_path / "best", "saved_model") <= 1e-5
    with pytest.raises(InputError, match="Net is your own; export a SavedModel"):
        write_model(recipe, parts, kept, tmp_path / "best.keras", "keras")

    network = model.build_for(recipe, parts)
    network.load_weights(kept)
    x = np.asarray(parts.train.x[:20])
    served = tf.saved_model.load(str(tmp_path / "best")).signatures["serving_default"]
    answers = next(iter(served(inputs=tf.constant(x)).values())).numpy()
    np.testing.assert_allclose(answers, tf.nn.softmax(network(x, training=False)), atol=1e-6)
