"""Members: they are networks of their own that share kernels, and answer together."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpsearch.data.parts import Parts
from hpsearch.data.target import Standard
from hpsearch.for_data import for_task
from hpsearch.networks.dense import Dense
from hpsearch.recipe import Recipe
from hpsearch.training import tasks
from hpsearch.training.export import write_model
from hpsearch.training.networks import members
from hpsearch.training.outcome import Watch
from hpsearch.training.train import build_engine, logits, train

Make = Callable[..., Recipe]


def build(outputs: int = 3, precision: str = "float32", **fields: Any) -> tuple[Dense, Any]:
    """The network's fields, and it in Keras, of vectors of six values."""
    network = Dense.model_validate(fields)
    inputs = keras.Input((6,))
    found = members.build(network, inputs, outputs, 5, keras.DTypePolicy(precision))
    return network, keras.Model(inputs, found)


def moved(built: Any) -> dict[str, npt.NDArray[Any]]:
    """The weights by their layer's name and their own, once they were made random."""
    random = np.random.default_rng(1)
    built.set_weights([random.normal(0, 1, w.shape) for w in built.get_weights()])
    return {f"{w.path.split('/')[-2]}/{w.name}": np.asarray(w) for w in built.weights}


def apart(built: Any) -> Any:
    """The network as it is trained."""
    return keras.Model(built.input, built.get_layer("logits").output)


def softmax(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    found = np.exp(x - x.max(axis=-1, keepdims=True))
    return found / found.sum(axis=-1, keepdims=True)


X = np.random.default_rng(0).normal(size=(7, 6)).astype(np.float32)


@pytest.mark.parametrize("outputs", [1, 3])
def test_members_are_networks_of_their_own_and_answer_by_their_mean(outputs: int) -> None:
    _, built = build(outputs, units=[5, 4], members=4, activation="tanh")
    w = moved(built)
    each = []
    for member in range(4):
        x = X
        for layer in range(2):
            x = x * w[f"scale_in_{layer}/kernel"][member] @ w[f"dense_{layer}/kernel"]
            x = x * w[f"scale_out_{layer}/kernel"][member] + w[f"scale_out_{layer}/bias"][member]
            x = np.tanh(x)
        each.append(x @ w["logits/kernel"][member] + w["logits/bias"][member])
    np.testing.assert_allclose(apart(built)(X), np.stack(each, axis=1), rtol=1e-4, atol=1e-5)
    if outputs == 1:
        np.testing.assert_allclose(built(X), np.mean(each, axis=0), rtol=1e-4, atol=1e-5)
    else:
        mean = np.mean([softmax(one) for one in each], axis=0)
        np.testing.assert_allclose(built(X), np.log(mean), rtol=1e-4, atol=1e-5)


def test_members_begin_with_signs_and_last_layers_of_their_own() -> None:
    _, built = build(units=[40, 40], members=32)
    signs = np.asarray(built.get_layer("scale_in_0").kernel)
    assert set(np.unique(signs)) == {-1, 1}
    assert abs(signs.mean()) < 0.3
    assert len(np.unique(signs, axis=0)) > 1
    for name in ("scale_out_0", "scale_in_1", "scale_out_1"):
        assert np.all(np.asarray(built.get_layer(name).kernel) == 1)
    last = np.asarray(built.get_layer("logits").kernel)
    limit = (6 / 43) ** 0.5  # of Glorot's, for the 40 inputs and 3 outputs of a member
    assert np.abs(last).max() == pytest.approx(limit, rel=0.02)
    assert len(np.unique(last)) > 3000
    again = build(units=[40, 40], members=32)[1]
    for one, other in zip(built.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_layers_come_in_their_order() -> None:
    _, built = build(units=[4], members=2, batch_norm=True, dropout=0.5, input_scale=True)
    assert [layer.name for layer in built.layers[1:10]] == [
        "flatten", "input_scale", "scale_in_0", "dense_0", "scale_out_0", "norm_0", "act_0",
        "dropout_0", "logits",
    ]  # fmt: skip


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=3),
    st.integers(2, 5),
    st.fixed_dictionaries(
        {
            "batch_norm": st.booleans(),
            "input_scale": st.booleans(),
            "parametric_activation": st.booleans(),
            "initializer": st.sampled_from(["he_normal", "ntk"]),
            "dropout": st.sampled_from([0.0, 0.5]),
        }
    ),
    st.sampled_from(["float32", "mixed_bfloat16"]),
)
def test_sizes_are_those_of_keras(
    units: list[int], members: int, fields: dict[str, Any], precision: str
) -> None:
    fields["l2"] = 0.01
    network, built = build(4, precision, units=units, members=members, **fields)
    assert network.parameters((6,), 4) == sum(
        int(np.prod(v.shape)) for v in built.trainable_variables
    )
    products = [one for one in built.layers if one.name.startswith(("dense_", "logits"))]
    assert network.macs((6,), 4) == sum(
        int(np.prod(one.kernel.shape)) * (members if one.kernel.ndim == 2 else 1)
        for one in products
    )
    last = [one.name for one in built.layers].index("logits")
    outputs = [int(np.prod(layer.output.shape[1:])) for layer in built.layers[: last + 1]]
    outputs.remove(6)  # the inputs are flat already
    assert sorted(network.output_sizes((6,), 4)) == sorted([*outputs, 4])
    assert built(X).dtype == "float32"


def test_a_scale_computes_what_keras_own_does() -> None:
    _, built = build(units=[4, 3], members=2, input_scale=True)
    moved(built)
    for name in ("input_scale", "scale_in_0", "scale_out_0", "scale_in_1"):
        layer = built.get_layer(name)
        x = np.random.default_rng(0).normal(size=(5, *layer.input.shape[1:])).astype(np.float32)
        own = keras.layers.EinsumDense.from_config(layer.get_config())
        own(x)
        own.set_weights(layer.get_weights())
        np.testing.assert_allclose(layer(x), own(x), rtol=1e-5)


def test_dropout_is_each_members_own() -> None:
    _, built = build(units=[200], members=2, dropout=0.5)
    x = built.get_layer("dropout_0")(tf.ones((1, 2, 200)), training=True)
    assert not np.array_equal(x[0, 0], x[0, 1])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_of_classes_is_the_mean_of_the_members_losses(
    smoothing: float, make_recipe: Make, blobs: Parts
) -> None:
    recipe = make_recipe(config={"members": 3, "label_smoothing": smoothing})
    task = tasks.MAKERS["classification"](recipe.config, blobs)
    y = np.array([2, 0])
    z = np.random.default_rng(0).normal(size=(2, 3, 3)).astype(np.float32)
    labels = np.eye(3)[y] * (1 - smoothing) + smoothing / 3
    own = -(labels[:, np.newaxis] * np.log(softmax(z))).sum(axis=-1)
    found = task.losses(tf.constant(y), tf.constant(z))
    np.testing.assert_allclose(found, own.mean(axis=1), rtol=1e-5)


def test_the_loss_of_numbers_is_the_mean_of_the_members_losses(
    make_recipe: Make, numbers: Parts
) -> None:
    task = tasks.MAKERS["regression"](make_recipe().config, numbers)
    y = np.array([12.0, 9.0])
    z = np.random.default_rng(0).normal(size=(2, 4, 1)).astype(np.float32)
    standard = (y - 10) / 2
    own = np.square(z[..., 0] - standard[:, np.newaxis])
    found = task.losses(tf.constant(y), tf.constant(z))
    np.testing.assert_allclose(found, own.mean(axis=1), rtol=1e-5)


@pytest.fixture(scope="module")
def numbers(blobs: Parts) -> Parts:
    """The examples of blobs with a number to be predicted."""
    y = blobs.train.x[:, 0] / 100.0
    return replace(
        blobs,
        train=replace(blobs.train, y=y),
        validation=replace(blobs.validation, y=y),
        class_names=(),
        target=Standard(mean=10.0, deviation=2.0, low=0.0, high=20.0, is_log=False),
    )


def test_a_step_gives_every_weight_of_every_member_a_gradient(
    make_recipe: Make, blobs: Parts
) -> None:
    recipe = make_recipe(config={"members": 3, "units": 8, "activation": "gelu"})
    engine = build_engine(recipe, blobs)
    before = [np.array(tf.convert_to_tensor(v)) for v in engine.network.trainable_variables]
    engine.fit(epochs=1, callbacks=[])
    for one, variable in zip(before, engine.network.trainable_variables, strict=True):
        assert np.all(one != np.asarray(tf.convert_to_tensor(variable))), variable.path


def test_what_is_trained_is_evaluated_and_predicted_together(
    make_recipe: Make, blobs: Parts, tmp_path: Path
) -> None:
    config = {"members": 4, "units": 8, "optimizer": {"type": "adam", "learning_rate": 0.03}}
    recipe = make_recipe(config=config, training={"epochs": 15})
    outcome = train(recipe, blobs, tmp_path, Watch())
    assert outcome.value > 0.9
    rows = blobs.validation.rows
    found = logits(recipe, blobs, tmp_path / "best.weights.h5", blobs.validation.x[rows])
    assert found.shape == (21, 3)
    right = np.mean(found.argmax(axis=1) == blobs.validation.y[rows])
    assert right == pytest.approx(outcome.value)


@pytest.mark.parametrize("form", ["keras", "saved_model"])
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_a_written_model_is_the_network(
    make_recipe: Make, blobs: Parts, tmp_path: Path, precision: str, form: Any
) -> None:
    config = {"members": 3, "units": 8, "batch_norm": True, "dropout": 0.3, "activation": "silu"}
    recipe = make_recipe(config=config, training={"precision": precision})
    train(recipe, blobs, tmp_path, Watch())
    output = tmp_path / ("a.keras" if form == "keras" else "a")
    assert write_model(recipe, blobs, tmp_path / "best.weights.h5", output, form) <= 1e-5


def test_the_task_of_numbers_trains_members(
    make_recipe: Make, numbers: Parts, tmp_path: Path
) -> None:
    config = {"members": 4, "units": 8, "optimizer": {"type": "adam", "learning_rate": 0.03}}
    recipe = for_task(make_recipe(config=config), "regression", "recipe.toml")
    outcome = train(recipe, numbers, tmp_path, Watch())
    x = numbers.validation.x[numbers.validation.rows]
    found = logits(recipe, numbers, tmp_path / "best.weights.h5", x)[..., 0]
    error = found - numbers.validation.y[numbers.validation.rows]
    assert np.sqrt(np.mean(error**2)) == pytest.approx(outcome.value, rel=1e-5)
