"""Scripts: for every option one that compiles, is clean, and holds nothing else."""

import ast
import importlib.util
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hpsearch
from hpsearch.config import TrialConfig, flat
from hpsearch.data.arrays import Targets
from hpsearch.data.parts import Part, Parts
from hpsearch.data.tables.column import Column
from hpsearch.data.tables.fitted import fit_table
from hpsearch.data.target import fit_target
from hpsearch.data.transform import Affine
from hpsearch.networks.dense import Dense
from hpsearch.optimizers import OPTIMIZERS
from hpsearch.recipe import Recipe
from hpsearch.script.names import check_names
from hpsearch.script.script import MARK, script
from hpsearch.searchable import traits

DATA = Path("best.npz")


def parts(shape: tuple[int, ...] = (8, 8)) -> Parts:
    y = np.arange(1000) % 10
    x = np.zeros((1000, *shape), np.uint8)
    return Parts(
        train=Part(x=x, y=y, rows=np.arange(900)),
        validation=Part(x=x, y=y, rows=np.arange(900, 1000)),
        input_shape=shape,
        class_names=tuple("0123456789"),
        transform=Affine(multiplier=np.float32(1 / 255), offset=np.float32(0)),
        class_weights=None,
        fingerprint="f" * 64,
    )


def recipe(**sections: Any) -> Recipe:
    dataset = {"source": "digits"} | sections.pop("dataset", {})
    return Recipe(seed=1, config=sections.pop("config", {}), dataset=dataset, **sections)


def table(y: Targets) -> Parts:
    """A table with every kind of column and weights."""
    columns = (
        Column(name="age", kind="number"),
        Column(name="town", kind="category", categories=tuple(map(str, range(20)))),
        Column(name="sex", kind="category", categories=("f", "m")),
        Column(name="since", kind="date", has_time=True),
    )
    x = np.random.default_rng(0).integers(0, 20, (len(y), 5)).astype(np.float32)
    x[:, 2] %= 2
    x[:, 4] /= 20
    rows = np.arange(len(y) - 10)
    train = Part(x=x, y=y, rows=rows, weights=np.linspace(0, 1, len(y)))
    return replace(
        parts(),
        train=train,
        validation=Part(x=x, y=y, rows=np.arange(len(y) - 10, len(y))),
        input_shape=(5,),
        class_names=("a", "b") if y.dtype == np.int64 else (),
        transform=fit_table(columns, x, rows),
        target=None if y.dtype == np.int64 else fit_target(y, rows, is_log=True, where=""),
        class_weights=np.float32([0.5, 1.5]) if y.dtype == np.int64 else None,
    )


CLASSES, NUMBERS = np.arange(60) % 2, np.geomspace(1, 9, 60)
EMBEDDED = (
    {"numeric_embedding": "periodic"},
    {"numeric_embedding": "piecewise", "members": 3, "input_scale": True},
)
REGRESSION = {
    "dataset": {"source": "table", "path": "x.csv", "target": "y", "task": "regression"},
    "objective": {"metric": "val_rmse"},
}


def written(chosen: Recipe, shape: tuple[int, ...] = (8, 8), data: Path = DATA) -> str:
    return script(chosen, parts(shape), data)


CONFIGS: list[dict[str, Any]] = [
    {},
    {"layers": 3, "units": [64, 32, 16], "dropout": [0.1, 0.0, 0.5]},
    {"dropout": 0.2, "batch_norm": True, "l2": 1e-4},
    *({"activation": name} for name in ("silu", "leaky_relu", "mish")),
    *({"lr_schedule": name} for name in ("plateau", "cosine", "step", "warmup_cosine", "coslog4")),
    {"input_scale": True},
    {"members": 4, "dropout": 0.2, "batch_norm": True},
    {"members": 2, "augment": {"mixup": 0.2}},
    *({"optimizer": {"type": name}} for name in OPTIMIZERS),
    {"optimizer": {"type": "sgd", "momentum": 0.9, "nesterov": True}},
    {"optimizer": {"type": "rmsprop", "momentum": 0.5, "centered": True}},
    {"network": {"type": "conv"}},
    {"network": {"type": "conv", "residual": True, "pool": "stride", "units": [32, 16]}},
    *({"augment": one} for one in ({"flip": True}, {"translate": 2, "cutout": 3}, {"mixup": 0.2})),
    {"layers": 64, "units": [1000 + i for i in range(64)], "dropout": [i / 64 for i in range(64)]},
]
TRAININGS: list[dict[str, Any]] = [
    {"early_stopping": False},
    *({"early_stopping": {"monitor": m}} for m in ("val_loss", "val_f1_macro")),
    *({"precision": name} for name in ("mixed_bfloat16", "mixed_float16")),
]
OBJECTIVES: list[dict[str, Any]] = [
    {"metric": metric, "epoch": epoch}
    for metric in ("val_accuracy", "val_f1_macro", "val_loss")
    for epoch in ("best", "last")
]
RECIPES = [
    *(recipe(config=each) for each in CONFIGS),
    *(recipe(training=each) for each in TRAININGS),
    *(recipe(training=each, config={"l2": 1e-5}) for each in TRAININGS),
    *(recipe(objective=each) for each in OBJECTIVES),
    *(recipe(objective=each, training={"early_stopping": False}) for each in OBJECTIVES),
    recipe(dataset={"class_weights": "balanced"}),
]
PLACES = [DATA, Path("below/a.npz"), Path("/elsewhere/a.npz"), Path("/d" * 90), Path("d" * 120)]


def check(folder: Path) -> None:
    """All scripts in a folder are clean and formatted."""
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent))
    assert ruff is not None
    width = ("--isolated", "--line-length", "100", str(folder))
    for command in (["check", "--select", "E,F,W,I"], ["format", "--check"]):
        done = subprocess.run([ruff, *command, *width], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_option_gives_a_clean_script(tmp_path: Path) -> None:
    texts = [
        *(written(chosen) for chosen in RECIPES),
        *(written(recipe(), (32, 32, 3), place) for place in PLACES),
    ]
    for number, text in enumerate(texts):
        assert check_names(text, "script.py") == []
        (tmp_path / f"script_{number}.py").write_text(text)
    check(tmp_path)


def test_tables_regressions_weights_and_folds_give_clean_scripts(tmp_path: Path) -> None:
    classes, numbers = table(CLASSES), table(NUMBERS)
    regression = recipe(**REGRESSION)
    images = replace(numbers, transform=parts().transform, input_shape=(8, 8))
    texts = [
        script(recipe(), classes, DATA),
        script(regression, numbers, DATA),
        *(script(recipe(config=one, **REGRESSION), numbers, DATA) for one in EMBEDDED),
        script(regression, replace(numbers, others=(numbers, numbers)), DATA),
        script(recipe(config={"augment": {"mixup": 0.2}}, **REGRESSION), images, DATA),
    ]
    for number, text in enumerate(texts):
        assert check_names(text, "script.py") == []
        (tmp_path / f"script_{number}.py").write_text(text)
    check(tmp_path)
    of_table, of_number, *_, of_folds, of_images = texts
    assert "features(load_fitted(), inputs, SEED, NETWORK)" in of_table
    assert "TARGET" not in of_table
    assert "fitted_" not in of_images
    assert "hpsearch trained on 3 folds" in of_folds
    assert "validation examples of the first of 3 folds" in of_folds
    assert "folds" not in of_number


def test_a_script_is_the_same_in_every_call_and_says_where_it_is_from() -> None:
    facts = {"study": "s" * 100, "trial": 7, "value": 0.98765, "data_fingerprint": "f" * 64}
    chosen = recipe(provenance=facts)
    text = written(chosen)
    assert text == written(chosen)
    head = text.partition("import argparse")[0]
    assert MARK in text[:500]
    assert "s" * 100 in head
    assert "trial 7 (val_accuracy 0.98765)" in " ".join(head.split())
    assert "f" * 64 in head


def test_what_the_recipe_does_not_need_is_left_out() -> None:
    bare = recipe(
        dataset={"source": "cifar10", "path": "/data", "limit": 500, "scale": "standardize"},
        training={"early_stopping": False}, objective={"epoch": "last"},
    )  # fmt: skip
    plain = written(bare)
    for word in (
        "EarlyStopping", "schedules", "Reduce", "class_weight", "set_dtype_policy", "LIMIT",
        "PATIENCE", "import sklearn", "from hpsearch", "/data", "500", "Mapping", "def order",
    ):  # fmt: skip
        assert word not in plain, word


def test_network_loss_and_scores_are_those_of_training() -> None:
    """Line by line, but for the types."""
    text = written(recipe(config={"lr_schedule": "cosine"}))
    root = Path(hpsearch.__file__).parent / "training"
    for file, names in {
        "networks/dense.py": ["build", "stack", "kernel", "activated"],
        "tasks/classification.py": ["losses", "score", "values"],
        "../tasks/scores.py": ["finite", "counted", "macro_f1", "log_odds", "area"],
        "schedules.py": ["cosine"],
        "seeds.py": ["weights_seed"],
    }.items():
        source = (root / file).read_text(encoding="utf-8")
        known = {node.name: node for node in ast.parse(source).body if hasattr(node, "name")}
        for name in names:
            node: Any = known[name]
            body = source.splitlines()[node.body[0].lineno - 1 : node.end_lineno]
            assert f"def {name}(" in text
            assert "\n".join(body) in text


def test_every_monitor_is_one_of_the_values_of_validation() -> None:
    text = written(recipe(config={"l2": 1e-4}, objective={"metric": "val_loss"}))
    assert 'monitor="val_loss"' in text
    assert text.index("Validation(network, x_val, y_val)") < text.index("EarlyStopping(")


@pytest.mark.parametrize(
    ("optimizer", "written_out", "left_out"),
    [
        ({"type": "adamw", "weight_decay": 0.0}, ["weight_decay=0.0", "beta_1=0.9"], ["amsgrad"]),
        ({"type": "adam", "beta_1": 0.0, "beta_2": 0.0}, ["beta_1=0.0", "beta_2=0.0"], []),
        ({"type": "rmsprop", "rho": 0.0}, ["rho=0.0"], ["momentum", "centered"]),
        ({"type": "sgd", "nesterov": True}, ["nesterov=True"], ["momentum="]),
    ],
)
def test_settings_of_the_optimizer_are_those_of_the_recipe(
    optimizer: dict[str, Any], written_out: list[str], left_out: list[str]
) -> None:
    call = written(recipe(config={"optimizer": optimizer})).partition("optimizer=keras.optimizers")[
        2
    ]
    call = call.partition("loss=")[0]
    assert all(f"            {setting},\n" in call for setting in written_out)
    assert not any(setting in call for setting in left_out)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_settings_that_are_left_out_are_off_in_keras_too(kind: str) -> None:
    """Keras' own source is looked at: to import it takes seconds."""
    found = importlib.util.find_spec("keras")
    assert found is not None
    assert found.origin is not None
    source = Path(found.origin).parent / "src" / "optimizers" / f"{kind}.py"
    (init,) = (
        node
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    )
    names = [argument.arg for argument in init.args.args[-len(init.args.defaults) :]]
    keras = dict(zip(names, map(ast.literal_eval, init.args.defaults), strict=True))
    ours = {name: field.default for name, field in OPTIMIZERS[kind].model_fields.items()}
    # A decay of None is one of 0.
    assert {name: keras[name] or 0.0 for name in ours if name != "type"} == {
        name: value or 0.0 for name, value in ours.items() if name != "type"
    }


def test_all_settings_are_in_it() -> None:
    config = TrialConfig(layers=1, units=(9,), dropout=(0.25,), batch_size=48)
    text = written(recipe(config=flat(config)))
    names = [trait.name for model in (TrialConfig, Dense) for trait in traits(model)]
    sections = {"network", "optimizer", "augment"}
    assert all(f"    {name}=" in text for name in names if name not in sections)
    assert "    units=[9],\n" in text
    assert "    batch_size=48,\n" in text
