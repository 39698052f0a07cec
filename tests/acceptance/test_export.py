"""The data that a script comes with, and what cannot be exported; what can is a part of the story
(test_story.py).
"""

import ast
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commandline import Cli
from made import make_study
from unwritable import unwritable

KEPT = "which holds them already and stays as it is"


@pytest.fixture
def made(cli: Cli) -> Cli:
    """A finished study "small" of two trials."""
    make_study(cli)
    return cli


def arrays(file: Path) -> dict[str, Any]:
    with np.load(file) as found:
        return {name: found[name] for name in found}


def data_of(script: Path) -> str:
    """The path that a script names, as it is written there."""
    (value,) = (
        node.value
        for node in ast.parse(script.read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DATA"
    )
    return ast.unparse(value)


def test_a_script_comes_with_its_data(made: Cli, tmp_path: Path) -> None:
    said = made("export", "small", "-o", tmp_path / "best.py").stdout
    assert f"Its data are in {tmp_path / 'best.npz'}. Run it: python {tmp_path}/best.py" in said
    found = arrays(tmp_path / "best.npz")
    assert {*found} == {
        "x_train", "y_train", "x_val", "y_val", "multiplier", "offset", "class_names"
    }  # fmt: skip
    assert found["x_train"].shape == (1294, 8, 8)
    assert found["x_train"].dtype == np.uint8
    assert len(found["y_val"]) == 144
    assert found["class_names"].tolist() == list("0123456789")
    assert data_of(tmp_path / "best.py") == "Path(__file__).parent / 'best.npz'"
    script, content = (tmp_path / f"best{ending}" for ending in (".py", ".npz"))
    before = script.read_bytes(), content.read_bytes()
    content.unlink()
    made("export", "small", "-o", script)
    assert (script.read_bytes(), content.read_bytes()) == before
    assert not (made.home / "datasets" / "test_opened.jsonl").exists()


def test_scripts_share_their_data(made: Cli, tmp_path: Path) -> None:
    shared = tmp_path / "work" / "data" / "small.npz"
    for number, folder in enumerate(("work", "elsewhere")):
        script = tmp_path / folder / f"trial-{number}.py"
        said = made(
            "export", "small", "--trial", str(number), "-o", script, "--data", shared
        ).stdout  # fmt: skip
        assert (KEPT in said) == (number == 1)
    assert [*tmp_path.rglob("*.npz")] == [shared]
    inside = data_of(tmp_path / "work" / "trial-0.py")
    assert inside == "Path(__file__).parent / 'data/small.npz'"
    assert data_of(tmp_path / "elsewhere" / "trial-1.py") == f"Path('{shared}')"


def test_data_of_before_are_written_over_and_those_of_others_are_not(
    made: Cli, tmp_path: Path
) -> None:
    made("export", "small", "-o", tmp_path / "best.py")
    before = arrays(tmp_path / "best.npz")
    other = made.study_file(trials=1)
    text = other.read_text().replace('"small"', '"other"')
    other.write_text(text.replace("[budget]", "limit = 500\n[budget]"))
    make_study(made, other)
    assert KEPT not in made("export", "other", "-o", tmp_path / "best.py").stdout
    assert len(arrays(tmp_path / "best.npz")["x_train"]) == 500
    assert len(before["x_train"]) == 1294

    np.savez(tmp_path / "mine.npz", **before)
    content = (tmp_path / "mine.npz").read_bytes()
    for options in (("-o", tmp_path / "mine.py"), ("-o", "a.py", "--data", tmp_path / "mine.npz")):
        refused = made("export", "small", *options, code=2).stderr
        assert "mine.npz: already exists and is not a script's data that hpsearch wrote" in refused
        assert "choose another name (--data)" in refused
    assert (tmp_path / "mine.npz").read_bytes() == content
    assert not (tmp_path / "mine.py").exists()
    assert not (made.folder / "a.py").exists()


def test_the_test_split_is_in_it_only_when_that_is_asked_for_and_recorded(
    made: Cli, tmp_path: Path
) -> None:
    script = tmp_path / "best.py"
    made("export", "small", "-o", script)
    done = made("export", "small", "--trial", "1", "--test", "-o", script)
    assert "Accessing the test split of digits" in done.stderr
    found = arrays(tmp_path / "best.npz")
    (folder,) = (made.home / "datasets").glob("digits-*")
    for name in ("x_test", "y_test"):
        assert np.array_equal(found[name], np.load(folder / f"{name}.npy"))
    record = (made.home / "datasets" / "test_opened.jsonl").read_text().splitlines()
    (line,) = map(json.loads, record)
    assert (line["opened_by"], line["study"], line["of"]) == ("export small --test", "small", "1")
    assert line["seeds"] == [line["recipe"]["seed"]]
    shown = made.json("show", "small")["test_openings"]
    assert [one["opened_by"] for one in shown] == ["export small --test"]
    (made.home / "datasets" / "test_opened.jsonl").unlink()  # another machine knows it, too
    assert made.json("show", "small")["test_openings"] == shown
    assert KEPT in made("export", "small", "-o", script).stdout
    assert "x_test" in arrays(tmp_path / "best.npz")


def test_what_is_a_scripts_is_refused_elsewhere(made: Cli) -> None:
    for options, words in (
        (
            ("-o", "best.toml", "--test"),
            "--data and --test are for a script; write one with -o NAME.py",
        ),
        (("-o", "best/", "--data", "a.npz"), "--data and --test are for a script"),
        (("-o", "best.py", "--data", "a.csv"), "--data a.csv: the data of a script are"),
    ):
        assert words in made("export", "small", *options, code=2).stderr
    assert not [*made.folder.glob("best*")]


def test_a_folder_that_cannot_be_written(made: Cli, tmp_path: Path) -> None:
    made("export", "small", "-o", tmp_path / "there" / "best.py")
    shutil.move(tmp_path / "there" / "best.npz", tmp_path)
    before = (tmp_path / "there" / "best.py").read_bytes()
    with unwritable(tmp_path / "there"):
        for options in (
            ("-o", tmp_path / "there" / "best.py"),
            ("-o", tmp_path / "here.py", "--data", tmp_path / "there" / "a.npz"),
        ):
            refused = made("export", "small", *options, code=3).stderr
            assert "cannot be written: Permission denied" in refused
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["best.py"]
    assert (tmp_path / "there" / "best.py").read_bytes() == before
    assert not [*tmp_path.glob("*.py"), *tmp_path.glob(".*")]


def test_what_cannot_be_exported_is_one_message(cli: Cli, tmp_path: Path) -> None:
    file = cli.study_file(trials=1)
    file.write_text(file.read_text() + "\n[baseline]\nlayers = 1\nunits = 16\n")
    make_study(cli, file)

    def refused(*arguments: str | Path) -> str:
        return cli("export", "small", *arguments, code=2).stderr

    assert ".py (a Keras script)" in refused("-o", tmp_path / "best.h5")
    assert "has no name" in refused("-o", ".")
    cure = "export small --baseline -o recipe.toml; hpsearch train recipe.toml"
    assert cure in refused("--baseline", "-o", tmp_path / "b.keras")
    (tmp_path / "mine.py").write_text("print('my own')")
    assert "not a script that hpsearch wrote" in refused("-o", tmp_path / "mine.py")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("")
    assert "not a model that hpsearch wrote" in refused("-o", tmp_path / "mine")
    (tmp_path / "mine.classes.json").write_text("{}")
    assert "class names" in refused("-o", tmp_path / "mine.keras")
    assert "is not a recipe" in cli(
        "export", "small", "-o", cli.folder / "small.toml", code=2
    ).stderr  # fmt: skip


def test_weights_that_are_not_kept(cli: Cli) -> None:
    make_study(cli)  # a made-up trainer keeps none
    refused = cli("export", "small", "--trial", "0", "-o", "best.keras", code=2).stderr
    assert "the weights of trial 0 are not in" in refused
    assert "hpsearch export small --trial 0 -o recipe.toml; hpsearch train recipe.toml" in refused
    assert not (cli.folder / "best.keras").exists()


def test_a_script_has_a_precision_that_was_measured(cli: Cli, tmp_path: Path) -> None:
    file = cli.study_file(trials=1)
    file.write_text(file.read_text().replace('precision = "float32"', 'precision = "auto"'))
    make_study(cli, file)  # by a trainer that measures nothing
    for name in ("best.py", "best.keras"):
        refused = cli("export", "small", "-o", tmp_path / name, code=2)
        assert "its precision is not measured yet; run it first" in refused.stderr
    cli("export", "small", "-o", tmp_path / "best.toml")
    assert 'precision = "auto"' in (tmp_path / "best.toml").read_text()
