"""A user with a table: one command, confirmed, judged, trained again; and what can go wrong."""

import csv
import json
import math
import tomllib
from typing import Any

import numpy as np
import pytest
from commandline import Cli

SIZE = 160
QUICK = ("--workers", "1", "--set", "training.epochs=3", "--set", "training.precision=float32")
SHARE = ("--set", "dataset.validation=0.2")
SMALL = (
    *QUICK,
    "--set",
    "space.units=8",
    "--set",
    "space.layers=1",
    "--set",
    "space.members=1",
    "--set",
    "enqueue=[]",
)


def rows(seed: int = 0, size: int = SIZE) -> list[dict[str, Any]]:
    """Houses: numbers, categories and dates, some of them missing."""
    draw = np.random.default_rng(seed)
    found = []
    for number in range(size):
        area, town = draw.uniform(30, 200), draw.choice(["Ulm", "Köln", "Aue"])
        price = 1000 * area * {"Ulm": 3, "Köln": 5, "Aue": 1}[town] * draw.lognormal(0, 0.1)
        row: dict[str, Any] = {"area": f"{area:.1f}", "town": town, "price": f"{price:.0f}"}
        row |= {"built": f"{draw.integers(1900, 2020)}-0{draw.integers(1, 9)}-11", "id": number + 1}
        row |= {"owner": f"o{draw.integers(0, 30)}", "sold": f"2024-{draw.integers(10, 13)}-01"}
        row |= {name: "" for name in ("area", "built") if draw.uniform() < 0.05}
        found.append(row)
    return found


def table(cli: Cli, found: list[dict[str, Any]], name: str = "houses.csv") -> None:
    with (cli.folder / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, found[0].keys())
        writer.writeheader()
        writer.writerows(found)


def test_from_a_table_to_a_judged_network(cli: Cli) -> None:
    table(cli, rows())
    done = cli("run", "houses.csv", "--target", "price", "--trials", "2", *SMALL, *SHARE)
    assert "Wrote houses.toml" in done.stderr + done.stdout
    assert "column id" in done.stderr or "id" in cli("data", "houses.toml").stdout
    written = tomllib.loads((cli.folder / "houses.toml").read_text())
    assert written["dataset"]["target"] == "price"
    best = cli.json("best", "houses")
    assert best["values"][0] > 0
    assert best["train_accuracy"] is None
    assert best["train_value"] <= 1
    shown = cli.json("show", "houses")
    assert shown["study_file"]["dataset"]["task"] == "regression"
    assert shown["study_file"]["objective"]["metric"] == "val_rmse"
    again = cli("run", "houses.csv", "--target", "price", "--trials", "2", *SMALL, *SHARE)
    assert "is there already" in again.stderr + again.stdout
    confirmed = cli.json("confirm", "houses", "--top", "1", "--seeds", "2", "--workers", "1")
    assert len(confirmed["candidates"][0]["values"]) == 2
    judged = cli.json("evaluate", "houses")
    (one,) = judged["candidates"]
    test = one["models"][0]["test"]
    assert test["examples"] == 32
    assert test["rmse"] >= test["mae"] > 0
    assert math.isclose(one["rmse"]["mean"], np.mean([m["test"]["rmse"] for m in one["models"]]))
    cli("report", "houses")
    page = (cli.folder / "houses.html").read_text()
    assert "RMSE" in page
    cli("export", "houses", "-o", "best.toml")
    trained = cli.json("train", "best.toml", "--test")
    assert trained["values"] == pytest.approx(best["values"], rel=1e-5)
    assert trained["test"]["rmse"] > 0
    assert cli.json("reproduce", "houses")["values"] == pytest.approx(best["values"], rel=1e-5)


def test_folds_of_classes(cli: Cli) -> None:
    table(cli, rows())
    cli("init", "towns.toml", "--path", "houses.csv", "--target", "town")
    options = ("--set", "dataset.validation={ folds = 2 }", "--set", "dataset.ignore=['price']")
    cli("run", "towns.toml", "--trials", "2", *SMALL, *options)
    best = cli.json("best", "towns")
    assert len(best["folds"]) == 2
    assert best["values"][0] == pytest.approx(np.mean([fold["value"] for fold in best["folds"]]))
    assert best["validation_examples"] == 128
    assert "the mean of 2 folds" in cli("best", "towns").stdout
    confirmed = cli.json("confirm", "towns", "--top", "1", "--seeds", "2", "--workers", "1")
    assert confirmed["new_split"]
    refitted = cli.json("evaluate", "towns", "--refit", "--workers", "1")
    assert 0 <= refitted["candidates"][0]["accuracy"]["mean"] <= 1
    assert cli.json("reproduce", "towns")["values"] == best["values"]


def test_groups_stay_whole_and_the_newest_are_tested(cli: Cli) -> None:
    table(cli, rows())
    cli("init", "by.toml", "--path", "houses.csv", "--target", "price")
    by_group = cli.json("data", "by.toml", "--set", "dataset.group=owner")
    assert by_group["test"] > 0
    by_time = cli.json("data", "by.toml", "--set", "dataset.time=sold", *SHARE)
    assert by_time["test"] > 0
    few = cli("data", "by.toml", "--set", "dataset.time=sold", code=2)
    assert "2 different times cannot make 5 folds" in few.stderr
    both = ("--set", "dataset.time=sold", "--set", "dataset.group=owner")
    refused = cli("data", "by.toml", *both, code=2)
    assert "group and dataset.time both say how to split" in refused.stderr
    lacking = cli("data", "by.toml", "--set", "dataset.time=built", code=2)
    assert 'time "built" is missing in' in lacking.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--set", "objective.metric=val_accuracy"), ("val_accuracy", "regression", "val_rmse")),
        (("--set", "dataset.class_weights=balanced"), ("class_weights", "regression")),
        (("--set", "space.label_smoothing=0.1"), ("label_smoothing", "regression")),
        (("--set", "space.augment.flip=true"), ("augment", "row of a table")),
        (("--set", "space.network={ type = 'conv' }"), ("convolutional", "row of a table")),
        (
            ("--set", "dataset.log_target=true", "--set", "dataset.target=change"),
            ("log(1 + target)",),
        ),
        (("--set", "dataset.target=pricy"), ("pricy", "did you mean price?")),
        (("--set", "dataset.group=price"), ("price", "dataset.target", "dataset.group")),
        (("--set", "dataset.task=classification"), ("classes",)),
        (("--set", "dataset.validation={ folds = 1 }"), ("folds", "2")),
        (("--set", "dataset.validation={ fold = 5 }"), ("fold", "did you mean folds?")),
        (("--set", "dataset.validation=given"), ("no", "validation part")),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else None,
)
def test_what_does_not_fit_a_table(
    cli: Cli, options: tuple[str, ...], says: tuple[str, ...]
) -> None:
    found = rows(size=60)
    for number, row in enumerate(found):
        row["change"] = number - 30.5
    table(cli, found)
    cli("init", "one.toml", "--path", "houses.csv", "--target", "price")
    done = cli("run", "one.toml", "--trials", "1", *options, code=2)
    assert done.stderr.splitlines()[-1].startswith("error: ")
    for part in says:
        assert part in done.stderr


def test_no_study_file_is_written_for_a_wrong_table(cli: Cli) -> None:
    table(cli, rows(size=60))
    assert "--target" in cli("run", "houses.csv", code=2).stderr
    assert "did you mean price?" in cli("run", "houses.csv", "--target", "pric", code=2).stderr
    assert "no such" in cli("run", "mouses.csv", "--target", "price", code=2).stderr
    assert [path.name for path in cli.folder.iterdir()] == ["houses.csv"]
    (cli.folder / "houses.toml").write_text("")
    done = cli("run", "houses.csv", "--target", "price", code=2)
    assert "houses.toml" in done.stderr
    cli.folder.joinpath("houses.toml").unlink()
    cli("init", "houses.toml", "--path", "houses.csv", "--target", "town")
    other = cli("run", "houses.csv", "--target", "price", code=2)
    assert "is there already" in other.stderr
    refused = cli("run", "houses.toml", "--target", "price", code=2)
    assert "study file" in refused.stderr


def test_a_study_file_goes_again_where_its_table_is_wrong(cli: Cli) -> None:
    (cli.folder / "tiny.csv").write_text("a,b,y\n1,2,3\n4,5,6\n")
    refused = cli("run", "tiny.csv", "--target", "y", code=2)
    assert refused.stderr.splitlines()[-1].startswith("error: ")
    assert "Removed tiny.toml again. To set a key of its [dataset]: --set" in refused.stderr
    assert not (cli.folder / "tiny.toml").exists()
    table(cli, rows(size=60), "tiny.csv")  # the mended one is not refused for a file of the first
    cli("run", "tiny.csv", "--target", "price", "--trials", "1", *SMALL, *SHARE)
    assert (cli.folder / "tiny.toml").exists()


def test_json_of_data_tells_columns(cli: Cli) -> None:
    table(cli, rows())
    cli("init", "one.toml", "--path", "houses.csv", "--target", "price")
    told = json.loads(cli("data", "one.toml", "--json").stdout)
    kinds = {column["name"]: column["kind"] for column in told["columns"]}
    assert kinds == {
        "area": "number", "town": "category", "built": "date", "owner": "category", "sold": "date",
    }  # fmt: skip
