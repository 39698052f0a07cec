"""A study file of three lines: what is searched, what comes first, and that it goes on."""

import json

from commandline import Cli

from hpsearch.presets.preset import preset
from hpsearch.presets.sizes import Sizes

CONFIGURATIONS = len(preset("images", Sizes(rows=300, pixels=8)).table["portfolio"])
STUDY = 'name = "{name}"\n[dataset]\nsource = "digits"\nlimit = 300\n'


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
