"""What ``evaluate`` prints, on a terminal of 80 columns."""

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from screens import on_terminal

from hpsearch.cli.evaluate import print_judged
from hpsearch.config import TrialConfig
from hpsearch.search.confirmation import Leader
from hpsearch.services.evaluate import Judged
from hpsearch.services.models import Group, Model
from hpsearch.tasks.classification import ACCURACY
from hpsearch.tasks.evaluation import Evaluation, evaluate

CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def evaluation(seed: int, names: tuple[str, ...] = CIFAR) -> Evaluation:
    chance = np.random.default_rng(seed)
    labels = chance.integers(0, len(names), 10_000)
    wrong = chance.random(10_000) < 0.4
    answers = np.where(wrong, chance.integers(0, len(names), 10_000), labels)
    return evaluate(labels, np.eye(len(names), dtype=np.float32)[answers], names)


def judged(seeds: int, epochs: int | None = None, names: tuple[str, ...] = CIFAR) -> Judged:
    """A configuration with results of random answers."""

    def model(number: int) -> Model:
        trial: Any = SimpleNamespace(user_attrs={"train_accuracy": 0.9234})
        recipe: Any = SimpleNamespace(seed=2_000_000_000 + number)
        return Model(study="s", recipe=recipe, trial=trial, value=0.6123, weights=Path("w"))

    leader = Leader(of="12", config=TrialConfig(units=[2048, 1024], dropout=0.25), found=0.6)
    models = tuple(model(number) for number in range(seeds))
    group = Group(leader=leader, models=models, epochs=epochs, chosen="smallest")
    results = {model.seed: evaluation(model.seed, names) for model in models}
    return Judged(group=group, results=results, metric=ACCURACY)


@pytest.mark.parametrize("epochs", [None, 27])
@pytest.mark.parametrize("seeds", [1, 5])
def test_all_of_it_fits_80_columns(
    monkeypatch: pytest.MonkeyPatch, seeds: int, epochs: int | None
) -> None:
    lines = on_terminal(monkeypatch, lambda: print_judged(judged(seeds, epochs), "val_f1_macro"))
    assert "…" not in "".join(lines)
    assert lines[0] == "Trial 12 (the smallest that the seeds cannot tell from the first)"
    head = next(line for line in lines if line.strip().startswith("seed"))
    own = ["val"] if epochs is None else []
    assert head.split() == ["seed", *own, "train", "test", "95", "%", "interval", "macro", "F1",
                            "gap"]  # fmt: skip
    assert sum(line.strip().startswith("200000000") for line in lines) == seeds
    (matrix,) = [index for index, line in enumerate(lines) if line.startswith("Confusion matrix")]
    cells = [line.split() for line in lines[matrix + 4 : matrix + 14]]
    assert [row[1] for row in cells] == list(CIFAR)
    assert all(len(row) == 12 for row in cells)


def test_a_matrix_that_does_not_fit_is_in_its_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    names = tuple(f"class number {number}" for number in range(15))
    lines = on_terminal(monkeypatch, lambda: print_judged(judged(1, None, names), "val_accuracy"))
    assert "The confusion matrix is in confusion.html, beside the weights." in lines
    assert not any(line.startswith("Confusion matrix") for line in lines)


def test_what_goes_into_a_pipe_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", pipe := io.StringIO())
    names = tuple(f"class number {number}" for number in range(15))
    print_judged(judged(2, None, names), "val_accuracy")
    assert "Confusion matrix" in pipe.getvalue()
    assert "…" not in pipe.getvalue()
