"""Networks of tables that were really trained, as models that are opened where hpsearch is not."""

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alone import run_alone

from hpsearch.data.parts import Part, Parts
from hpsearch.data.tables.column import Column
from hpsearch.data.tables.fitted import fit_table
from hpsearch.data.target import fit_target
from hpsearch.recipe import Recipe
from hpsearch.training import devices
from hpsearch.training.export import asked, write_model
from hpsearch.training.outcome import Watch
from hpsearch.training.train import logits, train
from hpsearch.training.written import signature_file, target_name

COLUMNS = (
    Column(name="Größe (cm)/a", kind="number"),
    Column(name="columns", kind="number"),
    Column(name="sex", kind="category", categories=("f", "m", "only in the test split")),
    Column(name="colour\nof it", kind="category", categories=("[UNK]", "dark blue", "red")),
    Column(name="town", kind="category", categories=tuple(f"t{i:02}" for i in range(15))),
    Column(name="born", kind="date"),
    Column(name="class", kind="date", has_time=True),
    Column(name="void", kind="category", categories=("nobody has it",)),
)
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


def examples(*, regression: bool) -> tuple[Any, Any]:
    """120 rows, of which those from 100 on have categories that the others have not."""
    random = np.random.default_rng(0)
    day = random.integers(-9000, 9000, 120)
    x = np.stack(
        [
            random.normal(170, 10, 120),
            random.normal(0, 1, 120) ** 3,
            random.integers(0, 2, 120),
            random.integers(0, 3, 120),
            random.integers(0, 14, 120),
            random.integers(-9000, 9000, 120),
            day,
            random.integers(0, 86_400, 120) / 86_400,
            np.zeros(120),
        ],
        axis=1,
    ).astype(np.float32)
    x[random.random(x.shape) < 0.1] = np.nan
    x[np.isnan(x[:, 6:8]).any(axis=1), 6:8] = np.nan
    x[:, 8] = np.nan
    x[100:110, 2], x[110:, 2], x[100:, 4], x[100:, 8] = 2, -1, 14, 0
    if regression:
        return x, np.exp(random.normal(3, 1, 120))
    return x, random.integers(0, 3, 120)


def table(*, regression: bool, folds: int = 1) -> Parts:
    x, y = examples(regression=regression)
    validation = Part(x=x, y=y, rows=np.arange(90, 120))

    def fitted(rows: Any) -> Parts:
        return Parts(
            train=Part(x=x, y=y, rows=rows),
            validation=validation,
            input_shape=(9,),
            class_names=() if regression else ("red", "green", "blue"),
            transform=fit_table(COLUMNS, x, rows),
            target=fit_target(y, rows, is_log=True, where="") if regression else None,
            class_weights=None,
            fingerprint="",
        )

    every = np.arange(90)
    first, *others = (fitted(every[every % (folds + 1) != fold]) for fold in range(folds))
    return replace(first, others=tuple(others))


def recipe(*, regression: bool, **config: Any) -> Recipe:
    return Recipe(
        seed=3,
        config={"layers": 1, "units": 8, "optimizer": {"type": "adam", "learning_rate": 0.02}}
        | config,
        dataset={
            "source": "table",
            "path": "x.csv",
            "target": "y",
            "task": "regression" if regression else "classification",
        },
        objective={"metric": "val_rmse" if regression else "val_accuracy"},
        training={"epochs": 2, "early_stopping": False},
    )


@pytest.mark.parametrize(
    ("regression", "folds", "config"),
    [
        (False, 1, {}),
        (True, 1, {"numeric_embedding": "piecewise", "members": 2}),
        (False, 2, {"numeric_embedding": "periodic"}),
        (True, 2, {}),
    ],
    ids=["classes", "regression", "classes, folds", "regression, folds"],
)
def test_models_of_raw_columns_answer_as_the_network_does(
    regression: bool, folds: int, config: dict[str, Any], tmp_path: Path
) -> None:
    devices.set_up()
    parts = table(regression=regression, folds=folds)
    chosen = recipe(regression=regression, **config)
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
        assert b"only in the test split" not in b"".join(
            file.read_bytes() for file in (output, *output.rglob("*")) if file.is_file()
        )

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
