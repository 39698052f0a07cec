"""A network that was really trained, as models that are opened where hpsearch is not."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from alone import run_alone

from hpsearch.data.cache import open_dataset
from hpsearch.data.drawing import split
from hpsearch.data.section import DatasetSection
from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.recipe import Recipe
from hpsearch.services import forms
from hpsearch.services.progress import Silent
from hpsearch.training import devices, model
from hpsearch.training.export import write_model
from hpsearch.training.outcome import Watch
from hpsearch.training.train import train

RECIPE = Recipe(
    seed=11,
    config={
        "layers": 1,
        "units": 48,
        "activation": "silu",
        "batch_norm": True,
        "dropout": 0.2,
        "l2": 1e-5,
        "optimizer": {"type": "adamw", "learning_rate": 5e-3},
    },
    dataset={"source": "digits", "scale": "standardize"},
    training={"epochs": 4, "early_stopping": False},
)
OPEN = """
import keras, numpy as np
import tensorflow as tf
x = np.load("x.npy")
np.save("keras.npy", keras.saving.load_model("best.keras", safe_mode=True)(x, training=False))
serve = tf.saved_model.load("best").signatures["serving_default"]
np.save("served.npy", next(iter(serve(inputs=tf.constant(x)).values())))
"""


def test_models_answer_as_the_network_does_on_raw_images(tmp_path: Path) -> None:
    devices.set_up()
    dataset = open_dataset(RECIPE.dataset, Home(tmp_path / "home"))
    parts = split(dataset, RECIPE.dataset)
    train(RECIPE, parts, tmp_path, Watch())
    kept = tmp_path / "best.weights.h5"
    assert write_model(RECIPE, parts, kept, tmp_path / "best.keras", "keras") <= 1e-5
    assert write_model(RECIPE, parts, kept, tmp_path / "best", "saved_model") <= 1e-5

    network = model.build_for(RECIPE, parts)
    network.load_weights(kept)
    x = np.asarray(parts.train.x)
    own = tf.nn.softmax(network(x, training=False)).numpy()
    np.save(tmp_path / "x.npy", x)
    (tmp_path / "open.py").write_text(OPEN)
    run_alone(tmp_path / "open.py", folder=tmp_path)
    for name in ("keras.npy", "served.npy"):
        answers = np.load(tmp_path / name)
        assert answers.dtype == np.float32
        assert np.abs(answers - own).max() <= 1e-5
    assert np.mean(own.argmax(axis=1) == parts.train.y) >= 0.9

    # With the data gone, what was kept beside the weights says how inputs are scaled.
    nowhere = {"source": "npz", "path": str(tmp_path / "gone.npz"), "scale": "standardize"}
    recipe = RECIPE.model_copy(
        update={
            "dataset": DatasetSection(**nowhere),
            "provenance": {"study": "s", "data_fingerprint": dataset.fingerprint},
        }
    )

    def written(home: str, file: str) -> forms.WrittenModel:
        place, path = Home(tmp_path / home), tmp_path / file
        return forms.write_model(recipe, kept, place, path, form="keras", progress=Silent())

    assert not written("new", "alone.keras").are_real
    alone = keras.saving.load_model(tmp_path / "alone.keras", safe_mode=True)
    assert np.abs(np.asarray(alone(x, training=False)) - own).max() <= 1e-5
    # An import of these very data is found, wherever its source lies.
    (tmp_path / "best.inputs.json").unlink()
    again = written("home", "b.keras")
    assert (again.examples, again.are_real) == (len(parts.validation), True)
    with pytest.raises(InputError, match=r"gone\.npz(.|\n)*best\.inputs\.json(.|\n)*--set dataset"):
        written("new", "c.keras")
