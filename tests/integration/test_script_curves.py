"""Scripts come to the curves of hpsearch itself where no shuffle can tell them apart."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alone import run_alone
from tabular import table_parts, table_recipe

from hpsearch.config import TrialConfig
from hpsearch.data.arrays import silent
from hpsearch.data.parts import Part, Parts
from hpsearch.data.target import fit_target
from hpsearch.data.transform import Affine
from hpsearch.ensembles import Library
from hpsearch.home import WEIGHTS
from hpsearch.recipe import Recipe
from hpsearch.script import arrays
from hpsearch.script.ensemble import Network, ensemble_script
from hpsearch.script.script import script
from hpsearch.tasks import METRICS
from hpsearch.tasks.classification import LOSS
from hpsearch.training import devices
from hpsearch.training.averaging import of_ensemble
from hpsearch.training.ensemble import Member
from hpsearch.training.outcome import Watch
from hpsearch.training.train import train

WHOLE: dict[str, Any] = {
    "batch_size": 128,
    # Adam would make steps of what is rounding in a gradient.
    "optimizer": {"type": "sgd", "learning_rate": 0.1},
}


def classes() -> tuple[Recipe, Parts]:
    """A table of two folds, whose classes are balanced."""
    parts = table_parts(regression=False, folds=2)
    counts = np.bincount(parts.train.y[parts.train.rows])
    balanced = (counts.sum() / (3 * counts)).astype(np.float32)
    return table_recipe(regression=False, **WHOLE), replace(parts, class_weights=balanced)


def numbers() -> tuple[Recipe, Parts]:
    """A table of two folds, of which a number is predicted."""
    return table_recipe(regression=True, **WHOLE), table_parts(regression=True, folds=2)


def mixed_images() -> tuple[Recipe, Parts]:
    """Images that are mixed at random, of which a number is predicted."""
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (60, 6, 6, 1)).astype(np.uint8)
    y, rows = x[:, 2, 2, 0] + 3.0, np.arange(40)
    parts = Parts(
        train=Part(x=x, y=y, rows=rows),
        validation=Part(x=x, y=y, rows=np.arange(40, 60)),
        input_shape=(6, 6, 1),
        class_names=(),
        transform=Affine(multiplier=np.float32(1 / 127.5), offset=np.float32(-1)),
        target=fit_target(y, rows, is_log=False, where=""),
        class_weights=None,
        fingerprint="",
    )
    augment = {"mixup": 0.3, "flip": True}
    return table_recipe(regression=True, augment=augment, **WHOLE), parts


@pytest.mark.parametrize("make", [classes, numbers, mixed_images])
def test_a_script_trains_as_hpsearch_does_by_whole_batches(make: Any, tmp_path: Path) -> None:
    devices.set_up()
    recipe, parts = make()
    weights = np.linspace(0.1, 3, len(parts.train.y))
    parts = replace(parts, train=replace(parts.train, weights=weights))
    (tmp_path / "best.py").write_text(script(recipe, parts, Path("best.npz")))
    test = parts.validation
    arrays.write(tmp_path / "best.npz", arrays.contents(parts, test), "writing", silent)
    said = run_alone(tmp_path / "best.py", "--test", folder=tmp_path)
    assert ("validation examples of the first of 2 folds" in said) == bool(parts.others)

    outcome = train(recipe, replace(parts, others=()), tmp_path, Watch())
    lines = [dict(re.findall(r"(\w+): ([\d.e+-]+)", line)) for line in said.splitlines()]
    epochs = [line for line in lines if "val_loss" in line]
    assert len(epochs) == len(outcome.curves) == 2
    for told, own in zip(epochs, outcome.curves, strict=True):
        for name, value in told.items():
            assert float(value) == pytest.approx(own.values[name], rel=1e-4, abs=1e-4)
    for name, value in outcome.curves[outcome.best_epoch - 1].values.items():
        if name.startswith("val_"):
            for printed in (name, name.replace("val_", "test_")):  # it was given as the test part
                found = re.search(rf"^{printed} (.+)$", said, re.MULTILINE)
                assert found is not None
                assert float(found[1]) == pytest.approx(value, rel=1e-4, abs=1e-4)


def averaged_numbers() -> tuple[list[Recipe], Parts]:
    """Three networks of a table, of which a number is predicted; one has members."""
    recipe, parts = numbers()
    config = {"members": 2, "lr_schedule": "cosine"}
    other = table_recipe(regression=True, **WHOLE, **config)
    longer = recipe.training.model_copy(update={"epochs": 3})  # as refits may differ
    recipes = [recipe, other, recipe.model_copy(update={"seed": 7, "training": longer})]
    return recipes, replace(parts, others=())


def averaged_images() -> tuple[list[Recipe], Parts]:
    """Dense and convolutional networks of images, of which one mixes them, of classes."""
    _, parts = mixed_images()
    y = (parts.train.y // 90).astype(np.int64)
    conv = TrialConfig(network={"type": "conv", "filters": 4}, lr_schedule="plateau", **WHOLE)
    dense = table_recipe(regression=False, **WHOLE)
    recipes = [
        dense,
        table_recipe(regression=False, augment={"mixup": 0.3, "flip": True}, **WHOLE),
        dense.model_copy(update={"config": conv}),
    ]
    train, validation = (replace(one, y=y) for one in (parts.train, parts.validation))
    found = replace(
        parts, train=train, validation=validation, target=None, class_names=("a", "b", "c")
    )
    return recipes, found


@pytest.mark.parametrize("make", [averaged_numbers, averaged_images])
def test_the_script_of_an_ensemble_averages_as_hpsearch_does(make: Any, tmp_path: Path) -> None:
    devices.set_up()
    recipes, parts = make()
    weights = (0.5, 0.375, 0.125)
    networks = [
        Network(name=f"trial {number}", recipe=recipe, weight=weight)
        for number, (recipe, weight) in enumerate(zip(recipes, weights, strict=True))
    ]
    text = ensemble_script(networks, "small", 0.5, parts, Path("several.npz"))
    (tmp_path / "several.py").write_text(text)
    contents = arrays.contents(parts, parts.validation)
    arrays.write(tmp_path / "several.npz", contents, "writing", silent)
    said = run_alone(tmp_path / "several.py", "--test", folder=tmp_path)
    *alone, together = (
        results(part) for part in re.split(r"\n\n(?=network \d|ensemble)", said)[1:]
    )

    members = []
    for recipe, weight, told in zip(recipes, weights, alone, strict=True):
        folder = tmp_path / f"{weight}"
        outcome = train(recipe, parts, folder, Watch())
        check_results(told, outcome.curves[outcome.best_epoch - 1].values)
        file = folder / WEIGHTS
        members.append(Member(recipe=recipe, parts=parts, weights=file, share=weight))
    rows = parts.validation.rows
    x, y = parts.validation.x[rows], parts.validation.y[rows]
    answers = of_ensemble(members)(x)
    library = Library(answers=answers[np.newaxis], y=y, metric=LOSS, target=parts.target)
    for name, value in together.items():
        metric = METRICS[name.replace("test_", "val_")]  # it was given as the test part
        expected = replace(library, metric=metric).value(answers)
        assert value == pytest.approx(expected, rel=1e-3, abs=1e-4), name
    assert len(together) == 2 * len([name for name in together if name.startswith("val_")])


def results(said: str) -> dict[str, float]:
    """The values at the end of what a script says, by name."""
    return {name: float(value) for name, value in re.findall(r"^(\w+) (\S+)$", said, re.MULTILINE)}


def check_results(told: dict[str, float], values: Mapping[str, float]) -> None:
    """What a script printed of a network are the values of hpsearch's training."""
    for name, value in values.items():
        if name.startswith("val_"):
            assert told[name] == pytest.approx(value, rel=1e-3, abs=1e-4)
