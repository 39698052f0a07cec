"""The test split: shut for all but ``evaluate`` and ``train --test``, and each time counted."""

import json
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from commandline import Cli
from made import make_study
from pages import Sections

pytestmark = pytest.mark.timeout(300)


@contextmanager
def arrays_that_nobody_can_open(cli: Cli) -> Iterator[None]:
    """Folders in the place of the test arrays, which not even root can read as files."""
    files = [*(cli.home / "datasets").glob("*/?_test.npy")]
    assert len(files) == 2
    for file in files:
        file.rename(file.with_suffix(".away"))
        file.mkdir()
    yield
    for file in files:
        file.rmdir()
        file.with_suffix(".away").rename(file)


def check_candidate(one: dict[str, Any], values: list[float]) -> None:
    """What is said of a configuration fits what is said of its models."""
    accuracies = [model["test"]["accuracy"] for model in one["models"]]
    assert one["accuracy"]["mean"] == pytest.approx(statistics.fmean(accuracies))
    low, high = one["accuracy"]["interval"]
    assert low <= one["accuracy"]["mean"] <= high
    for model in one["models"]:
        test = model["test"]
        assert sum(map(sum, test["confusion"])) == test["examples"] == 359
        assert test["accuracy_low"] < test["accuracy"] < test["accuracy_high"]
        assert model["gap"] == pytest.approx(model["train_accuracy"] - test["accuracy"])
        assert model["value"] in values
    assert one["middle"] in [model["seed"] for model in one["models"]]


def check_export(cli: Cli, winner: dict[str, Any], baseline: dict[str, Any]) -> None:
    """The confirmed winner is exported with the run in the middle, weights and all."""
    cli("export", "small", "--confirmed", "-o", "confirmed.json")
    recipe = json.loads((cli.folder / "confirmed.json").read_text())
    assert recipe["seed"] == winner["middle"]
    assert recipe["config"] == winner["config"]
    provenance = recipe["provenance"]
    values = [model["value"] for model in winner["models"]]
    assert provenance["study"] == "small"
    assert str(provenance.get("trial", baseline["of"])) == winner["of"]
    assert provenance["confirmed"] == pytest.approx(statistics.fmean(values))
    assert provenance["confirmed_seeds"] == 2
    done = cli("export", "small", "--confirmed", "-o", "confirmed.keras").stdout
    assert "confirmed with 2 seeds" in done
    assert "differ from the network's by" in done


def test_the_test_split_is_shut_until_it_is_asked_for(cli: Cli) -> None:
    file = cli.study_file(trials=1)
    file.write_text(file.read_text() + "\n[baseline]\nlayers = 1\nunits = 4\n")
    make_study(cli, file)
    with arrays_that_nobody_can_open(cli):
        cli("run", file, "--trials", "2", "--workers", "1")
        cli("confirm", "small", "--top", "1", "--seeds", "2", "--workers", "1")
        cli("report", "small")
        cli("export", "small", "-o", "best.toml")
        assert cli.json("show", "small")["test_openings"] == []
        assert "split never accessed" in cli("show", "small").stdout
        assert "is damaged or gone" in cli("evaluate", "small", code=2).stderr
    opened = cli.json("show", "small")["test_openings"]
    assert [one["result"] for one in opened] == [None]  # it was tried, and gave nothing away

    found = cli.json("evaluate", "small", "--baseline")
    assert found["times_opened"] == 3
    winner, baseline = found["candidates"]
    assert baseline["of"] == "baseline"
    runs = {run["number"]: run for run in cli.rows("small.confirm")}
    for one in (winner, baseline):
        check_candidate(one, [run["values"][0] for run in runs.values()])
    assert winner["accuracy"]["mean"] > baseline["accuracy"]["mean"]

    check_export(cli, winner, baseline)
    refit = cli("evaluate", "small", "--refit", "--workers", "1")
    assert "Mean test accuracy of 2 seeds: " in refit.stdout
    assert "Most confused" in refit.stdout
    assert "has been opened 4 times so far" in refit.stderr
    last = cli.json("show", "small")["test_openings"][-1]
    assert (last["opened_by"], last["study"]) == ("evaluate small --refit", "small")
    assert len(last["result"]["accuracy"]) == len(last["seeds"]) == 2
    refits = [run for run in cli.rows("small.confirm") if run["number"] not in runs]
    best = [run["best_epoch"] for run in runs.values() if run["config"] == winner["config"]]
    assert {run["epochs"] for run in refits} == {statistics.median_low(best)}

    cli("train", "best.toml", "--test", "--seed", "5")
    last = cli.json("show", "small")["test_openings"][-1]
    result = json.loads((cli.home / "trained" / "best-seed5" / "result.json").read_text())
    assert last["result"]["accuracy"] == [result["test"]["accuracy"]]
    assert (last["opened_by"], last["study"]) == ("train best.toml --test", "small")
    assert last["of"] == str(cli.json("best", "small")["number"])
    record = (cli.home / "datasets" / "test_opened.jsonl").read_text().splitlines()
    assert json.loads(record[-2])["recipe"]["seed"] == 5

    cli("report", "small")
    page = Sections((cli.folder / "small.html").read_text())
    text = " ".join(page.texts["test"].split())
    assert "They were accessed 5 times so far" in text
    cells = {cell for table in page.tables["test"] for row in table for cell in row}
    for model in (*winner["models"], *baseline["models"]):
        assert f"{model['test']['accuracy']:.4f}" in cells
    assert "trained on validation as well" in text


def test_what_cannot_be_evaluated_is_said(cli: Cli) -> None:
    make_study(cli)  # by a trainer that keeps no weights
    assert "not found" in cli("evaluate", "other", code=2).stderr
    assert "nothing is confirmed yet" in cli(
        "export", "small", "--confirmed", "-o", "a.toml", code=2
    ).stderr  # fmt: skip
    refused = cli("evaluate", "small", code=2).stderr
    assert "nothing is confirmed" in refused
    assert "best.weights.h5: is not there" in refused
    assert cli.json("show", "small")["test_openings"] == []  # refused before it was opened
    cli("confirm", "small", "--top", "1", "--seeds", "2", "--workers", "0", code=2)
    assert "name that one" in cli("evaluate", "small.confirm", code=2).stderr
