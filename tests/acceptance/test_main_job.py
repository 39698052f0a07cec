"""From a study file to a trained, exported winner, with the real command line."""

import csv
import io
import json
import socket
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from commandline import Cli, wait_until
from made import make_study

LIGHT_COMMANDS = """
import contextlib, sys
from hpsearch.__main__ import main
for line in sys.argv[1:]:
    sys.argv = ["hpsearch", *line.split()]
    try:
        main()
    except SystemExit as end:
        assert end.code in (0, None), (line, end.code)
    loaded = {"tensorflow", "keras"} & set(sys.modules)
    assert not loaded, (line, loaded)
"""


def test_run_tells_the_result_and_how_to_go_on(finished: Cli) -> None:
    again = finished("run", finished.folder / "small.toml", "--workers", "2")
    assert "The budget of 4 trials is met." in again.stderr
    assert "hpsearch export small" in again.stderr
    assert again.stdout.startswith("val_accuracy 0.")


def test_the_study_is_listed(finished: Cli) -> None:
    (row,) = finished.json("ls")
    assert row["name"] == "small"
    assert row["complete"] + row["pruned"] == 4
    assert row["running"] == row["waiting"] == row["failed"] == 0
    assert row["best"] == finished.json("best", "small")["values"][0]
    assert "small" in finished("ls").stdout
    assert "4 counted of 4 trials" in finished("show", "small").stdout
    shown = finished.json("show", "small")
    assert shown["dataset"]["train"] == 1294
    assert shown["budget"]["trials"] == 4


def test_trials_have_the_promised_fields(finished: Cli) -> None:
    trials = finished.json("trials", "small")
    assert [trial["number"] for trial in trials] == [0, 1, 2, 3]
    for trial in trials:
        assert trial.keys() == {
            "number", "state", "values", "config", "parameters", "epochs", "best_epoch",
            "val_loss", "seconds", "train_accuracy", "gap", "worker", "device", "seed", "failure",
            "failure_message", "same_as",
        }  # fmt: skip
        assert trial["state"] in ("complete", "pruned")
        assert trial["failure"] is None
        assert 1 <= trial["best_epoch"] <= trial["epochs"] <= 3
        assert len(trial["config"]["units"]) == trial["config"]["layers"]
    assert len({trial["worker"] for trial in trials}) == 2
    rows = list(csv.DictReader(io.StringIO(finished("trials", "small", "--csv").stdout)))
    assert [int(row["number"]) for row in rows] == [0, 1, 2, 3]
    assert rows[0]["config.optimizer.type"] in ("adam", "sgd")


def test_each_trial_keeps_its_curves(finished: Cli) -> None:
    for trial in finished.json("trials", "small"):
        run = finished.home / "runs" / "small" / f"trial-{trial['number']:05d}"
        with (run / "curves.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [int(row["epoch"]) for row in rows] == list(range(1, trial["epochs"] + 1))
        assert float(rows[trial["best_epoch"] - 1]["val_accuracy"]) == pytest.approx(
            max(float(row["val_accuracy"]) for row in rows)
        )
        assert {"loss", "val_loss", "accuracy", "learning_rate", "seconds"} <= rows[0].keys()


def test_the_exported_recipe_trains_to_the_same_value(finished: Cli, tmp_path: Path) -> None:
    best = finished.json("best", "small")
    toml, as_json, as_yaml = (tmp_path / f"best.{ending}" for ending in ("toml", "json", "yaml"))
    for file in (toml, as_json, as_yaml):
        assert f"trial {best['number']}" in finished("export", "small", "-o", file).stdout
    recipe = tomllib.loads(toml.read_text())
    assert recipe["format"] == "hpsearch-recipe/1"
    assert recipe["config"] == best["config"]
    assert json.loads(as_json.read_text())["config"] == recipe["config"]
    assert yaml.safe_load(as_yaml.read_text())["config"] == recipe["config"]

    alone = Cli(tmp_path)  # another folder and home: no study is needed
    trained = alone.json("train", toml, "--test", "-o", tmp_path / "out")
    assert trained["values"] == pytest.approx(best["values"], abs=1e-6)
    assert trained["parameters"] == best["parameters"]
    test = trained["test"]
    assert test["examples"] == 359
    assert sum(map(sum, test["confusion"])) == 359
    assert test["accuracy"] == pytest.approx(
        sum(row[i] for i, row in enumerate(test["confusion"])) / 359
    )
    assert len(test["classes"]) == 10
    assert "plotly" in (tmp_path / "out" / "confusion.html").read_text()
    assert not alone.database.exists()


def test_train_prints_a_table_for_readers(finished: Cli, tmp_path: Path) -> None:
    file = tmp_path / "best.toml"
    finished("export", "small", "--trial", "0", "-o", file)
    shown = Cli(tmp_path)("train", file, "--test", "--seed", "5")
    assert "test accuracy 0." in shown.stdout
    assert "Confusion matrix" in shown.stdout
    assert "Most confused" in shown.stdout
    assert "epoch 3/3" in shown.stderr
    opened = tmp_path / "home" / "datasets" / "test_opened.jsonl"
    opening, result = (json.loads(line) for line in opened.read_text().splitlines())
    assert opening["seeds"] == [5]
    assert result["key"] == opening["key"]


def test_light_commands_load_no_tensorflow(finished: Cli, tmp_path: Path) -> None:
    lines = [
        "--help", "--version", f"init {tmp_path / 'new.toml'}", "ls", "ls --json", "show small",
        "trials small", "trials small --csv", "best small", "logs small", "doctor",
        f"export small -o {tmp_path / 'best.toml'}", "run small.toml",
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", LIGHT_COMMANDS, *lines],
        cwd=finished.folder, env=finished.environment(), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_optuna_and_its_dashboard_open_the_database(finished: Cli) -> None:
    url = f"sqlite:///{finished.database}"
    storage = optuna.storages.RDBStorage(url)
    study = optuna.load_study(study_name="small", storage=storage)
    assert study.best_value == finished.json("best", "small")["values"][0]
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
        assert [entry["study_name"] for entry in listed] == ["small"]
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


def test_init_check_run(cli: Cli) -> None:
    assert "hpsearch run" in cli("init", "first.toml").stdout
    assert "already" in cli("init", "first.toml", code=2).stderr
    checked = cli.json("check", "first.toml")
    models, whole = checked["models"], checked["time"]
    assert [model["model"] for model in models] == ["smallest", "middle", "largest"]
    assert models[0]["parameters"] < models[1]["parameters"] < models[2]["parameters"]
    assert 0 < whole["least"] <= whole["seconds"] <= whole["most"]
    cli("run", "first.toml", "--trials", "1", "--workers", "1", "--set", "training.epochs=1")
    assert cli.json("show", "first")["counted"] == 1


def test_enqueue_is_tried_next(cli: Cli) -> None:
    file = make_study(cli, cli.study_file(trials=1, epochs=1))
    (cli.folder / "mine.toml").write_text("layers = 2\nunits = [33, 44]\n")
    assert "budget" in cli("enqueue", "small", "mine.toml").stdout
    assert "nothing added" in cli("enqueue", "small", "mine.toml").stdout
    cli("run", file, "--trials", "2", "--workers", "1")
    assert cli.json("trials", "small")[1]["config"]["units"] == [33, 44]
    (cli.folder / "mine.toml").write_text("layers = 3\n")
    refused = cli("enqueue", "small", "mine.toml", code=2)
    assert "layers = 3 is not in the space" in refused.stderr


def test_delete_removes_the_study_and_its_files(cli: Cli) -> None:
    make_study(cli)
    assert (cli.home / "runs" / "small").exists()
    logs = cli.home / "logs" / "small"
    logs.mkdir(parents=True)
    (logs / "worker-0.log").write_text("ready")
    assert "ready" in cli("logs", "small").stdout
    cli("delete", "small", "--yes")
    assert cli.json("ls") == []
    assert not (cli.home / "runs" / "small").exists()
    assert not (cli.home / "logs" / "small").exists()
    assert "not found" in cli("show", "small", code=2).stderr
