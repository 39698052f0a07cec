"""What judging writes beside the weights and into the record, without TensorFlow."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fakes
import numpy as np
import pytest

from hpsearch.data.record import Access
from hpsearch.services import judging
from hpsearch.services.judging import Kept, judge
from hpsearch.tasks.classification import CLASSIFICATION
from hpsearch.tasks.regression import REGRESSION
from hpsearch.tasks.task import Task

Judge = Callable[..., list[Mapping[str, list[float]] | None]]


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Judge:
    """Judges made-up outputs of one model; what was told of the access, before and after."""

    def one(task: Task, y: np.ndarray, outputs: np.ndarray, **more: Any) -> list[Any]:
        told: list[Any] = []
        trained = SimpleNamespace(logits=lambda *_: outputs)
        monkeypatch.setitem(sys.modules, "hpsearch.training.train", trained)
        monkeypatch.setattr(judging, "open_test", lambda *_: (np.zeros((len(y), 8)), y))
        monkeypatch.setattr(judging, "record_result", lambda *given: told.append(given[-1]))
        monkeypatch.setattr(judging, "Splits", lambda _: lambda _: fakes.parts(classes=2))
        recipe: Any = SimpleNamespace(seed=3, task=task, dataset=None)
        kept = Kept(recipe=recipe, weights=tmp_path / "best.weights.h5", value=0.25)
        data: Any = None
        access = Access(opened_by="a test")
        judge(data, access, [kept], lambda *given: told.append(given[-1]), **more)
        return told

    return one


def test_a_regression_leaves_its_residuals(judged: Judge, tmp_path: Path) -> None:
    told = judged(REGRESSION, np.array([1.0, 2.0, 3.0]), np.array([[1.0], [2.0], [6.0]]))
    assert told == [None, {"rmse": [pytest.approx(3**0.5)], "r2": [-3.5]}, told[1]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["residuals.html", "test.json"]
    result = json.loads((tmp_path / "test.json").read_text())
    assert (result["mae"], result["seed"], result["value"]) == (1.0, 3, 0.25)
    assert result["residuals"]["points"][2] == [3.0, 6.0]


def test_a_classifier_leaves_its_confusion_matrix(judged: Judge, tmp_path: Path) -> None:
    told = judged(CLASSIFICATION, np.array([0, 1]), np.eye(2, dtype=np.float32))
    assert told == [None, {"accuracy": [1.0], "f1_macro": [1.0]}, told[1]]
    names = ["confusion.html", "test.json", "thresholds.html"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_what_is_compared_is_told_the_test_split_and_recorded(judged: Judge) -> None:
    def compare(x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
        return {"reference": [x.shape, y.tolist()]}

    told = judged(CLASSIFICATION, np.array([0, 1]), np.eye(2, dtype=np.float32), compare=compare)
    assert told == [
        None, {"accuracy": [1.0], "f1_macro": [1.0], "reference": [(2, 8), [0, 1]]}, told[1],
    ]  # fmt: skip
