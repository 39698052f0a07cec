"""A study file of three lines: what is searched, what comes first, and that it goes on."""

import json

import numpy as np
from commandline import Cli

from hpsearch.presets.preset import preset
from hpsearch.presets.sizes import Sizes

CONFIGURATIONS = len(preset("images", Sizes(rows=300, pixels=8)).table["portfolio"])
STUDY = 'name = "{name}"\n[dataset]\nsource = "digits"\nlimit = 300\n'


def test_data_alone(cli: Cli) -> None:
    cli.train_quickly()
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 255, (90, 6, 6), np.uint8), np.arange(90) % 3
    np.savez(cli.folder / "mine.npz", x_train=x[:60], y_train=y[:60], x_val=x[60:], y_val=y[60:])
    assert cli.json("data", "mine.npz")["validation"] == 30
    assert not (cli.folder / "mine.toml").exists()
    small = ("--trials", "1", "--workers", "1", "--no-reference", "--set", "training.epochs=1")
    first = cli("run", "mine.npz", *small)
    assert "Wrote mine.toml; edit it to search otherwise: hpsearch run mine.toml" in first.stdout
    assert "30 validation examples" in first.stderr
    assert cli.json("show", "mine")["study_file"]["dataset"]["validation"] == "given"
    assert "hpsearch confirm mine" in first.stderr
    again = cli("run", "mine.npz", *small, "--confirm")
    assert "mine.toml is there already, and is run." in again.stdout
    assert "Continuing study mine" in again.stderr
    assert "Trial 0 is confirmed" in again.stdout
    assert "hpsearch confirm mine" not in again.stderr
    assert "hpsearch export mine --confirmed -o best.toml" in again.stderr
    assert cli.json("show", "mine.confirm")["complete"] == 5
    gone = cli("run", "minst", *small, code=2)
    (told,) = gone.stderr.splitlines()
    assert told.startswith("error: minst: no such file or folder, and no public data set; did you")
    assert told.endswith("mnist; a study file ends in .toml")


def test_three_lines_for_numbers_of_any_size(cli: Cli) -> None:
    cli.train_quickly()
    rng = np.random.default_rng(0)
    np.savez(cli.folder / "mine.npz", x_train=rng.normal(9, 5, (90, 6)), y_train=np.arange(90) % 3)
    lines = 'name = "mine"\n[dataset]\nsource = "npz"\npath = "mine.npz"\n'
    (cli.folder / "mine.toml").write_text(lines)
    small = ("--trials", "1", "--workers", "1", "--no-reference", "--set", "training.epochs=1")
    cli("run", "mine.toml", *small)
    assert "Continuing study mine" in cli("run", "mine.toml", *small).stderr
    assert cli.json("show", "mine")["study_file"]["dataset"]["scale"] == "standardize"
    assert "scale = standardize" in cli("data", "mine.toml").stdout
    cli("export", "mine", "-o", "best.toml")
    recipe = (cli.folder / "best.toml").read_text()
    assert 'scale = "standardize"\n' in recipe
    (cli.folder / "plain.toml").write_text(recipe.replace('scale = "standardize"\n', ""))
    trained = [cli.json("train", one)["values"] for one in ("best.toml", "plain.toml")]
    assert trained[0] == trained[1]
    np.savez(cli.folder / "new.npz", x=np.ones((2, 6)))
    cli("predict", "plain.toml", "new.npz", "-o", "said.csv")


def test_a_study_file_of_three_lines(cli: Cli) -> None:
    cli.train_quickly()  # what is searched is looked at
    (cli.folder / "one.toml").write_text(STUDY.format(name="one"))
    small = ("--trials", "2", "--workers", "1", "--set", "training.epochs=3")
    first = cli("run", "one.toml", *small)
    told = f"preset images, sized by the data, {CONFIGURATIONS} configurations of the portfolio"
    assert f"space: {told} first" in first.stderr
    shown = json.loads(cli("show", "one", "--json").stdout)
    assert (shown["preset"], shown["portfolio"], shown["winners"]) == (
        "images", CONFIGURATIONS, [],
    )  # fmt: skip
    again = cli("run", "one.toml", *small)
    assert "Continuing study one" in again.stderr

    (cli.folder / "two.toml").write_text(STUDY.format(name="two"))
    second = cli("run", "two.toml", *small)
    best = json.loads(cli("best", "one", "--json").stdout)
    assert f"the winners of one (trial {best['number']}) among them" in second.stderr
    trials = json.loads(cli("trials", "two", "--json").stdout)
    assert trials[0]["config"] == best["config"]

    (cli.folder / "three.toml").write_text(STUDY.format(name="three"))
    changed = cli("run", "three.toml", *small, "--set", "space.activation=relu")
    left = f"of {CONFIGURATIONS} configurations of the preset's portfolio lie in the space"
    assert left in changed.stderr
    configs = [one["config"] for one in json.loads(cli("trials", "three", "--json").stdout)]
    assert {config["activation"] for config in configs} == {"relu"}
    refused = cli("train", "three.toml", code=2)
    assert "it searches a preset" in refused.stderr
