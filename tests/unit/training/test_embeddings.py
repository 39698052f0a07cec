"""Numbers of tables: what their embeddings are, by hand, and in written models."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from hpsearch.data.parts import Part, Parts
from hpsearch.data.tables.column import Column
from hpsearch.data.tables.fitted import Tabular, fit_table
from hpsearch.data.tables.shape import BINS
from hpsearch.errors import InputError
from hpsearch.networks.dense import Dense
from hpsearch.recipe import Recipe
from hpsearch.training import model, tables, weights
from hpsearch.training.embeddings import encoded, periodic, piecewise
from hpsearch.training.export import write_model

Make = Callable[..., Recipe]
EMBEDDINGS = ["none", "periodic", "piecewise"]


def numbers(*columns: Any) -> tuple[Tabular, npt.NDArray[np.float32]]:
    """A table of columns of numbers, fitted on all rows."""
    x = np.column_stack(columns).astype(np.float32)
    names = tuple(Column(name=f"c{i}", kind="number") for i in range(x.shape[1]))
    return fit_table(names, x, np.arange(len(x))), x


@pytest.fixture(scope="module")
def table() -> Parts:
    """Numbers, some of them missing, a category and a date: 150 rows to train on, 50 to validate.

    The category has so many values that it is embedded.
    """
    random = np.random.default_rng(3)
    x = random.normal(100, 10, (200, 5)).astype(np.float32)
    x[:, 2] = np.where(random.random(200) < 0.2, np.nan, x[:, 2])
    x[:, 3] = random.integers(0, 12, 200)
    x[:, 4] = np.rint(x[:, 4])  # whole days
    columns = (
        *(Column(name=name, kind="number") for name in "abc"),
        Column(name="d", kind="category", categories=tuple("abcdefghijkl")),
        Column(name="e", kind="date"),
    )
    train, rest = np.arange(150), np.arange(150, 200)
    y = random.integers(0, 3, 200)
    return Parts(
        train=Part(x=x, y=y, rows=train),
        validation=Part(x=x, y=y, rows=rest),
        input_shape=(5,),
        class_names=("red", "green", "blue"),
        transform=fit_table(columns, x, train),
        class_weights=None,
        fingerprint="",
    )


def test_bins_lie_between_quantiles_of_training_rows() -> None:
    fitted, _ = numbers(np.arange(17), np.repeat([0, 1], [9, 8]), np.full(17, 3.0))
    even, two, constant = fitted.numbers
    z = (np.arange(17) - 8) / 8
    assert even.bins == pytest.approx(z / np.sqrt(1 + (z / 3) ** 2))
    assert len(two.bins) == 2
    assert constant.bins == ()
    x = np.array([[1.0], [2.0], [1e9]], np.float32)
    names = (Column(name="c", kind="number"),)
    assert max(fit_table(names, x, np.arange(2)).numbers[0].bins) < 3  # the last row is not seen


def test_the_piecewise_linear_encoding_by_hand() -> None:
    fitted, x = numbers(np.arange(33.0), np.repeat([0.0, 1.0], [17, 16]))
    clipped = tables.numbers(fitted.arrays(), x)
    found = np.asarray(encoded(fitted.arrays(), clipped))
    assert found.shape == (33, 2, 1 + BINS)
    np.testing.assert_array_equal(found[..., 0], clipped)
    for row in range(33):  # a bin for two of them: bins before are full, those behind are empty
        bins = found[row, 0, 1:]
        np.testing.assert_allclose(bins[: row // 2], 1, atol=1e-5)
        np.testing.assert_allclose(bins[(row + 1) // 2 :], 0, atol=1e-5)
        assert row % 2 == 0 or 0.4 < bins[row // 2] < 0.6
    np.testing.assert_array_equal(found[:, 1, 1], x[:, 1])  # one bin alone
    assert not found[:, 1, 2:].any()


def test_numbers_beyond_training_and_missing_ones_are_encoded() -> None:
    fitted, _ = numbers(np.arange(33.0))
    rows = np.array([[-1e9], [1e9], [np.nan], [16.0]], np.float32)
    found = np.asarray(encoded(fitted.arrays(), tables.numbers(fitted.arrays(), rows)))[:, 0]
    assert not found[0, 1:].any()
    np.testing.assert_allclose(found[1, 1:], 1)
    np.testing.assert_array_equal(found[2], found[3])  # a missing one is as the median


def test_the_piecewise_embedding_begins_as_a_linear_one() -> None:
    inputs = keras.Input((2, 1 + BINS))
    built = keras.Model(inputs, piecewise(inputs, 5))
    kernel, bias = built.get_weights()
    x = np.random.default_rng(0).normal(size=(4, 2, 1 + BINS)).astype(np.float32)
    expected = x[..., :1] * kernel[:, 0] + bias
    np.testing.assert_allclose(built(x), expected, atol=1e-6)
    assert not kernel[:, 1:].any()
    assert len(np.unique(kernel[:, 0])) == 16
    built.set_weights([np.random.default_rng(1).normal(size=one.shape) for one in (kernel, bias)])
    kernel, bias = built.get_weights()
    np.testing.assert_allclose(built(x), np.einsum("bfi,fio->bfo", x, kernel) + bias, atol=1e-5)


def test_the_periodic_embedding_by_hand() -> None:
    inputs = keras.Input((2,))
    built = keras.Model(inputs, periodic(inputs, 0.5, 5))
    x = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
    w, b, kernel, bias = built.get_weights()
    waves = np.cos(2 * np.pi * x[..., np.newaxis] * w + b)
    expected = np.einsum("bfi,fio->bfo", waves, kernel) + bias
    np.testing.assert_allclose(built(x)[..., :3], expected, atol=1e-5)
    np.testing.assert_array_equal(built(x)[..., 3], x)


def test_frequencies_begin_with_the_spread_that_is_asked_for() -> None:
    inputs = keras.Input((500,))
    w, b, *_ = keras.Model(inputs, periodic(inputs, 0.5, 5)).get_weights()
    assert np.std(w) == pytest.approx(0.5, rel=0.05)
    assert np.max(np.abs(b)) == pytest.approx(np.pi, rel=0.01)


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("embedding", EMBEDDINGS)
def test_sizes_are_those_of_keras(embedding: str, members: int, table: Parts) -> None:
    fields = {"numeric_embedding": embedding, "members": members, "input_scale": True}
    network = Dense.model_validate({"units": [5, 4], "dropout": 0.5, **fields})
    built = model.build(network, input_shape=(5,), outputs=3, transform=table.transform, seed=1)
    counted = sum(int(np.prod(v.shape)) for v in built.trainable_variables)
    assert network.parameters(table.shape, 3) == counted
    products = keras.layers.Dense | keras.layers.EinsumDense
    layers = [one for one in built.layers if isinstance(one, products)]
    macs = 0
    for one in layers:
        if one.name == "frequencies" or not one.name.startswith(("scale", "input_scale", "freq")):
            shared = members if one.name.startswith("dense_") else 1
            macs += shared * int(np.prod(one.kernel.shape))
    assert network.macs(table.shape, 3) == macs
    sizes = network.output_sizes(table.shape, 3)
    assert all(int(np.prod(one.output.shape[1:])) in sizes for one in layers)
    assert built.get_layer("flatten").output.shape[1] == sizes[0]


@pytest.mark.parametrize("embedding", EMBEDDINGS)
def test_missing_and_unseen_values_have_an_answer_and_every_weight_a_gradient(
    embedding: str, table: Parts
) -> None:
    network = Dense.model_validate({"numeric_embedding": embedding, "input_scale": True})
    built = model.build(network, input_shape=(5,), outputs=3, transform=table.transform, seed=1)
    x = np.concatenate([table.train.x, np.full((1, 5), np.nan), [[1e9, -1e9, 0, -1, 1e5]]])
    with tf.GradientTape() as tape:
        answer = built(x.astype(np.float32), training=True)
        loss = tf.reduce_sum(tf.square(answer))
    assert np.isfinite(answer).all()
    for one in tape.gradient(loss, built.trainable_variables):
        assert np.any(np.asarray(tf.convert_to_tensor(one)) != 0)


def test_embeddings_are_for_tables_alone(make_recipe: Make, blobs: Parts) -> None:
    recipe = make_recipe(config={"numeric_embedding": "periodic"})
    with pytest.raises(InputError, match='numeric_embedding = "periodic" is for the numbers of a'):
        model.build_for(recipe, blobs)


@pytest.mark.parametrize("form", ["keras", "saved_model"])
@pytest.mark.parametrize("embedding", ["periodic", "piecewise"])
def test_a_written_model_is_the_network(
    make_recipe: Make, table: Parts, tmp_path: Path, embedding: str, form: Any
) -> None:
    config = {"numeric_embedding": embedding, "members": 3, "input_scale": True, "dropout": 0.5}
    recipe = make_recipe(config=config)
    network = model.build_for(recipe, table)
    random = np.random.default_rng(1)
    network.set_weights([random.normal(0, 0.5, w.shape) for w in network.get_weights()])
    weights.save(network, tmp_path / "best.weights.h5")
    output = tmp_path / ("a.keras" if form == "keras" else "a")
    # Of many rows, as missing values are among them.
    parts = replace(table, validation=replace(table.validation, rows=np.arange(200)))
    assert write_model(recipe, parts, tmp_path / "best.weights.h5", output, form) <= 1e-5
