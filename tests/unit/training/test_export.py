"""A written model is the trained network, in Keras' own layers."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import keras
import numpy as np
import pytest
import tensorflow as tf
from tabular import table_parts, table_recipe

from hpsearch.data.parts import Parts
from hpsearch.data.target import fit_target
from hpsearch.data.transform import Affine
from hpsearch.errors import InputError, ProgramError
from hpsearch.networks.dense import Activation
from hpsearch.recipe import Recipe
from hpsearch.training import export, model, weights
from hpsearch.training.export import load_weights, portable, write_model
from hpsearch.training.train import validated

Make = Callable[..., Recipe]
FULL: dict[str, Any] = {
    "layers": 2, "units": [4, 3], "batch_norm": True, "dropout": 0.5, "l2": 1e-3,
    "activation": "silu",
}  # fmt: skip


def moved(recipe: Recipe, parts: Parts) -> keras.Model:
    """A network that was not trained, but moved from where it began."""
    network = model.build_for(recipe, parts)
    random = np.random.default_rng(1)
    network.set_weights([random.uniform(0.1, 1, w.shape) for w in network.get_weights()])
    return network


def saved(recipe: Recipe, parts: Parts, folder: Path) -> Path:
    """The file with the weights of a network that was moved."""
    weights.save(moved(recipe, parts), folder / "best.weights.h5")
    return folder / "best.weights.h5"


@pytest.mark.parametrize("activation", get_args(Activation))
def test_every_activation_is_keras_own(make_recipe: Make, blobs: Parts, activation: str) -> None:
    recipe = make_recipe(config=FULL | {"layers": 1, "units": 4, "activation": activation})
    network = moved(recipe, blobs)
    exported = portable(network, blobs)
    own = tf.nn.softmax(network(blobs.train.x, training=False)).numpy()
    assert np.abs(exported(blobs.train.x, training=False) - own).max() <= 1e-6
    assert exported.input.dtype == "uint8"
    again = keras.Model.from_config(exported.get_config())
    for layer, read in zip(exported.layers, again.layers, strict=True):
        assert type(layer).__module__.startswith("keras.")
        assert read.get_config() == layer.get_config()


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_every_layer_of_a_convolutional_network_is_keras_own(
    batch_norm: bool, precision: str, blobs: Parts
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (9, 4, 5, 3)).astype(np.uint8)
    parts = replace(blobs, train=replace(blobs.train, x=images), input_shape=(4, 5, 3))
    network = {"type": "conv", "filters": [4, 3], "residual": True, "batch_norm": batch_norm}
    recipe = Recipe(
        seed=1,
        config={"network": network},
        dataset={"source": "digits"},
        training={"precision": precision},
    )
    built = moved(recipe, parts)
    exported = portable(built, parts)
    own = tf.nn.softmax(built(images, training=False)).numpy()
    assert np.abs(exported(images, training=False) - own).max() <= 1e-6
    assert all(type(layer).__module__.startswith("keras.") for layer in exported.layers)


@pytest.mark.parametrize(
    "config",
    [
        FULL,
        {"members": 3, "input_scale": True, "parametric_activation": True, "initializer": "ntk"},
    ],
    ids=str,
)
def test_every_layer_of_the_networks_of_folds_is_keras_own(
    make_recipe: Make, blobs: Parts, config: dict[str, Any]
) -> None:
    rows = blobs.train.rows
    parts = replace(blobs, others=(replace(blobs, train=replace(blobs.train, rows=rows[9:])),))
    built = moved(make_recipe(config=config), parts)
    exported = portable(built, parts)
    own = tf.nn.softmax(built(blobs.train.x, training=False)).numpy()
    assert np.abs(exported(blobs.train.x, training=False) - own).max() <= 1e-6
    assert "hpsearch." not in exported.to_json()


@pytest.mark.parametrize(
    ("form", "precision"),
    [
        ("keras", "float32"),
        ("keras", "mixed_bfloat16"),
        ("keras", "mixed_float16"),
        ("saved_model", "mixed_bfloat16"),
    ],
)
def test_what_is_read_back_is_the_network(
    make_recipe: Make, blobs: Parts, tmp_path: Path, form: Any, precision: str
) -> None:
    """A SavedModel of float32 is in ``tests/integration/test_models.py``."""
    recipe = make_recipe(config=FULL, training={"precision": precision})
    # A scale for each feature, as vectors are standardized.
    scale = np.linspace(0.001, 0.02, 5, dtype=np.float32)
    parts = replace(blobs, transform=Affine(multiplier=scale, offset=-100 * scale))
    output = tmp_path / ("a.keras" if form == "keras" else "a")
    assert write_model(recipe, parts, saved(recipe, parts, tmp_path), output, form) <= 1e-5
    assert output.exists()


@pytest.mark.parametrize(
    ("regression", "folds", "form"), [(False, 1, "saved_model"), (True, 2, "keras")]
)
@pytest.mark.parametrize("are_here", [True, False])
def test_models_of_tables_are_compared_on_raw_columns(
    regression: bool, folds: int, form: Any, are_here: bool, tmp_path: Path
) -> None:
    parts = table_parts(regression=regression, folds=folds)
    if not are_here:
        nothing = replace(parts.validation, rows=parts.validation.rows[:0])
        parts = replace(parts, validation=nothing)
    recipe = table_recipe(regression=regression)
    output = tmp_path / ("a.keras" if form == "keras" else "a")
    assert write_model(recipe, parts, saved(recipe, parts, tmp_path), output, form) <= 1e-5


def test_a_regression_of_arrays_gives_predictions_in_its_unit(blobs: Parts, tmp_path: Path) -> None:
    y = np.linspace(1000, 1007, len(blobs.train.y))
    target = fit_target(y, blobs.train.rows, is_log=False, where="")
    train, validation = (replace(part, y=y) for part in (blobs.train, blobs.validation))
    parts = replace(blobs, train=train, validation=validation, class_names=(), target=target)
    recipe = table_recipe(regression=True)
    kept = saved(recipe, parts, tmp_path)
    assert write_model(recipe, parts, kept, tmp_path / "a.keras", "keras") <= 1e-5
    found = keras.saving.load_model(tmp_path / "a.keras")(blobs.train.x).numpy()
    assert found.shape == (len(y), 1)
    assert 1000 <= found.min() < found.max() <= 1007


@pytest.mark.parametrize(
    ("dtype", "forms"),
    [
        ("float32", ["keras"]),
        ("float16", ["keras", "saved_model"]),
        ("int16", ["keras"]),
        ("int64", ["keras"]),
        ("uint16", ["keras", "saved_model"]),
    ],
)
def test_inputs_have_the_type_in_which_they_are_stored(
    make_recipe: Make, blobs: Parts, tmp_path: Path, dtype: str, forms: list[Any]
) -> None:
    x = blobs.train.x.astype(dtype)
    parts = replace(
        blobs, train=replace(blobs.train, x=x), validation=replace(blobs.validation, x=x)
    )
    recipe = make_recipe()
    kept = saved(recipe, parts, tmp_path)
    for form in forms:
        output = tmp_path / ("a.keras" if form == "keras" else "a")
        assert write_model(recipe, parts, kept, output, form) <= 1e-5
    assert keras.saving.load_model(tmp_path / "a.keras").input.dtype == dtype


@pytest.mark.parametrize("form", ["keras", "saved_model"])
def test_a_model_that_answers_otherwise_is_an_error(
    make_recipe: Make, blobs: Parts, tmp_path: Path, form: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_recipe()
    kept = saved(recipe, blobs, tmp_path)
    other = portable(model.build_for(make_recipe(seed=2), blobs), blobs)
    monkeypatch.setattr(export, "portable", lambda *_: other)
    output = tmp_path / ("a.keras" if form == "keras" else "a")
    with pytest.raises(ProgramError, match="differs from the trained network by"):
        write_model(recipe, blobs, kept, output, form)


def test_weights_that_are_damaged_or_of_another_network(
    make_recipe: Make, blobs: Parts, tmp_path: Path
) -> None:
    recipe = make_recipe()
    network = model.build_for(recipe, blobs)
    other = saved(make_recipe(config={"units": 7}), blobs, tmp_path)
    with pytest.raises(InputError, match=r"best\.weights\.h5: is damaged, or has"):
        load_weights(network, other)
    other.write_bytes(b"no weights")
    told = r"best\.weights\.h5: .*; remove this file, and the same command says how to train it"
    with pytest.raises(InputError, match=told):
        load_weights(network, other)
    with pytest.raises(InputError, match=told):
        validated(recipe, blobs, other)
