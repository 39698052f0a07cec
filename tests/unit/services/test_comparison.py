"""Models of scikit-learn on the test split that evaluate has opened."""

from pathlib import Path
from typing import Any

import fakes
import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from hpsearch.data.cache import open_dataset
from hpsearch.data.dataset import Dataset
from hpsearch.data.drawing import split
from hpsearch.data.section import DatasetSection
from hpsearch.home import Home
from hpsearch.parsing import parse
from hpsearch.recipe import Recipe
from hpsearch.reference import parts as reference_parts
from hpsearch.services.comparison import Comparison
from hpsearch.tasks.interval import wilson


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """Vectors of two classes, of which a hundred trees each are quickly made."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    x = draw.normal(size=(400, 6)).astype(np.float32)
    np.savez("data.npz", x_train=x, y_train=(x[:, 0] + draw.normal(size=400) > 0).astype(int))
    section = DatasetSection(source="npz", path=str(tmp_path / "data.npz"))
    return open_dataset(section, Home(tmp_path / "home"))


def recipe(**dataset: Any) -> Recipe:
    source = {"source": "npz", "path": str(Path("data.npz").absolute()), "scale": "none"}
    table = {**source, "limit": 120, **dataset}
    return parse(Recipe, {"dataset": table, "config": {}, "seed": 1}, "recipe")


def test_the_numbers_are_those_of_scikit_learn(data: Dataset) -> None:
    told, x, y = fakes.Told(), *data.train()
    compare = Comparison(data, recipe(), told)
    assert compare.found == ()
    record = compare(x[:200], y[:200])
    own = split(data, recipe().dataset).train
    shown = own.x[own.rows].reshape(len(own), -1)
    direct = HistGradientBoostingClassifier(random_state=0).fit(shown, own.y[own.rows])
    right = int(np.sum(direct.predict(x[:200].reshape(200, -1)) == y[:200]))
    trees = record["reference"][0]
    assert trees["test"]["accuracy"] == pytest.approx(right / 200)
    assert trees["interval"] == pytest.approx(list(wilson(right, 200)))
    assert (trees["examples"], trees["with_validation"]) == (120, False)
    assert "values" not in trees
    assert len(told.lines) == 1
    assert compare(x[:200], y[:200]) == record  # of the next configuration: trained once
    assert len(told.lines) == 1


def test_after_a_refit_they_are_trained_on_validation_examples_as_well(data: Dataset) -> None:
    x, y = data.train()
    compare = Comparison(data, recipe(include_validation=True), fakes.Told())
    (trees, _) = compare(x[:50], y[:50])["reference"]
    assert trees["with_validation"]
    assert trees["of_examples"] > 120


def test_what_fails_costs_no_result(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("Input X\ncontains infinity")

    monkeypatch.setattr(reference_parts, "on_test", fail)
    told, (x, y) = fakes.Told(), data.train()
    compare = Comparison(data, recipe(), told)
    assert compare(x, y) == compare(x, y) == {}
    assert told.lines[1:] == ["warning: no models for comparison: Input X contains infinity"]


def test_none_are_trained_that_are_not_wanted(data: Dataset) -> None:
    told, (x, y) = fakes.Told(), data.train()
    compare = Comparison(data, recipe(), told, wanted=False)
    assert compare(x, y) == {}
    assert compare.found == ()
    assert told.lines == []
