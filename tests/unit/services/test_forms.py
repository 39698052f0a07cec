"""The forms of what is exported, told by the name of the file."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from hpsearch.config import TrialConfig
from hpsearch.errors import InputError
from hpsearch.formats import read_file
from hpsearch.networks.python import Python
from hpsearch.parsing import parse
from hpsearch.recipe import Recipe
from hpsearch.services.forms import form_of, write_recipe
from hpsearch.services.progress import Silent
from hpsearch.study_file import load_either


@pytest.mark.parametrize("name", ["keras", "numpy", "random", "absl", "sys", "hpsearch"])
def test_a_script_is_not_called_as_a_module_is(name: str) -> None:
    with pytest.raises(InputError, match=f"{name}.py: has the name of a Python module"):
        form_of(f"somewhere/{name}.py")
    assert form_of(f"{name}.toml") == "recipe"
    assert form_of(f"{name}/") == "saved_model"


def test_models_of_other_tools_have_the_endings_that_these_know() -> None:
    endings = {"a.onnx": "onnx", "b/best.v2.tflite": "litert", "best.xml": "openvino"}
    assert {name: form_of(name) for name in endings} == endings
    with pytest.raises(InputError, match=r"cannot export to '.ONNX'; use .*\.tflite \(LiteRT\)"):
        form_of("a.ONNX")


def test_a_script_that_was_written_before_is_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "best.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("best.py", "my-best.py", "trial.7.py", "__main__.py"):
        assert form_of(name) == "script"


def of_file(file: Path) -> Recipe:
    """A recipe whose network is in a file."""
    table = {"type": "python", "file": str(file), "width": 4}
    network = Python.model_validate(Python.located(table, file.parent, "recipe.toml"))
    config = TrialConfig(network=network)
    return Recipe(seed=1, config=config, dataset={"source": "digits"})


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A file of the user's, which imports others from beside it."""
    (tmp_path / "nets" / "inner").mkdir(parents=True)
    (tmp_path / "nets" / "inner" / "blocks.py").write_text("WIDTH = 4\n")
    (tmp_path / "nets" / "own.py").write_text("from inner import blocks\n")
    return tmp_path / "nets" / "own.py"


def test_a_recipe_takes_the_files_of_its_network_along(own: Path, tmp_path: Path) -> None:
    recipe, path = of_file(own), tmp_path / "out" / "best.toml"
    needed = write_recipe(recipe, path, Silent())
    assert needed == (path.parent / "own.py", path.parent / "inner" / "blocks.py")
    assert write_recipe(recipe, path, Silent()) == needed  # which are there already
    shutil.rmtree(own.parent)
    found = load_either(shutil.move(path.parent, tmp_path / "elsewhere") / path.name, ())
    assert isinstance(found, Recipe)
    network: Any = found.config.network
    assert network.file == str(tmp_path / "elsewhere" / "own.py")
    assert network.sha256 == recipe.config.network.model_dump()["sha256"]


@pytest.mark.parametrize("ending", [".toml", ".json", ".yaml"])
def test_a_recipe_calls_data_as_the_service_does_that_asked_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    root, path = '/opt/ü & "x"', tmp_path / f"best{ending}"
    dataset = {"source": "table", "path": f"{root}/t.csv", "target": f"https://a.org{root}/t.csv"}
    table = {"type": "dense", "layers": 1, "units": [8]}
    recipe = parse(Recipe, {"seed": 1, "config": {"network": table}, "dataset": dataset}, "")
    names = {root: "", f"{root}/t.csv": "t.csv"}
    monkeypatch.setenv("HPSEARCH_NAMES", json.dumps(names))
    write_recipe(recipe, path, Silent())
    found = parse(Recipe, read_file(path), "")
    assert found.dataset == recipe.dataset.model_copy(update={"path": "t.csv"})


def test_a_file_of_functions_is_called_as_its_recipe_is(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "build.pkl").write_bytes(b"functions")
    recipe = of_file(tmp_path / "home" / "build.pkl")
    (needed,) = write_recipe(recipe, tmp_path / "best.json", Silent())
    assert needed == tmp_path / "best.build.pkl"
    assert needed.read_bytes() == b"functions"


def test_a_file_of_another_network_stays(own: Path, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("x = 1\n")
    with pytest.raises(InputError, match=r"own\.py: already exists, and is another file"):
        write_recipe(of_file(own), tmp_path / "best.toml", Silent())
    assert (tmp_path / "own.py").read_text() == "x = 1\n"
    assert not (tmp_path / "best.toml").exists()


def test_a_network_whose_file_has_changed_has_no_recipe(own: Path, tmp_path: Path) -> None:
    recipe = of_file(own)
    own.write_text("x = 1\n")
    with pytest.raises(InputError, match="has changed since the study or recipe was made"):
        write_recipe(recipe, tmp_path / "best.toml", Silent())
    assert not (tmp_path / "best.toml").exists()
