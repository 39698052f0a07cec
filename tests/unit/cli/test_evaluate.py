"""What ``evaluate`` prints, on a terminal of 80 columns."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from screens import on_terminal

from hpsearch.cli.evaluate import print_judged, print_reference
from hpsearch.cli.results import print_scores
from hpsearch.config import TrialConfig
from hpsearch.reference.reference import Reference
from hpsearch.search.leaders import Leader
from hpsearch.services.evaluate import Judged
from hpsearch.services.models import Group, Model
from hpsearch.tasks import regression_evaluation
from hpsearch.tasks.classification import ACCURACY, CLASSIFICATION
from hpsearch.tasks.evaluating import AnyEvaluation
from hpsearch.tasks.evaluation import Evaluation, evaluate
from hpsearch.tasks.regression import RMSE

CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def evaluation(seed: int, names: tuple[str, ...] = CIFAR) -> Evaluation:
    chance = np.random.default_rng(seed)
    labels = chance.integers(0, len(names), 10_000)
    wrong = chance.random(10_000) < 0.4
    answers = np.where(wrong, chance.integers(0, len(names), 10_000), labels)
    return evaluate(labels, np.eye(len(names), dtype=np.float32)[answers], names)


def priced(seed: int) -> AnyEvaluation:
    """Of predictions of prices."""
    chance = np.random.default_rng(seed)
    y = chance.normal(200_000, 80_000, 1000)
    return regression_evaluation.evaluate(y, y + chance.normal(3000, 40_000, 1000))


def judged(
    seeds: int,
    epochs: int | None = None,
    names: tuple[str, ...] = CIFAR,
    *,
    prices: bool = False,
) -> Judged:
    """A configuration with results of random answers."""

    def model(number: int) -> Model:
        trial: Any = SimpleNamespace(user_attrs={"train_accuracy": 0.9234})
        recipe: Any = SimpleNamespace(seed=2_000_000_000 + number)
        value = 41_234.5678 if prices else 0.6123
        return Model(study="s", recipe=recipe, trial=trial, value=value, weights=Path("w"))

    leader = Leader(of="12", config=TrialConfig(units=[2048, 1024], dropout=0.25), found=0.6)
    models = tuple(model(number) for number in range(seeds))
    group = Group(leader=leader, models=models, epochs=epochs, chosen="smallest")
    results: dict[int, AnyEvaluation] = {
        model.seed: priced(model.seed) if prices else evaluation(model.seed, names)
        for model in models
    }
    return Judged(group=group, results=results, metric=RMSE if prices else ACCURACY)


def test_a_classification_is_told_what_its_commonest_class_alone_comes_to(
    capsys: pytest.CaptureFixture[str],
) -> None:
    labels = np.array([0] * 97 + [1] * 3)
    print_scores(evaluate(labels, np.tile(np.float32([0.9, 0.1]), (100, 1)), ("no", "yes")))
    assert 'accuracy of predicting "no" alone 0.9700' in capsys.readouterr().out


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


@pytest.mark.parametrize("epochs", [None, 27])
@pytest.mark.parametrize("seeds", [1, 5])
def test_a_regression_fits_80_columns_too(
    monkeypatch: pytest.MonkeyPatch, seeds: int, epochs: int | None
) -> None:
    one = judged(seeds, epochs, prices=True)
    lines = on_terminal(monkeypatch, lambda: print_judged(one, "val_rmse"))
    text = "\n".join(lines)
    assert "…" not in text
    head = next(line for line in lines if line.strip().startswith("seed"))
    own = ["val"] if epochs is None else []
    assert head.split() == ["seed", *own, "train", "R²", "test", "95", "%", "interval", "R²", "gap"]
    assert ("val_rmse (val), R² on training, RMSE (test)" in text) is (epochs is None)
    assert ("Mean test RMSE of 5 seeds: " in text) is (seeds == 5)
    assert not any(word in text for word in ("accuracy", "F1", "Confusion", "class"))
    for said in ("RMSE", "MAE", "standard error", "bias", "Farthest off", "99 %"):
        assert said in text


def test_the_mean_of_a_regression_has_both_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    one = judged(3, prices=True)
    lines = on_terminal(monkeypatch, lambda: print_judged(one, "val_rmse"))
    (seeds,) = [line for line in lines if line.startswith("95 % interval over the seeds")]
    (examples,) = [line for line in lines if line.startswith("95 % interval over the 1000")]
    assert seeds.endswith("(Student's t)")
    assert examples.endswith("(standard error)")
    low, high = one.over_examples or (0.0, 0.0)
    ends = [vars(result)["rmse_interval"] for result in one.results.values()]
    assert low == pytest.approx(np.mean([end[0] for end in ends]))
    assert low < np.mean(one.headlines) < high
    assert f" {low:.0f} to {high:.0f} " in examples
    (others,) = [line for line in lines if line.startswith("Other means")]
    assert others.startswith("Other means: MAE 3")
    assert ", R² 0." in others


def test_the_json_of_a_regression() -> None:
    found = judged(2, prices=True).plain()
    assert list(found)[5:9] == ["rmse", "mae", "r2", "middle"]
    assert 30_000 < found["rmse"]["mean"] < 50_000
    assert found["r2"]["interval"][1] <= 1
    (first, _) = found["models"]
    assert first["gap"] == pytest.approx(first["train_value"] - first["test"]["r2"])
    assert json.dumps(found, allow_nan=False)


def test_of_a_classifier_the_json_has_what_it_had() -> None:
    found = judged(2).plain()
    names = ["accuracy", "f1_macro", "balanced_accuracy", "auc", "log_loss"]
    assert list(found)[5:11] == [*names, "middle"]
    first = found["models"][0]
    assert first["gap"] == pytest.approx(0.9234 - first["test"]["accuracy"])


def test_a_gap_needs_both_values() -> None:
    one = judged(1, prices=True)
    (model,) = one.group.models
    same = regression_evaluation.evaluate(np.ones(3), np.zeros(3))
    assert Judged(group=one.group, results={model.seed: same}, metric=RMSE).gap(model) is None


def test_predictions_that_are_no_numbers_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = regression_evaluation.evaluate(np.arange(9.0), np.full(9, np.nan))
    lines = on_terminal(monkeypatch, lambda: print_scores(broken))
    assert "9 predictions not finite: each counts as 3.4e+38" in lines


def test_models_for_comparison_fit_80_columns_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def reached(name: str, examples: int) -> Reference:
        told = {
            "name": name, "test": {"accuracy": 0.955, "f1_macro": 0.9}, "interval": [0.94, 0.97],
            "examples": examples, "of_examples": 50_000, "inputs": 3072, "of_inputs": 3072,
            "seconds": 1.0, "scikit_learn": "1.9", "with_validation": True,
        }  # fmt: skip
        return Reference.model_validate(told)

    found = [reached("trees", 1302), reached("linear", 50_000)]
    lines = on_terminal(monkeypatch, lambda: print_reference(found, CLASSIFICATION))
    text = " ".join(" ".join(lines).split())
    assert "…" not in text
    assert "trained on 50,000 training and validation examples" in text
    assert "gradient-boosted trees on 1,302 0.9550" in text  # the rest is a line of its own
    assert "of 50,000 examples a linear model 0.9550" in text
    assert text.count("0.9550 0.9400 to 0.9700 0.9000") == 2
