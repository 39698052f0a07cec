"""What may be typed where a study's name is asked for."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from hpsearch.cli.app import COMMANDS, app
from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.search import claims
from hpsearch.search.study import OpenStudy

STUDY = '[dataset]\nsource = "digits"\n[space]\nlayers = { type = "int", low = 1, high = 2 }\n'
ASKING = (
    "worker", "stop", "enqueue", "fork", "show", "trials", "logs", "best", "confirm", "ensemble",
    "refit", "evaluate", "report", "export", "reproduce", "delete",
)  # fmt: skip


@pytest.fixture(autouse=True)
def folder(
    home: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    open_study: Callable[..., OpenStudy],
    build_once: Callable[[Callable[[], OpenStudy]], OpenStudy],
) -> Path:
    """A folder with two study files, whose studies are there."""
    build_once(lambda: [open_study(name=name) for name in ("Mine", "mine")][-1])
    for name in ("Mine", "mine"):
        (tmp_path / f"{name}.toml").write_text(f'name = "{name}"\n{STUDY}')
    (tmp_path / "recipe.toml").write_text('format = "hpsearch-recipe/1"\n')
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPSEARCH_HOME", str(home.root))
    return tmp_path


def test_every_command_that_asks_for_a_study_takes_its_file() -> None:
    group: Any = typer.main.get_command(app)
    asking = {}
    for name in COMMANDS:
        _, command, _ = group.resolve_command(typer.Context(group), [name])
        context = typer.Context(command)
        for param in command.params:
            if param.name == "study":
                asking[name] = param.process_value(context, "./Mine.toml")
    assert asking == dict.fromkeys(ASKING, "Mine")


@pytest.mark.parametrize("typed", ["Mine", "Mine.toml", "./Mine.toml", "{folder}/Mine.toml"])
def test_a_study_file_stands_for_its_study(folder: Path, typed: str) -> None:
    shown = CliRunner().invoke(app, ["show", typed.format(folder=folder)])
    assert shown.exit_code == 0, shown.exception
    assert shown.stdout.startswith("Mine ")
    removed = CliRunner().invoke(app, ["delete", typed.format(folder=folder), "--yes"])
    assert removed.stdout == "Removed study Mine (0 trials).\n"
    assert "mine" in CliRunner().invoke(app, ["ls"]).stdout


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("show MINE", "study MINE: not found; did you mean Mine or mine?"),
        ("show min", "study min: not found; did you mean Mine or mine?"),
        ("show other.toml", "study other.toml: not found"),
        ("show ./other.toml", "other.toml: file not found"),
        ("show ./mine", "./mine: is neither the name of a study"),
        ("best recipe.toml", "recipe.toml: names no study"),
        ("best trial-00000", "this is a trial; give its study instead: Mine, mine"),
        ("show ''", "STUDY: is empty"),
        ("logs ''", "STUDY: is empty"),
        ("show ~nosuchuser/s.toml", "no such user"),
        ("run mine", "mine: is not a study file; did you mean mine.toml?"),
        ("run ./mine", "did you mean mine.toml?"),
        ("run Recipe.tml", "did you mean recipe.toml?"),
        ("run nothing", "nothing: no such file or folder, and no public data set; known"),
        (
            "check photos",
            "photos: is not a study file; give a file that ends in .toml (hpsearch run",
        ),
        ("storage copy sqlite:///a.db sqlite:///b.db --study ./none.toml", "file not found"),
    ],
)
def test_what_is_no_study_is_told_with_what_there_is(line: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        app(["" if word == "''" else word for word in line.split()], standalone_mode=False)
    assert says in str(caught.value)


def test_a_study_may_be_called_like_a_file(open_study: Callable[..., OpenStudy]) -> None:
    open_study(name="old.toml")
    assert CliRunner().invoke(app, ["show", "old.toml"]).stdout.startswith("old.toml ")
    shutil.copy("Mine.toml", "old.toml")
    assert CliRunner().invoke(app, ["show", "old.toml"]).stdout.startswith("Mine ")


def test_a_running_study_is_copied_when_it_is_stopped_there(
    open_study: Callable[..., OpenStudy], home: Home
) -> None:
    study = open_study(name="Mine")
    study.storage.owner = {"worker": "made-up:1"}
    assert claims.claim(study) is not None
    source = f"sqlite:///{home.database}"
    with pytest.raises(InputError) as caught:
        app(["storage", "copy", source, "sqlite:///b.db"], standalone_mode=False)
    assert f"hpsearch stop Mine --storage {source}" in str(caught.value)
