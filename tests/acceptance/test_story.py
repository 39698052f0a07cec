"""From a study file to a trained, exported winner and a fork: one story that many tests look at."""

import csv
import io
import json
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import forked
import numpy as np
import optuna
import pytest
import yaml
from commandline import Cli, wait_until
from pages import Sections
from story import FORKED_TRIALS, Story, tell

pytestmark = pytest.mark.timeout(1500)  # the first test waits for the whole story

LIGHT_COMMANDS = """
import functools, sys
import typer.main
from hpsearch.__main__ import main
typer.main.get_command = functools.cache(typer.main.get_command)  # as in_process.py does
for line in sys.argv[1:]:
    sys.argv = ["hpsearch", *line.split()]
    try:
        main()
    except SystemExit as end:
        assert end.code in (0, None), (line, end.code)
    loaded = {"tensorflow", "keras"} & set(sys.modules)
    assert not loaded, (line, loaded)
"""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The story, told once."""
    told = tell(tmp_path_factory.mktemp("story"))
    yield told
    told.cli.end()
    told.alone.end()


@pytest.fixture
def cli(story: Story) -> Cli:
    """The story's command line, to look at what is there."""
    return story.cli


# ---------------------------------------------------------------------- the search


def test_run_tells_the_result_and_how_to_go_on(story: Story) -> None:
    for run in ("run", "run again"):
        said = story.said[run]
        assert "hpsearch export small" in said.stderr
        assert said.stdout.startswith("val_accuracy 0.")
    assert "The budget of 4 trials is met." in story.said["run again"].stderr


def test_the_study_is_listed(story: Story) -> None:
    (row,) = story.json["ls"]
    assert row["name"] == "small"
    assert row["complete"] + row["pruned"] == 4
    assert row["running"] == row["waiting"] == row["failed"] == 0
    assert row["best"] == story.json["best small"]["values"][0]
    assert "small" in story.cli("ls").stdout
    assert "4 counted of 4 trials" in story.said["show"].stdout
    shown = story.json["show small"]
    assert shown["dataset"]["train"] == 863
    assert shown["budget"]["trials"] == 4


def test_trials_have_the_promised_fields(story: Story) -> None:
    trials = story.json["trials small"]
    assert [trial["number"] for trial in trials] == [0, 1, 2, 3]
    for trial in trials:
        assert trial.keys() == {
            "number", "state", "values", "config", "parameters", "macs", "epochs", "best_epoch",
            "val_loss", "seconds", "train_accuracy", "train_value", "gap", "folds", "worker",
            "device", "seed", "failure", "failure_message", "same_as",
            "adopted", "of", "kind",
        }  # fmt: skip
        assert trial["state"] in ("complete", "pruned")
        assert trial["failure"] is None
        assert 1 <= trial["best_epoch"] <= trial["epochs"] <= 8
        assert len(trial["config"]["units"]) == trial["config"]["layers"]
    assert len({trial["worker"] for trial in trials}) == 2
    rows = list(csv.DictReader(io.StringIO(story.cli("trials", "small", "--csv").stdout)))
    assert [int(row["number"]) for row in rows] == [0, 1, 2, 3]
    assert rows[0]["config.optimizer.type"] in ("adam", "sgd")


def test_each_trial_keeps_its_curves(story: Story, cli: Cli) -> None:
    for trial in story.json["trials small"]:
        run = cli.home / "runs" / "small" / f"trial-{trial['number']:05d}"
        with (run / "curves.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [int(row["epoch"]) for row in rows] == list(range(1, trial["epochs"] + 1))
        assert float(rows[trial["best_epoch"] - 1]["val_accuracy"]) == pytest.approx(
            max(float(row["val_accuracy"]) for row in rows)
        )
        assert {"loss", "val_loss", "accuracy", "learning_rate", "seconds"} <= rows[0].keys()


def test_light_commands_load_no_tensorflow(cli: Cli, tmp_path: Path) -> None:
    lines = [
        "--help", "--version", f"init {tmp_path / 'new.toml'}", "ls", "ls --json", "show small",
        "trials small", "trials small --csv", "best small", "logs small", "doctor",
        f"export small -o {tmp_path / 'best.toml'}", "run small.toml --no-reference",
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", LIGHT_COMMANDS, *lines],
        cwd=cli.folder, env=cli.environment(), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_optuna_and_its_dashboard_open_the_database(story: Story, cli: Cli) -> None:
    url = f"sqlite:///{cli.database}"
    storage = optuna.storages.RDBStorage(url)
    study = optuna.load_study(study_name="small", storage=storage)
    assert study.best_value == story.json["best small"]["values"][0]
    storage.remove_session()
    storage.engine.dispose()

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = Path(sys.executable).with_name("optuna-dashboard")
    process = subprocess.Popen(
        [command, url, "--host", "127.0.0.1", "--port", str(port), "--server", "wsgiref"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        listed = wait_until(lambda: _studies(port), "the dashboard's list of studies")
        assert {"small", "wide"} <= {entry["study_name"] for entry in listed}
    finally:
        process.kill()
        process.wait()


def _studies(port: int) -> Any:
    address = f"http://127.0.0.1:{port}/api/studies"
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:  # loopback
            return json.load(answer)["study_summaries"]
    except OSError:
        return None  # not listening yet


# ---------------------------------------------------------------------- confirmed


def test_leaders_and_baseline_are_trained_again(story: Story) -> None:
    found = story.json["confirm"]
    names = [one["of"] for one in found["candidates"]]
    best = str(story.json["best small"]["number"])
    assert sorted(names) == sorted([best, "baseline"])
    assert found["winner"] in found["tied"]
    seeds = [{value["seed"] for value in one["values"]} for one in found["candidates"]]
    assert seeds[0] == seeds[1]
    assert len(seeds[0]) == 2
    for one in found["candidates"]:
        values = [value["value"] for value in one["values"]]
        assert one["mean"] == pytest.approx(statistics.fmean(values))
        assert one["interval"][0] <= one["mean"] <= one["interval"][1]
        assert (one["searched"] is None) == (one["of"] == "baseline")
    runs = story.json["runs"]
    assert [run["state"] for run in runs] == ["complete"] * 4
    assert all(run["parameters"] > 100 and run["epochs"] >= 1 for run in runs)
    assert story.json["trials after"] == story.json["trials small"]
    assert [study["name"] for study in story.json["ls after"]] == ["small"]


# ---------------------------------------------------------------------- the test split


def test_the_test_split_is_shut_until_it_is_asked_for(story: Story) -> None:
    assert story.json["data small.toml"]["test"] == 359  # it is known how many there are
    assert story.json["shut"]["test_openings"] == []
    assert "split never accessed" in story.said["show shut"].stdout
    assert story.said["evaluate refused"].returncode == 2
    assert "is damaged or missing" in story.said["evaluate refused"].stderr
    (opened,) = story.json["refused"]["test_openings"]
    assert opened["result"] is None  # it was tried, and nothing given away
    assert opened["opened_by"] == "evaluate small"


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


def test_winner_and_baseline_are_evaluated(story: Story) -> None:
    found = story.json["evaluate"]
    assert found["times_opened"] == 3
    winner, baseline = found["candidates"]
    assert baseline["of"] == "baseline"
    for one in (winner, baseline):
        check_candidate(one, [run["values"][0] for run in story.json["runs"]])
    assert winner["accuracy"]["mean"] > baseline["accuracy"]["mean"]
    trees, linear = found["reference"]
    assert (trees["name"], linear["name"]) == ("trees", "linear")
    assert trees["interval"][0] < trees["test"]["accuracy"] < trees["interval"][1]
    assert not trees["with_validation"]


def test_the_winner_is_trained_on_validation_as_well(story: Story) -> None:
    refit, runs = story.said["refit"], story.json["runs"]
    assert "Mean test accuracy of 2 seeds: " in refit.stdout
    assert "Most confused" in refit.stdout
    assert "has been accessed 4 times so far" in refit.stderr
    last = story.json["refit"]["test_openings"][-1]
    assert (last["opened_by"], last["study"]) == ("evaluate small --refit", "small")
    assert len(last["result"]["accuracy"]) == len(last["seeds"]) == 2
    assert last["result"]["reference"][0]["with_validation"]
    trained = story.json["evaluate"]["reference"][0]["of_examples"]
    assert last["result"]["reference"][0]["of_examples"] > trained
    assert "trained on 1,438 training and validation examples" in " ".join(refit.stdout.split())
    numbers = {run["number"] for run in runs}
    refits = [run for run in story.json["runs and refits"] if run["number"] not in numbers]
    winner = story.json["evaluate"]["candidates"][0]
    best = [run["best_epoch"] for run in runs if run["config"] == winner["config"]]
    assert {run["epochs"] for run in refits} == {statistics.median_low(best)}


def test_the_confirmed_winner_is_exported(story: Story) -> None:
    """With the run in the middle, weights and all."""
    winner, baseline = story.json["evaluate"]["candidates"]
    recipe = json.loads((story.alone.folder / "confirmed.json").read_text())
    assert recipe["seed"] == winner["middle"]
    assert recipe["config"] == winner["config"]
    provenance = recipe["provenance"]
    values = [model["value"] for model in winner["models"]]
    assert provenance["study"] == "small"
    assert str(provenance.get("trial", baseline["of"])) == winner["of"]
    assert provenance["confirmed"] == pytest.approx(statistics.fmean(values))
    assert provenance["confirmed_seeds"] == 2
    for ending in (".keras", ""):
        done = story.said[f"confirmed {ending}".strip()].stdout
        assert "confirmed with 2 seeds" in done
        assert "differ from the network's by" in done


def test_train_with_test_is_written_down(story: Story, cli: Cli) -> None:
    last = story.json["train"]["test_openings"][-1]
    result = json.loads((cli.home / "trained" / "best-seed5" / "result.json").read_text())
    assert last["result"]["accuracy"] == [result["test"]["accuracy"]]
    assert (last["opened_by"], last["study"]) == ("train best.toml --test", "small")
    assert last["of"] == str(story.json["best small"]["number"])
    record = (cli.home / "datasets" / "test_opened.jsonl").read_text().splitlines()
    opening, result, exported = (json.loads(line) for line in record[-3:])
    assert exported["opened_by"] == "export small --test"
    assert opening["recipe"]["seed"] == 5
    assert opening["seeds"] == [5]
    assert result["key"] == opening["key"]


def test_train_prints_a_table_for_readers(story: Story) -> None:
    shown = story.said["train"]
    assert "test accuracy 0." in shown.stdout
    assert "Confusion matrix" in shown.stdout
    assert "Most confused" in shown.stdout
    assert "epoch 8/8" in shown.stderr


def test_the_report_tells_of_new_seeds_and_of_the_test_split(story: Story, cli: Cli) -> None:
    page = Sections((cli.folder / "shut.html").read_text())
    assert "Trained again with 2 other seeds" in " ".join(page.texts["answer"].split())
    page = Sections((cli.folder / "small.html").read_text())
    text = " ".join(page.texts["test"].split())
    assert "They were accessed 5 times so far" in text
    cells = {cell for table in page.tables["test"] for row in table for cell in row}
    winner, baseline = story.json["evaluate"]["candidates"]
    for model in (*winner["models"], *baseline["models"]):
        assert f"{model['test']['accuracy']:.4f}" in cells
    assert "trained on validation as well" in text


# ---------------------------------------------------------------------- elsewhere


def test_the_exported_recipe_trains_to_the_same_value(story: Story) -> None:
    best, alone = story.json["best small"], story.alone
    for ending in (".toml", ".json", ".yaml"):
        assert f"trial {best['number']}" in story.said[f"export {ending}"].stdout
    recipe = tomllib.loads((alone.folder / "best.toml").read_text())
    assert recipe["format"] == "hpsearch-recipe/1"
    assert recipe["config"] == best["config"]
    as_json = json.loads((alone.folder / "best.json").read_text())
    as_yaml = yaml.safe_load((alone.folder / "best.yaml").read_text())
    assert as_json["config"] == as_yaml["config"] == recipe["config"]

    trained = story.json["alone"]  # in another folder and home: no study is needed
    assert trained["values"] == pytest.approx(best["values"], abs=1e-6)
    assert trained["parameters"] == best["parameters"]
    test = trained["test"]
    assert test["examples"] == 359
    assert sum(map(sum, test["confusion"])) == 359
    assert test["accuracy"] == pytest.approx(
        sum(row[i] for i, row in enumerate(test["confusion"])) / 359
    )
    assert len(test["classes"]) == 10
    assert "plotly" in (alone.folder / "out" / "confusion.html").read_text()
    assert not alone.database.exists()


def test_the_script_trains_alike_where_hpsearch_is_not(story: Story) -> None:
    """With its data it was carried elsewhere, and is run from another folder."""
    assert "it compiles" in story.said["export .py"].stdout
    scripts = [story.alone.folder / place / "best.py" for place in (".", "script")]
    assert scripts[0].read_bytes() == scripts[1].read_bytes()
    out = story.said["script"].stdout
    assert "863 training and 575 validation examples" in out
    found = {
        name: float(line.split()[1])
        for line in out.splitlines()
        for name in ("val_accuracy", "test_accuracy", "test_f1_macro")
        if line.startswith(name)
    }
    # Trainings of this size with different weights to begin with are a point apart, and a part
    # of 359 test examples adds as much: 3 points are more than chance.
    (value,) = story.json["best small"]["values"]
    test = story.json["alone"]["test"]
    assert found["val_accuracy"] == pytest.approx(value, abs=0.03)
    assert found["test_accuracy"] == pytest.approx(test["accuracy"], abs=0.03)
    assert found["test_f1_macro"] == pytest.approx(test["f1_macro"], abs=0.03)


def test_models_open_where_hpsearch_is_not(story: Story) -> None:
    folder = story.alone.folder
    for name in ("confirmed .keras", "confirmed"):
        assert "TensorFlow takes a few seconds" in story.said[name].stderr
    for classes in (
        folder / "confirmed.classes.json", folder / "confirmed/assets.extra/classes.json"
    ):  # fmt: skip
        assert json.loads(classes.read_text()) == list("0123456789")
    assert sorted(path.name for path in folder.iterdir() if path.suffix != ".npy") == [
        "best.json", "best.npz", "best.py", "best.toml", "best.yaml", "confirmed",
        "confirmed.classes.json", "confirmed.json", "confirmed.keras", "home", "open.py", "out",
        "script",
    ]  # fmt: skip
    (dataset,) = (story.cli.home / "datasets").glob("digits-*")
    y = np.load(dataset / "y_train.npy")
    first, second = np.load(folder / "keras.npy"), np.load(folder / "served.npy")
    assert np.abs(first - second).max() <= 1e-5
    assert np.allclose(first.sum(axis=1), 1, atol=1e-5)
    assert np.mean(first.argmax(axis=1) == y) >= 0.95


def test_an_export_takes_the_place_of_the_one_before(
    story: Story, cli: Cli, tmp_path: Path
) -> None:
    """A trial's own model in the place of a folder; the story's is left as it is."""
    model = tmp_path / "best"
    shutil.copytree(story.alone.folder / "confirmed", model)
    (model / "old").write_text("")
    done = cli("export", "small", "-o", f"{model}/")
    assert "differ from the network's by" in done.stdout
    assert not (model / "old").exists()
    assert (model / "saved_model.pb").exists()


def test_a_model_for_another_tool_gives_way_only_where_it_is_ours(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "best.tflite"
    for _ in range(2):
        done = cli("export", "small", "-o", file, "--quantize", "int8")
    assert "what it takes and gives to" in done.stdout
    assert "In int8 its accuracy on 575 validation examples is 0.9" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        file.name,
        f"{file.name}.signature.json",
    ]
    told = json.loads((tmp_path / f"{file.name}.signature.json").read_text())
    assert told["class_names"] == list("0123456789")
    file.write_bytes(file.read_bytes() + b"\0")
    refused = cli("export", "small", "-o", file, code=2).stderr
    assert "best.tflite: already exists and is not a model that hpsearch wrote" in refused
    for name, option, said in (
        ("a.keras", "int8", "is for models of other tools; write one with -o NAME.onnx"),
        ("a.xml", "int8", "OpenVINO is written with float16 here"),
    ):
        assert (
            said
            in cli("export", "small", "-o", tmp_path / name, "--quantize", option, code=2).stderr
        )


def test_an_interrupted_export_leaves_nothing(cli: Cli, tmp_path: Path) -> None:
    for number, delay in ((signal.SIGINT, 0.0), (signal.SIGTERM, 0.3)):
        output = tmp_path / "best"
        process = forked.start(cli, "export", "small", "-o", output, trains=True)
        assert process.stderr is not None
        wait_until(lambda: "TensorFlow" in process.stderr.readline(), "the start")  # noqa: B023
        time.sleep(delay)
        process.send_signal(number)
        process.communicate(timeout=60)
        assert process.returncode in (128 + number, 0)  # or it was done
        left = [path.name for path in tmp_path.iterdir()]
        assert left == (["best"] if process.returncode == 0 else [])
        shutil.rmtree(output, ignore_errors=True)


# ---------------------------------------------------------------------- a fork


def test_a_fork_takes_over_what_lies_in_its_space(story: Story, cli: Cli) -> None:
    old, found, new = (story.json[name] for name in ("trials small", "fork", "taken"))
    valid = [trial for trial in old if trial["config"]["layers"] == 2]
    assert 0 < len(valid) < len(old)
    assert found["taken"]["trials"] == len(valid)
    assert found["left"] == {"outside": len(old) - len(valid)}
    assert found["outside"] == {"layers": len(old) - len(valid)}
    keys = ("values", "config", "seed", "epochs", "state", "parameters", "seconds", "device")
    assert [[t[key] for key in keys] for t in new] == [[t[key] for key in keys] for t in valid]
    runs = cli.home / "runs"
    for trial, before in zip(new, valid, strict=True):
        copy, source = (
            runs / name / f"trial-{number:05d}" / "curves.csv"
            for name, number in (("wide", trial["number"]), ("small", before["number"]))
        )
        assert copy.read_bytes() == source.read_bytes()


def test_a_fork_goes_on(story: Story) -> None:
    new, after = story.json["taken"], story.json["wide"]
    assert "Continuing study wide" in story.said["run wide"].stderr
    assert after[: len(new)] == new
    assert len([t for t in after if t["state"] in ("complete", "pruned")]) == FORKED_TRIALS
    assert all(2 <= trial["config"]["layers"] <= 4 for trial in after)


def test_provenance_goes_back_to_the_study_that_was_forked(cli: Cli) -> None:
    shown = cli.json("show", "wide", "--provenance")
    commands = [line["command"].split()[1] for line in shown["commands"]]
    assert commands[0] == "run"
    assert commands[-2:] == ["fork", "run"]
    assert shown["commands"][0]["study"] == "small"
    assert {line["machine"] for line in shown["commands"]} == shown["machines"].keys()
    assert shown["forked_from"]["study"] == "small"
    assert len(shown["split_fingerprint"]) == 64
    assert tomllib.loads(shown["study_file"])["name"] == "wide"
    text = cli("show", "wide", "--provenance").stdout
    assert shown["split_fingerprint"] in text
    assert "hpsearch fork small" in text


def test_trials_are_reproduced_to_the_last_digit(story: Story, cli: Cli) -> None:
    result = story.json["reproduce"]["reproduced"]
    assert result["trial"] == cli.json("best", "wide")["number"]
    assert result["identical"], result
    assert result["differs"] == []
    epochs = story.json["taken"][0]["epochs"]
    assert f"All {epochs} epochs are identical" in story.said["reproduce"].stdout
    kept = json.loads((cli.folder / "again" / "result.json").read_text())["reproduced"]
    assert (kept["study"], kept["trial"], kept["compared"]) == ("wide", 0, epochs)
    assert kept["identical"], kept
    assert kept["differs"] == []
    facts = cli.json("report", "wide")
    assert facts["best"]["again"] == []  # the same seed is no other training
    assert facts["trainings"] == []
