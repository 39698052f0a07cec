"""Networks of tables that were really trained, as models that are opened where hpsearch is not."""

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alone import run_alone
from tabular import COLUMNS, table_parts, table_recipe

from hpsearch.training import devices
from hpsearch.training.export import asked, write_model
from hpsearch.training.outcome import Watch
from hpsearch.training.train import logits, train
from hpsearch.training.written import signature_file, target_name

OPEN = """
import keras, pickle, numpy as np, tensorflow as tf

def texts(columns):
    return {name: tf.constant(values) for name, values in columns.items()}

by_form = pickle.load(open("asked.pickle", "rb"))
model = keras.saving.load_model("best.keras", safe_mode=True)
np.save("keras.npy", model(texts(by_form["keras"]), training=False))
np.save("predicted.npy", model.predict(by_form["keras"], verbose=0))
serve = tf.saved_model.load("best").signatures["serving_default"]
np.save("saved_model.npy", next(iter(serve(**texts(by_form["saved_model"])).values())))
"""


def contents(output: Path) -> bytes:
    """All that a model's file, or the files of its folder, hold."""
    if output.is_file():
        with zipfile.ZipFile(output) as archive:
            return b"".join(archive.read(name) for name in archive.namelist())
    return b"".join(file.read_bytes() for file in output.rglob("*") if file.is_file())


@pytest.mark.parametrize(
    ("regression", "folds", "config"),
    [
        (True, 1, {"numeric_embedding": "piecewise", "members": 2}),
        (False, 2, {"numeric_embedding": "periodic"}),
    ],
    ids=["regression", "classes, folds"],
)
def test_models_of_raw_columns_answer_as_the_network_does(
    regression: bool, folds: int, config: dict[str, Any], tmp_path: Path
) -> None:
    devices.set_up()
    parts = table_parts(regression=regression, folds=folds)
    chosen = table_recipe(regression=regression, **config)
    train(chosen, parts, tmp_path, Watch())
    kept = tmp_path / "best.weights.h5"
    x = parts.validation.x
    own = logits(chosen, parts, kept, x)
    if not regression:
        powers = np.exp(own - own.max(axis=1, keepdims=True))
        own = powers / powers.sum(axis=1, keepdims=True)
    forms: dict[Any, Path] = {"keras": tmp_path / "best.keras", "saved_model": tmp_path / "best"}
    for form, output in forms.items():
        assert write_model(chosen, parts, kept, output, form) <= 1e-5
        assert b"dark blue" in contents(output)
        assert b"only in the test split" not in contents(output)

    columns = {form: asked(parts, x, form) for form in forms}
    (tmp_path / "asked.pickle").write_bytes(pickle.dumps(columns))
    (tmp_path / "open.py").write_text(OPEN)
    run_alone(tmp_path / "open.py", folder=tmp_path)
    unit = 1.0 if parts.target is None else parts.target.high - parts.target.low
    for name in ("keras", "predicted", "saved_model"):
        answers = np.load(tmp_path / f"{name}.npy")
        assert answers.dtype == (np.float64 if regression else np.float32)
        assert answers.shape == own.shape
        assert np.abs(answers - own).max() <= 1e-5 * unit
    assert np.ptp(own, axis=0).max() > 1e-3 * unit  # it does depend on the inputs

    told = json.loads(signature_file(forms["saved_model"], "saved_model").read_text("utf-8"))
    assert told["target"] == target_name(chosen) == "y"
    assert [one["name"] for one in told["inputs"]] == [*columns["saved_model"]]
    assert [one["column"] for one in told["inputs"]] == [column.name for column in COLUMNS]
