"""A network as a file of another tool: its inputs, quantisation, and what cannot be written.

All kinds of networks are in ``tests/integration/test_other_tools.py``.
"""

import logging
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tabular import COLUMNS, table_parts, table_recipe

from hpsearch.data.parts import Part, Parts
from hpsearch.data.tables.fitted import fit_table
from hpsearch.data.target import fit_target
from hpsearch.errors import InputError, ProgramError
from hpsearch.recipe import Recipe
from hpsearch.training import converting, export_other, model, raw, weights
from hpsearch.training.averaging import built_ensemble
from hpsearch.training.ensemble import Member
from hpsearch.training.export_other import Built, write_other
from hpsearch.training.quiet import silenced

Make = Callable[..., Recipe]
ENDINGS = {"onnx": ".onnx", "litert": ".tflite", "openvino": ".xml"}


def of(recipe: Recipe, parts: Parts) -> Built:
    """A network that was not trained."""
    build = partial(model.build_for, recipe, dtype="float32")
    return Built(network=build(parts), build=build, parts=parts, target=None)


def images(parts: Parts) -> Parts:
    """Small images in place of vectors."""
    x = np.random.default_rng(0).integers(0, 256, (74, 6, 6, 3)).astype(np.uint8)
    of_them = {"train": replace(parts.train, x=x), "validation": replace(parts.validation, x=x)}
    return replace(parts, input_shape=(6, 6, 3), **of_them)


@pytest.mark.parametrize("form", ["onnx", "openvino"])
def test_float16_takes_half_and_is_told(
    form: Any, make_recipe: Make, blobs: Parts, tmp_path: Path
) -> None:
    own = of(make_recipe(config={"layers": 2, "units": 128}), blobs)
    done = write_other(own, tmp_path / f"a{ENDINGS[form]}", form, "float16")
    assert done.quantized is not None
    assert done.largest is not None
    assert 0 < done.largest < 1e-2
    assert done.quantized.bytes_after < 0.65 * done.quantized.bytes_before
    assert (done.quantized.metric, done.quantized.examples) == ("accuracy", 21)
    y = blobs.validation.y[blobs.validation.rows]
    outputs = np.asarray(own.network(blobs.validation.x[blobs.validation.rows]))
    assert done.quantized.before == pytest.approx(np.mean(outputs.argmax(axis=1) == y))


@pytest.mark.parametrize("form", ["onnx", "litert"])
def test_int8_takes_a_quarter_and_is_calibrated_on_training_examples(
    form: Any, blobs: Parts, tmp_path: Path
) -> None:
    network = {"type": "conv", "filters": [48], "convs": 2}
    recipe = Recipe(seed=1, config={"network": network}, dataset={"source": "digits"})
    own = of(recipe, images(blobs))
    done = write_other(own, tmp_path / f"a{ENDINGS[form]}", form, "int8")
    assert done.quantized is not None
    assert done.largest is not None
    assert 1e-6 < done.largest < 0.1
    assert done.quantized.bytes_after < 0.45 * done.quantized.bytes_before


def test_int8_of_a_table_leaves_what_is_done_to_its_columns_as_it_is(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x = np.stack([random.normal(0, 1e5, 120), random.integers(0, 2, 120)], axis=1).astype(
        np.float32
    )
    x[::7, 0] = np.nan
    parts = table_parts(regression=True)
    columns = COLUMNS[0], COLUMNS[2]
    parts = replace(
        parts,
        train=replace(parts.train, x=x),
        validation=replace(parts.validation, x=x),
        input_shape=(2,),
        transform=fit_table(columns, x, parts.train.rows),
    )
    own = of(table_recipe(regression=True, units=64), parts)
    done = write_other(own, tmp_path / "a.onnx", "onnx", "int8")
    assert done.quantized is not None
    assert done.quantized.metric == "rmse"
    assert done.largest is not None
    assert done.largest < 0.1
    assert done.quantized.after == pytest.approx(done.quantized.before, rel=0.1)


def test_numbers_that_no_category_has_are_those_of_an_unknown_one() -> None:
    column = table_parts(regression=False).transform.columns[2]  # type: ignore[union-attr]
    inputs, rows = raw.coded_rows([column], ["sex"])
    found = keras.Model(inputs, rows)({"sex": np.array([0, 2, 3, 10**9, -1, -2, -3])})
    np.testing.assert_array_equal(
        np.asarray(found)[:, 0], np.float32([0, 2, -1, -1, -1, np.nan, -1])
    )


def test_an_ensemble_of_regressions_computes_in_float32(blobs: Parts, tmp_path: Path) -> None:
    y = np.linspace(2000, 2007, len(blobs.train.y))
    target = fit_target(y, blobs.train.rows, is_log=False, where="")
    train, validation = (replace(part, y=y) for part in (blobs.train, blobs.validation))
    parts = replace(blobs, train=train, validation=validation, class_names=(), target=target)
    members = []
    for seed in (1, 2):
        recipe = table_recipe(regression=True).model_copy(update={"seed": seed})
        network = model.build_for(recipe, parts)
        weights.save(network, tmp_path / f"{seed}.weights.h5")
        members.append(
            Member(recipe=recipe, parts=parts, weights=tmp_path / f"{seed}.weights.h5", share=0.5)
        )
    done = write_other(built_ensemble(members, "litert"), tmp_path / "a.tflite", "litert")
    assert done.largest is not None
    assert done.largest <= 1e-4
    assert done.told.gives.startswith("predictions in the target's own unit, float32")


def test_litert_does_not_round_what_is_done_to_columns_to_float16(tmp_path: Path) -> None:
    own = of(table_recipe(regression=False), table_parts(regression=False))
    with pytest.raises(InputError, match="LiteRT would round what is done to columns"):
        write_other(own, tmp_path / "a.tflite", "litert", "float16")


def test_predictions_of_onnx_have_the_digits_of_a_large_target(
    blobs: Parts, tmp_path: Path
) -> None:
    y = 1e7 + np.random.default_rng(0).random(len(blobs.train.y))
    target = fit_target(y, blobs.train.rows, is_log=True, where="")
    train, validation = (replace(part, y=y) for part in (blobs.train, blobs.validation))
    parts = replace(blobs, train=train, validation=validation, class_names=(), target=target)
    done = write_other(of(table_recipe(regression=True), parts), tmp_path / "a.onnx", "onnx")
    assert done.largest is not None
    assert done.largest < 1e-5


def test_what_a_format_lacks_is_named(blobs: Parts, tmp_path: Path) -> None:
    def build(parts: Parts) -> keras.Model:
        inputs = keras.Input(parts.input_shape)
        x = keras.ops.erfinv(keras.ops.tanh(inputs) * 0.5)
        return keras.Model(inputs, keras.layers.Dense(3)(x))

    own = Built(network=build(blobs), build=build, parts=blobs, target=None)
    for form, title in (("onnx", "ONNX"), ("litert", "LiteRT"), ("openvino", "OpenVINO")):
        with pytest.raises(
            InputError, match=rf"{title} has nothing for .*computes \(Erfinv\); exp"
        ):
            write_other(own, tmp_path / f"a{ENDINGS[form]}", form)  # type: ignore[arg-type]


def test_a_model_that_answers_otherwise_is_an_error(
    make_recipe: Make, blobs: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = of(make_recipe(), blobs)
    other = of(make_recipe(seed=2), blobs)
    mixed = replace(own, network=other.network)
    whole = export_other._numeric
    monkeypatch.setattr(export_other, "_numeric", lambda _, form: whole(own, form))
    with pytest.raises(ProgramError, match="differs from the trained network by"):
        write_other(mixed, tmp_path / "b.tflite", "litert")


def test_without_its_runtime_a_model_is_written_and_not_compared(
    make_recipe: Make, blobs: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_other, "has_runtime", lambda _: False)
    done = write_other(of(make_recipe(), blobs), tmp_path / "a.tflite", "litert")
    assert (done.largest, done.quantized) == (None, None)
    assert (tmp_path / "a.tflite").stat().st_size > 0


def test_nothing_is_quantised_where_its_cost_cannot_be_told(
    make_recipe: Make, blobs: Parts, tmp_path: Path
) -> None:
    none = Part(x=blobs.validation.x, y=blobs.validation.y, rows=np.arange(0))
    own = of(make_recipe(), replace(blobs, validation=none))
    with pytest.raises(InputError, match=r"--quantize int8: the data are not here.*dataset\.path"):
        write_other(own, tmp_path / "a.onnx", "onnx", "int8")
    assert not list(tmp_path.iterdir())


def test_a_package_that_does_not_work_is_one_message(
    make_recipe: Make, blobs: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    monkeypatch.setitem(sys.modules, "hpsearch.training.converting.onnx_file", None)
    with pytest.raises(InputError, match=r"does not work here .* pip install 'hpsearch\[onnx\]'"):
        write_other(of(make_recipe(), blobs), tmp_path / "a.onnx", "onnx")


def test_a_converter_is_heard_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    handlers = logging.root.handlers[:]
    with silenced():
        sys.stdout.write("printed\n")
        os.write(1, b"from C++")
        os.write(2, b"from C++")
        logging.warning("logged")
        logging.root.addHandler(logging.NullHandler())
        warnings.warn("warned", UserWarning, stacklevel=1)
    assert capfd.readouterr() == ("", "")
    assert logging.root.handlers == handlers
    assert logging.root.manager.disable == 0
    sys.stdout.write("heard\n")
    assert capfd.readouterr().out == "heard\n"


def test_a_file_that_its_runtime_does_not_read_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"no model")
    with pytest.raises(InputError, match=r"ONNX: ONNX Runtime does not read it \("):
        converting.opened(tmp_path / "a.onnx", "onnx")


def test_layers_that_draw_in_training_alone_are_left_out(blobs: Parts, tmp_path: Path) -> None:
    """Other tools have nothing that draws."""

    def build(parts: Parts) -> keras.Model:
        flips = keras.layers.RandomFlip("horizontal", seed=1)
        own = [keras.Input(parts.input_shape), flips, keras.layers.Flatten()]
        inner = keras.Sequential([*own, keras.layers.Dense(3)])
        inputs = keras.Input(parts.input_shape)
        return keras.Model(inputs, inner(inputs))

    parts = images(blobs)
    own = Built(network=build(parts), build=build, parts=parts, target=None)
    done = write_other(own, tmp_path / "a.onnx", "onnx")
    assert done.largest is not None
    assert done.largest < 1e-5
