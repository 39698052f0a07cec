"""A small table with every kind of column, for tests of what is exported."""

from dataclasses import replace
from typing import Any

import numpy as np

from hpsearch.data.parts import Part, Parts
from hpsearch.data.tables.column import Column
from hpsearch.data.tables.fitted import fit_table
from hpsearch.data.target import fit_target
from hpsearch.recipe import Recipe

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


def table_parts(*, regression: bool, folds: int = 1) -> Parts:
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


def table_recipe(*, regression: bool, **config: Any) -> Recipe:
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
