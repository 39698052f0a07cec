"""Scripts of tables come to the curves of hpsearch itself where no shuffle can tell them apart."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from alone import run_alone
from tabular import table_parts, table_recipe

from hpsearch.data.arrays import silent
from hpsearch.script import arrays
from hpsearch.script.script import script
from hpsearch.training import devices
from hpsearch.training.outcome import Watch
from hpsearch.training.train import train


@pytest.mark.parametrize("regression", [False, True])
def test_a_script_trains_as_hpsearch_does_by_whole_batches(
    regression: bool, tmp_path: Path
) -> None:
    devices.set_up()
    parts = table_parts(regression=regression, folds=2)
    weights = np.linspace(0.1, 3, len(parts.train.y))
    weighted = replace(parts, train=replace(parts.train, weights=weights))
    if not regression:
        counts = np.bincount(parts.train.y[parts.train.rows])
        balanced = (counts.sum() / (3 * counts)).astype(np.float32)
        weighted = replace(weighted, class_weights=balanced)
    # Adam would make steps of what is rounding in a gradient.
    optimizer = {"type": "sgd", "learning_rate": 0.1}
    recipe = table_recipe(regression=regression, batch_size=128, optimizer=optimizer)
    (tmp_path / "best.py").write_text(script(recipe, weighted, Path("best.npz")))
    arrays.write(tmp_path / "best.npz", arrays.contents(weighted, weighted.validation), "", silent)
    said = run_alone(tmp_path / "best.py", "--test", folder=tmp_path)
    assert "validation examples of the first of 2 folds" in said

    outcome = train(recipe, replace(weighted, others=()), tmp_path, Watch())
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
