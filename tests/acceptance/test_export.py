"""What cannot be exported; what can is a part of the story (test_story.py)."""

from pathlib import Path

from commandline import Cli
from made import make_study


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
