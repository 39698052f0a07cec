"""Networks that are exported to ONNX and LiteRT, run where neither hpsearch nor Keras is."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from alone import run_alone
from tabular import table_parts, table_recipe

from hpsearch.data.parts import Part, Parts
from hpsearch.data.tables.column import Column
from hpsearch.data.tables.fitted import Tabular, fit_table
from hpsearch.data.tables.raw import made_up_rows
from hpsearch.data.target import fit_target
from hpsearch.data.transform import Affine
from hpsearch.recipe import Recipe
from hpsearch.training import devices, export, quiet, weights
from hpsearch.training.export_other import Built, Other, built, write_other
from hpsearch.training.written_other import write_beside_other

EXAMPLES = 1000
README = Path(__file__).parents[2] / "hpsearch" / "cli" / "README.md"
OWN = """
import keras


class Gate(keras.layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x):
        return x * keras.ops.sigmoid(self.scale * x)


def build(config, data):
    inputs = keras.Input(data.input_shape)
    x = Gate()(keras.layers.Dense(16, activation="gelu")(keras.layers.Flatten()(inputs)))
    x = keras.layers.Add()([x, keras.layers.LayerNormalization()(keras.layers.Dense(16)(x))])
    return keras.Model(inputs, keras.layers.Dense(data.outputs, activation="softmax")(x))
"""
ONNX = """
import numpy as np, onnxruntime, sys

for name in sys.argv[1:]:
    session = onnxruntime.InferenceSession(f"{name}.onnx")
    given = dict(np.load(f"{name}-onnx.npz"))
    (answers,) = session.run(None, given)
    print(name, session.get_outputs()[0].name, np.abs(answers - np.load(f"{name}.npy")).max())
"""
LITERT = """
import numpy as np, sys
from ai_edge_litert.interpreter import Interpreter

for name in sys.argv[1:]:
    run = Interpreter(f"{name}.tflite").get_signature_runner()
    ((told, answers),) = run(**np.load(f"{name}-litert.npz")).items()
    print(name, told, np.abs(answers - np.load(f"{name}.npy")).max())
"""
Make = Callable[[Path], tuple[Recipe, Parts]]


def of_arrays(shape: tuple[int, ...], **network: Any) -> tuple[Recipe, Parts]:
    random = np.random.default_rng(0)
    brightness = random.random((EXAMPLES + 20, *(1 for _ in shape)))
    x = (256 * brightness * random.random((EXAMPLES + 20, *shape))).astype(np.uint8)
    y = np.arange(len(x)) % 3
    parts = Parts(
        train=Part(x=x, y=y, rows=np.arange(20)),
        validation=Part(x=x, y=y, rows=np.arange(20, len(x))),
        input_shape=shape,
        class_names=("a", "b", "c"),
        transform=Affine(multiplier=np.float32(1 / 256), offset=np.float32(-0.5)),
        class_weights=None,
        fingerprint="",
    )
    return Recipe(seed=1, config={"network": network}, dataset={"source": "digits"}), parts


def of_table() -> tuple[Recipe, Parts]:
    parts = table_parts(regression=False)
    assert isinstance(parts.transform, Tabular)
    x = made_up_rows(parts.transform, EXAMPLES)
    validation = Part(x=x, y=parts.train.y[np.arange(EXAMPLES) % 90], rows=np.arange(EXAMPLES))
    return table_recipe(regression=False), replace(parts, validation=validation)


def own(folder: Path) -> tuple[Recipe, Parts]:
    (folder / "own.py").write_text(OWN)
    return of_arrays((4, 4), type="python", file=str(folder / "own.py"))


NETWORKS: dict[str, Make] = {
    "dense": lambda _: of_arrays(
        (9,),
        type="dense",
        activation="gelu",
        units=24,
        members=2,
        input_scale=True,
        parametric_activation=True,
        initializer="ntk",
    ),
    "conv": lambda _: of_arrays((8, 8, 3), type="conv", filters=[8, 12], residual=True),
    "table": lambda _: of_table(),
    "own": own,
}


def moved(recipe: Recipe, parts: Parts, folder: Path) -> Built:
    """A network in bfloat16 that was not trained, but moved far from where it began."""
    recipe = recipe.model_copy(
        update={"training": recipe.training.model_copy(update={"precision": "mixed_bfloat16"})}
    )
    network = export.model.build_for(recipe, parts)
    random = np.random.default_rng(3)
    with quiet.keras_copies():
        network.set_weights(
            [w + random.normal(0, 0.1, w.shape[-1:]) for w in network.get_weights()]
        )
    weights.save(network, folder / "best.weights.h5")
    return built(recipe, parts, folder / "best.weights.h5", "onnx")


def answers(network: Built) -> npt.NDArray[Any]:
    """Of Keras, as probabilities."""
    outputs = np.asarray(network.network(network.parts.validation.x[-EXAMPLES:], training=False))
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def given(network: Built, folder: Path, name: str, form: Any) -> Other:
    """Write a model, and what it is asked."""
    ending = {"onnx": ".onnx", "litert": ".tflite"}[form]
    done = write_other(network, folder / f"{name}{ending}", form)
    _, known = export.slim(network.build, network.network, network.parts)
    asked = export.asked(network.parts, network.parts.validation.x[-EXAMPLES:], form, known)
    columns = asked if isinstance(asked, dict) else {"inputs": asked}
    texts = {k: v.astype(str) if v.dtype == object else v for k, v in columns.items()}
    np.savez(folder / f"{name}-{form}.npz", **texts)
    return done


def test_networks_answer_alike_in_other_tools(tmp_path: Path) -> None:
    devices.set_up()
    for name, make in NETWORKS.items():
        network = moved(*make(tmp_path), tmp_path)
        told = answers(network)
        np.save(tmp_path / f"{name}.npy", told)
        assert told.std(axis=0).max() > 0.01  # it does depend on the inputs
        for form in ("onnx", "litert"):
            done = given(network, tmp_path, name, form)
            assert done.largest is not None
            assert done.largest <= 1e-5
            if name == "table":
                assert_no_stranger(
                    done, tmp_path / f"{name}.{'onnx' if form == 'onnx' else 'tflite'}"
                )
    for script, code, package in (
        ("onnx", ONNX, "onnxruntime"),
        ("litert", LITERT, "ai-edge-litert"),
    ):
        (tmp_path / f"{script}.py").write_text(code)
        said = run_alone(tmp_path / f"{script}.py", *NETWORKS, folder=tmp_path, has=(package,))
        lines = [line.split() for line in said.splitlines() if not line.startswith("INFO")]
        assert [name for name, _, _ in lines] == [*NETWORKS]
        for name, gives, largest in lines:
            assert gives == "probabilities"
            assert float(largest) <= 1e-4, name


def assert_no_stranger(done: Other, file: Path) -> None:
    """No category of the test split is in what was written, and those of training rows are."""
    both = file.read_bytes() + done.told.model_dump_json().encode()
    assert b"dark blue" in both
    assert b"only in the test split" not in both


def snippets() -> list[str]:
    """The Python code that the documentation has for other tools."""
    text = README.read_text(encoding="utf-8")
    section = text.partition("\n### A model in other tools\n")[2].partition("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.S)


def test_what_is_told_of_other_tools_runs(tmp_path: Path) -> None:
    devices.set_up()
    of_images, of_rows, of_two = snippets()
    arrays, table = tmp_path / "arrays", tmp_path / "table"
    arrays.mkdir()
    table.mkdir()
    network = moved(*of_arrays((8, 8), type="dense", units=8), arrays)
    for form, ending in (("onnx", "onnx"), ("litert", "tflite"), ("openvino", "xml")):
        path = arrays / f"best.{ending}"
        done = write_other(network, path, form)  # type: ignore[arg-type]
        write_beside_other(path, form, done.told, path)  # type: ignore[arg-type]
    np.save(arrays / "new.npy", network.parts.validation.x[-9:])
    numbers = answers(network)[-9:].argmax(axis=1)

    write_other(moved(*of_diamonds(), table), table / "best.onnx", "onnx")
    rows = "carat,cut,color\n0.3,Ideal,x\n,Fair,y\n1.5,,z\n2.5,never seen,z\n"
    (table / "new-diamonds.csv").write_text(rows)
    for folder, code, packages in (
        (arrays, of_images + of_two, ("onnxruntime", "ai-edge-litert", "openvino")),
        (table, of_rows, ("onnxruntime", "polars")),
    ):
        (folder / "snippets.py").write_text(code)
        said = run_alone(folder / "snippets.py", folder=folder, has=packages)
        lines = [line for line in said.splitlines() if line.startswith("[")]
        if folder == arrays:
            assert lines == [str([*map("abc".__getitem__, numbers)]), *[str(numbers)] * 2]
        else:
            prices = np.array(lines[0].strip("[]").split(), float)
            assert len(set(prices)) == 4
            assert ((prices >= 300) & (prices <= 900)).all()


def of_diamonds() -> tuple[Recipe, Parts]:
    """A regression from a number and a category."""
    random = np.random.default_rng(0)
    x = np.stack([random.random(120), random.integers(0, 2, 120)], axis=1).astype(np.float32)
    x[:9, 0] = np.nan
    y, rows = 300 + 600 * random.random(120), np.arange(90)
    columns = (
        Column(name="carat", kind="number"),
        Column(name="cut", kind="category", categories=("Fair", "Ideal")),
    )
    parts = Parts(
        train=Part(x=x, y=y, rows=rows),
        validation=Part(x=x, y=y, rows=np.arange(90, 120)),
        input_shape=(2,),
        class_names=(),
        transform=fit_table(columns, x, rows),
        target=fit_target(y, rows, is_log=False, where=""),
        class_weights=None,
        fingerprint="",
    )
    return table_recipe(regression=True), parts
