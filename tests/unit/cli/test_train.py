"""``hpsearch train`` without TensorFlow: the folder that it leaves."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fakes
import numpy as np
import pytest
from PIL import Image

from hpsearch.cli import train as command
from hpsearch.cli.output import say
from hpsearch.data.parts import Parts
from hpsearch.errors import InputError, UnreachableError
from hpsearch.home import Home
from hpsearch.recipe import Recipe
from hpsearch.services import train as service
from hpsearch.services import training
from hpsearch.services.progress import Progress
from hpsearch.services.training import Trained
from hpsearch.tasks.regression import REGRESSION, RMSE
from hpsearch.tasks.regression_evaluation import evaluate
from hpsearch.training.outcome import Outcome, Watch

RECIPE = """\
format = "hpsearch-recipe/1"
seed = 3
[config]
layers = {layers}
units = [{units}]
dropout = [0.0]
[dataset]
source = "digits"
[training]
epochs = 3
"""

Train = Callable[..., Path]
IMAGE_OF_EPOCHS = training.image_of_epochs


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Train:
    """Trains a recipe of some width, without a picture; the folder that is named at the end."""

    def train_here(recipe: Recipe, parts: Parts, folder: Path, _: Progress, **__: Any) -> Outcome:
        say("it is trained")
        return fakes.train(recipe, parts, folder, Watch())

    monkeypatch.setattr(service, "train_here", train_here)
    monkeypatch.setattr(training, "image_of_epochs", lambda *_: b"")
    file = tmp_path / "best.toml"

    def one(units: int = 16, **options: Any) -> Path:
        file.write_text(RECIPE.format(layers=1, units=units))
        command.train(file, **{"seed": None, "test": False, "home": tmp_path / "home", **options})
        named = capsys.readouterr().out.splitlines()[-1]
        folder = Path(named.removeprefix("In ").partition(": ")[0])
        assert named.partition(": ")[2] == "curves.png, recipe.toml, result.json"
        return folder

    return one


def test_the_curves_are_left_as_a_picture(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "image_of_epochs", IMAGE_OF_EPOCHS)
    folder = train()
    assert folder.name == "best-seed3"
    picture = Image.open(io.BytesIO((folder / "curves.png").read_bytes()))
    assert picture.format == "PNG"
    assert min(picture.size) > 300


def test_another_recipe_of_that_name_has_a_folder_of_its_own(train: Train) -> None:
    first = train()
    before = (first / "result.json").read_bytes()
    other = train(overrides=["dataset.split_seed=7"])
    assert other.name == "best-seed3-2"
    assert train(units=32).name == "best-seed3-3"
    assert train(seed=4).name == "best-seed4"
    assert (first / "result.json").read_bytes() == before
    # The same once more takes the place of what it left before.
    assert train(overrides=["dataset.split_seed=7"]) == other
    assert train() == first


def test_other_data_are_another_result(train: Train) -> None:
    folder = train()
    result = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps(result | {"fingerprint": "other"}))
    assert train().name == "best-seed3-2"


def test_a_folder_with_another_recipe_is_refused_and_stays(train: Train, tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert train(output=output) == train(output=output) == output
    kept = {path: path.read_bytes() for path in output.iterdir()}
    with pytest.raises(
        InputError, match=r"dataset\.split_seed: 0 -> 7\), which would be .*another folder"
    ):
        train(output=output, overrides=["dataset.split_seed=7"])
    (output / "recipe.toml").write_text("damaged")
    with pytest.raises(InputError, match=r"recipe\.toml cannot be read"):
        train(output=output)
    del kept[output / "recipe.toml"]
    assert all(path.read_bytes() == content for path, content in kept.items())
    assert Home(tmp_path / "home").trainings.exists() is False


@pytest.mark.parametrize("name", ["result.json", "curves.csv", "best.weights.h5"])
def test_files_of_others_stay(train: Train, tmp_path: Path, name: str) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / name).write_text("mine")
    with pytest.raises(InputError, match=f"has a {name} that no training wrote"):
        train(output=output)
    assert [path.read_text() for path in output.iterdir()] == ["mine"]


def test_a_file_in_place_of_a_folder(train: Train, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(
        UnreachableError, match=r"out.*cannot be written: (Not a directory|File exists)"
    ):
        train(output=tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_the_test_split_is_opened_once_all_is_trained(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """That it was tried is written down, whatever came of it."""
    datasets = Home(tmp_path / "home").datasets
    train()  # imports the data
    (examples,) = datasets.glob("*/x_test.npy")
    examples.unlink()
    output = tmp_path / "out"
    with pytest.raises(InputError, match=r"x_test\.npy is damaged or missing"):
        train(output=output, test=True)
    assert "it is trained" in capsys.readouterr().err
    (access,) = map(json.loads, (datasets / "test_opened.jsonl").read_text().splitlines())
    assert access["opened_by"].startswith("train ")
    assert "result" not in access


def test_the_recipe_that_is_left_names_the_precision_that_was_used(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[list[Recipe]] = []

    def settled(recipes: list[Recipe], *_: Any) -> str:
        tried.append(recipes)
        return "mixed_bfloat16"

    monkeypatch.setattr(service, "start_tensorflow", lambda: None)
    monkeypatch.setattr(service, "settled", settled)
    auto = {"overrides": ["training.precision=auto"]}
    folder = train(**auto)
    assert 'precision = "mixed_bfloat16"' in (folder / "recipe.toml").read_text()
    assert [recipe.config.batch_size for (recipe,) in tried] == [32]
    # Measured again it might be float32, which would be another recipe.
    assert train(**auto) == train(**auto, output=folder) == folder
    assert len(tried) == 1
    assert train(17, **auto) != folder
    assert len(tried) == 2


def test_what_a_regression_came_to_is_told_in_its_own_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    objective: Any = SimpleNamespace(metric="val_rmse", measure=RMSE)
    recipe: Any = SimpleNamespace(objective=objective, task=REGRESSION)
    outcome: Any = SimpleNamespace(
        value=41234.5678, parameters=12, epochs=3, best_epoch=2, seconds=1.0,
        train_accuracy=0.75, train_value=0.75, gap=0.125,
    )  # fmt: skip
    found = evaluate(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 6.0]))
    trained = Trained(recipe=recipe, outcome=outcome, folder=tmp_path, fingerprint="f", test=found)
    command.print_trained(trained)
    said = capsys.readouterr().out
    assert "val_rmse 41235\n" in said
    assert "training R² 0.7500, gap +0.1250" in said
    assert "test RMSE 1.7321" in said
    assert "accuracy" not in said
