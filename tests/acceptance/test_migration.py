"""The page for users of other tools: what belongs to hpsearch is run, models are compared."""

import difflib
import inspect
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import optuna
import pytest
from commandline import Cli

from hpsearch.parsing import parse
from hpsearch.study_file import StudyFile, load

PAGE = Path(__file__).parents[2] / "studies" / "migration.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.S | re.M)
FILES = {
    found[1]: body
    for _, body in BLOCKS
    if (found := re.match(r"# (\w+\.(?:py|toml))\n", body)) is not None
}
"""The files of the page, by the name in their first line."""

COMMANDS = [line[2:] for kind, body in BLOCKS if kind == "console" for line in body.splitlines()]

GIVEN = next(body for _, body in BLOCKS if "class Given" in body)


def function(code: str, name: str) -> list[str]:
    """The lines of a function."""
    found = re.search(rf"^def {name}\(.*?\n(?=\S|\Z)", code + "\n", re.S | re.M)
    assert found is not None
    return found[0].strip().splitlines()


@pytest.fixture
def folder(cli: Cli) -> Path:
    """The folder of the command line, with the page's files."""
    for name, content in FILES.items():
        (cli.folder / name).write_text(content)
    return cli.folder


def typed(command: str) -> list[str]:
    """A command of the page, without its first word."""
    first, *words = shlex.split(command)
    assert first == "hpsearch"
    return words


def test_a_keras_tuner_model_takes_five_lines() -> None:
    theirs, ours = function(FILES["tuner.py"], "build_model"), function(FILES["mine.py"], "build")
    changed = [line for line in difflib.ndiff(theirs, ours) if line.startswith("+ ")]
    assert 0 < len(changed) <= 5
    assert len(ours) == len(theirs)
    asked = set(re.findall(r'hp\.\w+\(\s*"(\w+)"', FILES["tuner.py"]))
    assert asked == set(re.findall(r'config\["(\w+)"\]', FILES["mine.py"]))


def test_every_file_is_one_that_can_be_read(folder: Path) -> None:
    assert FILES.keys() >= {"tuner.py", "script.py", "tune_search.py", "from_python.py", "back.py"}
    for name, content in FILES.items():
        if name.endswith(".toml"):
            assert load(folder / name).is_search
        else:
            compile(content, name, "exec")


BUILD = """
import sys
from types import ModuleType, SimpleNamespace

sys.modules["keras_tuner"] = ModuleType("keras_tuner")
import numpy as np
import from_python, mine, tuner

data = SimpleNamespace(input_shape=(8, 8), outputs=10)
config = {"units": 64, "activation": "tanh", "dropout": True, "norm": "batch", "lr": 0.005}
exec(GIVEN, tuner.__dict__)

def made(build):
    config["dropout"] = 0.25 if build is from_python.build else True
    model = build(config, data)
    answers = np.asarray(model(np.zeros((2, 8, 8), np.float32)))
    assert answers.shape == (2, 10) and np.allclose(answers.sum(axis=1), 1)
    layers = [(type(one).__name__, one.count_params()) for one in model.layers]
    return layers, float(model.optimizer.learning_rate), model.loss

print(*map(made, (mine.build, tuner.build, from_python.build)), sep="\\n")
"""


def test_the_models_are_built_and_are_the_same(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BUILD.replace("GIVEN", repr(GIVEN))],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ours, theirs, from_python = done.stdout.splitlines()
    assert ours == theirs
    assert "('Dropout', 0)" in ours
    assert ours.endswith("0.004999999888241291, 'sparse_categorical_crossentropy')")
    assert "('BatchNormalization', 256)" in from_python


def test_a_model_of_keras_tuner_gets_what_it_asks_for() -> None:
    names: dict[str, Any] = {
        "build_model": lambda hp: (
            hp.Int("units", min_value=1, max_value=2, step=1), hp.Boolean("dropout"),
            hp.Float("lr", 1e-4, 1e-2, sampling="log"), hp.Choice("activation", ["relu"]),
        )
    }  # fmt: skip
    exec(GIVEN, names)  # noqa: S102  # of our own page
    config = {"units": 64, "dropout": False, "lr": 0.5, "activation": "tanh"}
    assert names["build"](config, None) == (64, False, 0.5, "tanh")


def test_scopes_of_keras_tuner_are_passed_through_and_its_values_are_there() -> None:
    def build_model(hp: Any) -> Any:
        with hp.conditional_scope("kind", ["wide"]), hp.name_scope("top"):
            units = hp.Int(name="units", min_value=1, max_value=2)
        return units, hp.get("kind"), hp.values, hp["kind"]

    names: dict[str, Any] = {"build_model": build_model}
    exec(GIVEN, names)  # noqa: S102  # of our own page
    config = {"kind": "wide", "units": 64}
    assert names["build"](config, None) == (64, "wide", config, "wide")


def test_their_trials_are_adopted_as_the_page_says(
    cli: Cli, folder: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(empty_database, folder / "optuna.db")
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder / 'optuna.db'}")
    study = optuna.create_study(
        storage=storage,
        study_name="script",
        direction="maximize",
        sampler=optuna.samplers.RandomSampler(seed=0),
    )
    calls = re.findall(r"trial\.(suggest_\w+)\((.*?)\)", FILES["script.py"])
    assert len(calls) == 4
    for number in range(8):
        trial = study.ask()
        for kind, arguments in calls:
            eval(f"trial.{kind}({arguments})", {"trial": trial})  # noqa: S307  # of our own page
        study.tell(trial, number / 10)
    storage.remove_session()
    storage.engine.dispose()
    adopt, run = [command for command in COMMANDS if "plain.toml" in command]
    monkeypatch.chdir(folder)
    said = cli.json(*typed(adopt), "--json")
    assert 0 < said["adopted"] < 8
    assert {reason.split(":")[0] for reason in said["left"]} == {"adam.learning_rate"}
    assert said["enqueued"] == 3
    assert typed(run) == ["run", "plain.toml"]
    monkeypatch.chdir(folder)
    url = re.search(r'storage="(.*?)"', FILES["back.py"])
    assert url is not None
    assert url[1].replace("hpsearch-data", cli.home.name) == f"sqlite:///{cli.home.name}/studies.db"
    back = optuna.load_study(study_name="plain", storage=f"sqlite:///{cli.database}")
    assert len(back.trials) == said["adopted"] + 3


def test_what_is_asked_for_from_python_is_what_there_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, asked = import_module("hpsearch"), list[dict[str, Any]]()
    names = {name: getattr(ours, name) for name in ("Int", "Float", "Choice")}
    search = inspect.signature(import_module("hpsearch.api.searching").search)
    stub = SimpleNamespace(
        search=lambda **given: SimpleNamespace(best=asked.append(given)), **names
    )
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "hpsearch", stub)
        patch.setitem(sys.modules, "keras", ModuleType("keras"))
        runpy.run_path(str(folder / "from_python.py"), run_name="__main__")
    (given,) = asked
    search.bind(**given)
    used = set(re.findall(r'config\["(\w+)"\]', FILES["from_python.py"]))
    assert given["space"].keys() == used
    table = {key: one for key, one in given.items() if key in ("training", "pruner")}
    parse(StudyFile, {"name": "there", "dataset": {"source": given["data"]}, **table}, "page")
