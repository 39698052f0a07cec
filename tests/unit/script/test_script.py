"""Scripts: for every source and option one that compiles, is clean, and holds nothing else."""

import ast
import importlib.util
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import official
import pytest

from hpsearch.config import TrialConfig
from hpsearch.data.parts import Part, Parts
from hpsearch.data.transform import Affine
from hpsearch.optimizers import OPTIMIZERS
from hpsearch.recipe import Recipe
from hpsearch.script import script as module
from hpsearch.script.names import check_names
from hpsearch.script.script import MARK, script

HARMLESS = {"kind": "digits", "data": None, "archive": False, "files": None}


@dataclass(frozen=True)
class Made:
    """What a script asks a data set for."""

    maximum: float | None = 255.0
    test_taken: bool = False
    dtype: str = "uint8"
    skipped: tuple[str, ...] = ()
    class_names: tuple[str, ...] = tuple("0123456789")
    input_shape: tuple[int, ...] = (8, 8)
    train_size: int = 1000
    turned: int = 0


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


def written(chosen: Recipe, made: Made | None = None) -> str:
    made = made or Made()
    return script(chosen, made, parts(made.input_shape))  # type: ignore[arg-type]  # a stand-in


CONFIGS: list[dict[str, Any]] = [
    {},
    {"layers": 3, "units": [64, 32, 16], "dropout": [0.1, 0.0, 0.5]},
    {"dropout": 0.2, "batch_norm": True, "l2": 1e-4},
    *({"activation": name} for name in ("silu", "leaky_relu", "mish")),
    *({"lr_schedule": name} for name in ("plateau", "cosine", "step", "warmup_cosine")),
    *({"optimizer": {"type": name}} for name in OPTIMIZERS),
    {"optimizer": {"type": "sgd", "momentum": 0.9, "nesterov": True}},
    {"optimizer": {"type": "rmsprop", "momentum": 0.5, "centered": True}},
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
DATASETS: list[dict[str, Any]] = [
    *({"scale": name} for name in ("none", "unit", "symmetric", "standardize")),
    {"limit": 500}, {"limit": 895}, {"limit": 900}, {"class_weights": "balanced"},
    {"include_validation": True}, {"include_validation": True, "limit": 500},
]  # fmt: skip
RECIPES = [
    *(recipe(config=each) for each in CONFIGS),
    *(recipe(training=each) for each in TRAININGS),
    *(recipe(training=each, config={"l2": 1e-5}) for each in TRAININGS),
    *(recipe(objective=each) for each in OBJECTIVES),
    *(recipe(objective=each, training={"early_stopping": False}) for each in OBJECTIVES),
    *(recipe(dataset=each) for each in DATASETS),
    *(recipe(dataset={"source": name}) for name in official.SETS),
]
READERS: list[dict[str, Any]] = [
    {"kind": "keras_npz", "data": Path("/data/mnist.npz")},
    *(
        {"kind": "idx", "data": Path("/data"), "archive": archive, "files": {"train": ["a", "b"]}}
        for archive in (False, True)
    ),
    *(
        {
            "kind": "cifar", "data": Path("/d" * 90), "archive": archive, "labels": "fine_labels",
            "files": {"train": ["cifar-10-batches-py/data_batch_1"] * 5, "test": ["test_batch"]},
        }
        for archive in (False, True)
    ),
    *(
        {"kind": "npz", "data": Path("/data/a.npz"), "cast": cast, "values": values}
        for cast, values in (("float32", "any"), (None, "named"), ("uint8", "labels"))
    ),
    *(
        {
            "kind": "image_folder", "data": Path("/data"), "ascii": some, "turned": turned,
            "folders": {"train": "Training", "test": "Testing"} if some else None,
            "litter": ["Thumbs.db"] * some, "size": some, "height": 32, "width": 24,
            "converted": not some, "mode": "RGB", "skipped": ["train/a/b.png"] * some,
        }
        for some in (False, True)
        for turned in (False, True)
    ),
]  # fmt: skip


def check(folder: Path) -> None:
    """All scripts in a folder are clean and formatted."""
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent))
    assert ruff is not None
    width = ("--isolated", "--line-length", "100", str(folder))
    for command in (["check", "--select", "E,F,W,I"], ["format", "--check"]):
        done = subprocess.run([ruff, *command, *width], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_option_gives_a_clean_script(tmp_path: Path) -> None:
    for number, chosen in enumerate(RECIPES):
        text = written(chosen, Made(test_taken=chosen.dataset.source == "digits"))
        assert check_names(text, "script.py") == []
        (tmp_path / f"script_{number}.py").write_text(text)
    check(tmp_path)


def test_every_way_to_read_gives_a_clean_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, facts in enumerate(READERS):
        monkeypatch.setattr(module, "reader", lambda *_, facts=facts: HARMLESS | facts)
        for validation in (0.1, "given"):
            for limit in (None, 500, 895, 995):
                for taken in (False, True):
                    if taken and facts["kind"] not in ("npz", "image_folder"):
                        continue  # these have a test part always
                    settings = {"validation": validation, "limit": limit, "scale": "standardize"}
                    settings |= {"include_validation": taken}
                    made = Made(test_taken=taken, input_shape=(12,))
                    text = written(recipe(dataset=settings), made)
                    assert check_names(text, "script.py") == []
                    name = f"script_{number}_{validation}_{limit}_{taken}.py"
                    (tmp_path / name).write_text(text)
    check(tmp_path)


def test_a_script_is_the_same_in_every_call_and_says_where_it_is_from() -> None:
    facts = {"study": "s" * 100, "trial": 7, "value": 0.98765, "data_fingerprint": "f" * 64}
    chosen = recipe(provenance=facts)
    text = written(chosen)
    assert text == written(chosen)
    head = text.partition("import argparse")[0]
    assert MARK in text[:500]
    assert "s" * 100 in head
    assert "trial 7" in head
    assert "0.98765" in head
    assert "f" * 64 in head


def test_nothing_is_in_it_that_the_recipe_does_not_need() -> None:
    bare = recipe(
        dataset={"source": "cifar10"}, training={"early_stopping": False},
        objective={"epoch": "last"},
    )  # fmt: skip
    plain = written(bare)
    for word in (
        "Dropout", "BatchNormalization", "regularizer", "EarlyStopping", "MacroF1", "schedules",
        "math", "Reduce", "class_weight", "set_dtype_policy", "dtype=", "LIMIT", "callbacks",
        "cross_entropy", "load_digits", "PIL", "Path", "TEST_SHARE", "val_loss",
    ):  # fmt: skip
        assert word not in plain, word


def test_the_loss_without_penalty_is_looked_at() -> None:
    config = {"l2": 1e-4}
    text = written(recipe(config=config, objective={"metric": "val_loss"}))
    assert 'monitor="val_cross_entropy"' in text
    assert 'monitor="val_loss"' not in text
    assert 'monitor="val_loss"' in written(recipe(objective={"metric": "val_loss"}))
    assert "cross_entropy" not in written(recipe(config=config))


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
    call = written(recipe(config={"optimizer": optimizer})).partition("return keras.optimizers")[2]
    call = call.partition("\n\n")[0]
    assert all(f"        {setting},\n" in call for setting in written_out)
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


def test_a_config_has_no_field_that_no_script_knows() -> None:
    assert set(TrialConfig.model_fields) == {
        "layers", "units", "activation", "batch_norm", "dropout", "l2", "initializer",
        "batch_size", "lr_schedule", "optimizer",
    }  # fmt: skip
