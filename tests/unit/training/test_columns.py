"""Columns of a table as inputs that a model of the user's own names."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tabular import COLUMNS, table_parts

from hpsearch.data.parts import Parts
from hpsearch.data.tables.fitted import Tabular
from hpsearch.errors import InputError
from hpsearch.recipe import Recipe
from hpsearch.training.columns import by_name, columns_of
from hpsearch.training.export import write_model
from hpsearch.training.model import front
from hpsearch.training.networks.python import NAME
from hpsearch.training.outcome import Watch
from hpsearch.training.train import build_engine, train

CODE = """\
import keras

L = keras.layers


def by_column(config, data):
    inputs, parts = [], []
    for column in data.columns:
        dtype = "int32" if column.kind == "category" else "float32"
        inputs.append(keras.Input((column.width,), name=column.input, dtype=dtype))
        one = inputs[-1]
        if column.kind == "category":
            one = L.Flatten()(L.Embedding(column.categories, 3)(one))
        parts.append(one)
    return keras.Model(inputs, L.Dense(data.outputs)(L.Concatenate()(parts)))


def wide_and_deep(config, data):
    wide = keras.Input(data.input_shape, name="features")
    deep = keras.Input((4,), name="numbers")
    hidden = L.Dense(4, activation="relu")(deep)
    model = {"features": wide, "numbers": deep}
    return keras.Model(model, L.Dense(data.outputs)(L.Concatenate()([wide, hidden])))


def unknown(config, data):
    a, b = keras.Input((1,), name="sex"), keras.Input((1,), name="age")
    return keras.Model([a, b], L.Dense(data.outputs)(L.Add()([a, b])))
"""


@pytest.fixture(scope="module")
def parts() -> Parts:
    return table_parts(regression=False)


@pytest.fixture(scope="module")
def named(parts: Parts) -> dict[str, Any]:
    """All inputs of the table's rows, by name."""
    table, inputs = parts.transform, keras.Input(parts.input_shape)
    assert isinstance(table, Tabular)
    found = keras.Model(inputs, by_name(table, inputs, inputs))(parts.train.x)
    return {name: np.asarray(values) for name, values in found.items()}


@pytest.fixture
def recipe(tmp_path: Path) -> Any:
    (tmp_path / "own.py").write_text(CODE)

    def make(function: str) -> Recipe:
        network = {"type": "python", "file": str(tmp_path / "own.py"), "function": function}
        training = {"epochs": 2, "early_stopping": False}
        dataset = {"source": "table", "path": "/t.csv", "target": "t"}
        table = {"seed": 1, "config": {"network": network}, "dataset": dataset}
        return Recipe.model_validate(table | {"training": training})

    return make


def test_each_column_has_the_width_that_it_is_said_to_have(
    parts: Parts, named: dict[str, Any]
) -> None:
    assert isinstance(parts.transform, Tabular)
    columns = columns_of(parts.transform)
    assert [one.name for one in columns] == [one.name for one in COLUMNS]
    assert columns[0].input == "Größe (cm)_a"
    for column in columns:
        assert named[column.input].shape == (120, column.width)
        assert np.isfinite(named[column.input]).all()
        if column.kind == "category":
            assert 0 <= named[column.input].min() <= named[column.input].max() < column.categories


def test_categories_are_numbered_and_others_are_0(parts: Parts, named: dict[str, Any]) -> None:
    stored, found = parts.train.x[:, 2], named["sex"][:, 0]
    expected = np.where(np.isnan(stored), 3, np.where(stored == 2, 0, stored + 1))
    np.testing.assert_array_equal(found, np.where(stored == -1, 0, expected))
    np.testing.assert_array_equal(named["categories"][:, 0], found)


def test_a_missing_number_is_a_value_of_its_own(parts: Parts, named: dict[str, Any]) -> None:
    missing = np.isnan(parts.train.x[:, 0])
    assert missing.any()
    value, flag = named["Größe (cm)_a"].T
    np.testing.assert_array_equal(flag, missing)
    assert (value[missing] == 0).all()
    np.testing.assert_array_equal(named["numbers"][:, 0], value)


def test_a_model_of_named_inputs_learns_and_takes_raw_columns_where_it_is_exported(
    recipe: Any, parts: Parts, tmp_path: Path
) -> None:
    outcome = train(recipe("by_column"), parts, tmp_path / "run", Watch())
    first, last = (outcome.curves[place].values["loss"] for place in (0, -1))
    assert last < first
    kept = tmp_path / "run" / "best.weights.h5"
    assert write_model(recipe("by_column"), parts, kept, tmp_path / "m.keras", "keras") < 1e-5


def test_inputs_keep_the_structure_that_the_model_has(recipe: Any, parts: Parts) -> None:
    network = build_engine(recipe("wide_and_deep"), parts).network
    given = front(recipe("wide_and_deep"), parts, network.get_layer(NAME))(parts.train.x)
    assert {name: tuple(one.shape[1:]) for name, one in given.items()} == {
        "features": (parts.shape.width,),  # type: ignore[union-attr]  # a table's
        "numbers": (4,),
    }


def test_an_input_of_another_name_is_one_message(recipe: Any, parts: Parts) -> None:
    with pytest.raises(InputError, match=r'own.py, line 26 .* there is no column "age"; known:'):
        build_engine(recipe("unknown"), parts)
