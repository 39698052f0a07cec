"""Recipes, data and checks for tests of exported scripts."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch.data.arrays import Targets
from hpsearch.data.parts import Part, Parts
from hpsearch.data.tables.column import Column
from hpsearch.data.tables.fitted import fit_table
from hpsearch.data.target import fit_target
from hpsearch.data.transform import Affine
from hpsearch.optimizers import OPTIMIZERS
from hpsearch.recipe import Recipe

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
    {
        "numeric_embedding": "piecewise",
        "members": 3,
        "input_scale": True,
        "parametric_activation": True,
    },
)
REGRESSION = {
    "dataset": {"source": "table", "path": "x.csv", "target": "y", "task": "regression"},
    "objective": {"metric": "val_rmse"},
}


CONFIGS: list[dict[str, Any]] = [
    {},
    {"layers": 3, "units": [64, 32, 16], "dropout": [0.1, 0.0, 0.5]},
    {"dropout": 0.2, "batch_norm": True, "l2": 1e-4},
    *({"activation": name} for name in ("silu", "leaky_relu", "mish")),
    *({"lr_schedule": name} for name in ("plateau", "cosine", "step", "warmup_cosine", "coslog4")),
    {"input_scale": True, "parametric_activation": True, "initializer": "ntk"},
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


def check(folder: Path) -> None:
    """All scripts in a folder are clean and formatted."""
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent))
    assert ruff is not None
    width = ("--isolated", "--line-length", "100", str(folder))
    for command in (["check", "--select", "E,F,W,I"], ["format", "--check"]):
        done = subprocess.run([ruff, *command, *width], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
