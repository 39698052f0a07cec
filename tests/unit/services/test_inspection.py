"""What ``hpsearch data`` shows of a table, and of arrays whose target is a number."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from hpsearch.augment import Augment
from hpsearch.data.section import DatasetSection
from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.services.inspection import Inspection, inspect
from hpsearch.services.progress import Silent

N = 200


def view(folder: Path, section: dict[str, Any]) -> Inspection:
    return inspect(DatasetSection(**section), Augment(), Home(folder / "home"), Silent())


def table(folder: Path, **keys: Any) -> Inspection:
    random = np.random.default_rng(0)
    columns = {
        "size": random.normal(size=N),
        "town": np.array(["Ulm", "Bonn", None])[random.choice(3, N, p=[0.6, 0.3, 0.1])],
        "day": [date(2024, 1, 1) + timedelta(days=i // 2) for i in range(N)],
        "house": np.arange(N) // 4,
        "id": np.arange(N) * 7 % N,
        "price": random.normal(size=N) + 5,
        "sold": np.array(["no", "yes"])[np.arange(N) % 2],
    }
    pl.DataFrame(columns).write_csv(folder / "t.csv")
    return view(folder, {"source": "table", "path": str(folder / "t.csv")} | keys)


def test_a_regression_on_a_table(tmp_path: Path) -> None:
    found = table(tmp_path, target="price", ignore=("id", "sold"), group="house")
    facts = found.facts
    assert facts["inputs"].startswith("3 columns: 1 number, 1 category, 1 date; ")
    assert facts["inputs"].endswith(" % of the values are missing")
    assert (facts["ignore"], facts["group"]) == ("id, sold", "house")
    assert facts["target"] == "price, regression"
    assert "quartiles" in facts["range"]
    assert "skewness" in facts["shape"]
    assert facts["test"].startswith("40 (a fifth of the source, whole groups;")
    assert "whole groups" in facts["validation"]
    assert not {"values", "example", "features", "classes"} & facts.keys()
    plain = found.plain(None)
    assert json.loads(json.dumps(plain)) == plain
    assert (plain["task"], plain["target"], plain["per_class"]) == ("regression", "price", [])
    assert [column["name"] for column in plain["columns"]] == ["size", "town", "day"]
    assert plain["roles"] == {"ignore": ["id", "sold"], "group": "house"}
    assert sum(plain["target_values"]["counts"]) == plain["train_split"]
    assert plain["folds"] == []


def test_classes_and_folds_of_a_table(tmp_path: Path) -> None:
    folds = {"folds": 3, "repeats": 2}
    found = table(tmp_path, target="sold", ignore=("id", "price", "house"), validation=folds)
    assert found.facts["target"] == "sold, 2 classes"
    assert found.facts["validation"] == (
        "6 folds of 53 to 54 of the training split (stratified by class, dealt out 2 times)"
    )
    plain = found.plain(None)
    assert plain["target_values"] is None
    assert {row["name"]: row["test"] for row in plain["per_class"]} == {"no": 20, "yes": 20}
    assert len(plain["folds"]) == 6
    assert {each["train"] + each["validation"] for each in plain["folds"]} == {160}


def test_the_newest_are_held_out(tmp_path: Path) -> None:
    found = table(tmp_path, target="price", time="day", ignore=("id",))
    assert found.facts["time"] == "day"
    assert "the newest" in found.facts["test"]
    assert "the newest" in found.facts["validation"]
    folds = table(tmp_path, target="price", time="day", ignore=("id",), validation={"folds": 3})
    assert folds.facts["validation"] == "3 folds of 40 of the training split (in order of time)"


def test_a_column_is_one_line(tmp_path: Path) -> None:
    found = table(tmp_path, target="price", ignore=("id", "sold", "house"))
    size, town, day = found.column_rows()
    assert size[:3] == ("size", "number", "0")
    assert " to " in size[4]
    assert "median" in size[4]
    name, kind, missing, distinct, values, samples = town
    assert (name, kind, distinct) == ("town", "category", "2")
    assert int(missing) > 0
    # Of the rows that have a value.
    shares = [int(part.split()[1]) for part in values.split(", ")]
    assert values.startswith("Ulm ")
    assert sum(shares) == pytest.approx(100, abs=1)
    assert set(samples.split(", ")) == {"Ulm", "Bonn"}
    assert day[4].startswith("2024-01-01 to 2024-04-")


def test_shares_and_long_categories_are_told_in_few_letters(tmp_path: Path) -> None:
    long = "x" * 500
    texts = np.array([long] * 499 + ["rare"])[::-1]
    pl.DataFrame({"a": texts, "y": np.random.default_rng(0).normal(size=500)}).write_csv(
        tmp_path / "t.csv"
    )
    section = {"source": "table", "path": str(tmp_path / "t.csv"), "target": "y"}
    ((*_, values, samples),) = view(tmp_path, section).column_rows()
    assert values == f"{'x' * 21}... >99 %, rare <1 %"
    assert set(samples.split(", ")) == {f"{'x' * 21}...", "rare"}


def test_the_page_has_all_columns_and_the_histogram(tmp_path: Path) -> None:
    found = table(tmp_path, target="price", ignore=("id", "sold", "house"))
    page = found.write(tmp_path / "page.html").read_text()
    for part in (">size<", ">town<", ">day<", "by price</h2>", "<svg"):
        assert part in page
    assert "<h2>Classes" not in page
    classes = table(tmp_path, target="sold", ignore=("id",))
    page = classes.write(tmp_path / "page.html").read_text()
    assert "<h2>Classes" in page
    assert "<svg" not in page
    with pytest.raises(InputError, match="are not images"):
        classes.write(tmp_path / "page.png")


def test_images_of_a_regression_are_sorted_by_target(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (80, 5, 4, 3)).astype(np.uint8)
    np.savez(tmp_path / "a.npz", x_train=x, y_train=random.normal(size=80))
    section = DatasetSection(source="npz", path=str(tmp_path / "a.npz"))
    found = inspect(section, Augment(flip=True), Home(tmp_path / "home"), Silent())
    assert found.warnings == []  # among them that classes are named like digits
    found = replace(found, augment=Augment())
    assert found.facts["target"] == "regression"
    assert found.facts["example"] == "5 x 4 x 3 uint8"
    with Image.open(found.write(tmp_path / "samples.png")) as sheet:
        assert sheet.width > 400
    page = found.write(tmp_path / "page.html").read_text()
    assert "data:image/png;base64," in page
    assert "<svg" in page
