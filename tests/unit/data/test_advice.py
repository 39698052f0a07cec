from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from hpsearch.data.advice import advise, validation_copies
from hpsearch.data.cache import open_dataset
from hpsearch.data.drawing import split
from hpsearch.data.section import DatasetSection
from hpsearch.home import Home

Write = Callable[..., DatasetSection]


def told(section: DatasetSection, home: Home) -> list[str]:
    dataset = open_dataset(section, home)
    return advise(dataset, section, split(dataset, section))


def vectors(count: int = 120, features: int = 5) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(0).normal(size=(count, features)).astype(np.float32)


NONE = {"scale": "none"}


def test_ordinary_data_need_no_advice(npz: Write, home: Home) -> None:
    assert told(npz(NONE, x_train=vectors()), home) == []
    assert told(DatasetSection(source="digits"), home) == []


def test_copies_between_the_parts(npz: Write, home: Home) -> None:
    x, y = vectors(), np.arange(120) % 3
    section = npz(
        {**NONE, "validation": "given"},
        x_train=x, y_train=y, x_test=x[:60], y_test=y[:60],
        x_val=np.concatenate([x[:5], x[5:35] + 1]), y_val=y[:35],
    )  # fmt: skip
    first, second = told(section, home)
    assert first.startswith("60 of 60 test examples also occur in the training split")
    assert second.startswith("5 of 35 validation examples also occur in the training split")


def test_a_validation_part_that_is_not_used_is_told_and_not_judged(npz: Write, home: Home) -> None:
    x = vectors()
    section = npz(NONE, x_train=x, x_val=x[:20], y_val=np.zeros(20, int))
    (only,) = told(section, home)
    assert only.startswith("the source's own validation part of 20 examples is not used")
    assert 'dataset.validation = "given"' in only


def test_copies_within_the_training_split(npz: Write, home: Home) -> None:
    x = np.concatenate([vectors(60)] * 2)
    section = npz(NONE, x_train=x, y_train=np.arange(120) % 3, x_test=x[:3] + 1, y_test=[0, 1, 2])
    dataset = open_dataset(section, home)
    parts = split(dataset, section)
    copies = validation_copies(parts)
    assert 0 < copies <= len(parts.validation) == 12
    (only,) = told(section, home)
    assert only.startswith(f"{copies} of 12 validation examples also occur in the training part")


def test_copies_with_another_label(npz: Write, home: Home) -> None:
    x = vectors()
    x[1] = x[0]
    found = told(npz(NONE, x_train=x, x_test=x[3:6] + 1, y_test=[0, 1, 2]), home)
    assert found[0].startswith("2 training examples have an exact copy with another label")


def test_imbalance(npz: Write, home: Home) -> None:
    y = np.array([0] * 80 + [1] * 25 + [2] * 15)
    found = told(npz(NONE, x_train=vectors(), y_train=y), home)
    (only,) = found
    assert only == (
        'imbalanced classes: 57 training examples of class "0", 11 of "2"; predicting the first'
        ' alone has accuracy 0.6628. Consider dataset.class_weights = "balanced" and'
        ' objective.metric = "val_f1_macro"'
    )
    assert (
        told(npz({**NONE, "class_weights": "balanced"}, x_train=vectors(), y_train=y), home) == []
    )


def test_classes_with_few_or_no_examples(npz: Write, home: Home) -> None:
    x, y = vectors(30), np.arange(30) % 3
    section = npz(
        {**NONE, "limit": 12}, x_train=x, y_train=y, x_test=x[:2] + 1, y_test=[0, 1],
        class_names=["a", "b", "c"],
    )  # fmt: skip
    few, none = told(section, home)
    assert few.startswith('fewer than 10 training examples of "a" (4); "b" (4); "c" (4): too few')
    assert none.startswith('no test examples of "c"')


def test_features_that_carry_nothing(npz: Write, home: Home) -> None:
    x = vectors(features=9)
    x[:, 1:6] = 4
    x[:, 8] = x[:, 0]
    constant, equal = told(npz(NONE, x_train=x), home)
    assert constant.startswith("5 features never vary in the training split (from 0: 1; 2; 3 and 2")
    assert equal.startswith("1 feature copies another one (from 0: 8 = 0)")


def test_such_features_of_images_are_ordinary(npz: Write, home: Home) -> None:
    x = vectors(features=9).reshape(120, 3, 3)
    x[:, 0] = 4
    assert told(npz(NONE, x_train=x), home) == []


@pytest.mark.parametrize("scale", ["unit", "symmetric"])
def test_values_far_below_the_declared_maximum(npz: Write, home: Home, scale: str) -> None:
    x = np.random.default_rng(0).integers(0, 17, (120, 8, 8)).astype(np.uint8)
    (only,) = told(npz({"scale": scale}, x_train=x), home)
    assert only.startswith(
        f'the largest training input is 16, but scale = "{scale}" divides by 255'
    )
    assert told(npz({"scale": "standardize"}, x_train=x), home) == []


def test_large_values_that_nothing_scales(npz: Write, home: Home) -> None:
    (only,) = told(npz(NONE, x_train=vectors() * 100), home)
    assert only.startswith("inputs reach ")
    assert told(npz({"scale": "standardize"}, x_train=vectors() * 100), home) == []


def test_files_that_were_passed_over(images: Write, home: Home) -> None:
    section = images(count=120)
    folder = Path(str(section.path)) / "train" / "cat"
    for index in range(4):
        (folder / f"bad{index}.png").write_bytes(b"")
    found = told(section, home)
    assert found[0].startswith("4 files could not be read as images and were skipped: ")
    assert "bad0.png" in found[0]
    assert "and 1 more" in found[0]


def test_a_drawn_validation_part_may_lack_a_rare_class(npz: Write, home: Home) -> None:
    y = np.array([0] * 78 + [1] * 39 + [2] * 3)
    found = told(npz(NONE, x_train=vectors(), y_train=y), home)
    assert any(one.startswith('no validation examples of "2"') for one in found)
    alone = np.array([0] * 80 + [1] * 39 + [2])
    section = npz({**NONE, "validation": {"folds": 3}}, x_train=vectors(), y_train=alone)
    assert any(one.startswith('no validation examples of "2"') for one in told(section, home))


def table(folder: Path, columns: dict[str, Any], **keys: Any) -> DatasetSection:
    """A table with the target "y"."""
    pl.DataFrame(columns).write_csv(folder / "t.csv")
    section: dict[str, Any] = {"source": "table", "path": str(folder / "t.csv"), "target": "y"}
    return DatasetSection(**section | keys)


def test_an_ordinary_table_needs_no_advice(tmp_path: Path, home: Home) -> None:
    # Numbers of any size are scaled, and a few rows are alike by chance.
    a, b = np.random.default_rng(0).normal(size=(2, 200)) * 1e6
    a[1], b[1] = a[0], b[0]
    columns = {"a": a, "b": b, "y": ["no", "yes"] * 100}
    assert told(table(tmp_path, columns, scale="none"), home) == []
    assert told(table(tmp_path, columns, scale="symmetric"), home) == []


def test_numbers_that_were_taken_as_classes_may_be_counts(tmp_path: Path, home: Home) -> None:
    y = np.repeat([0, 1, 2], [100, 60, 4])
    columns = {"a": np.random.default_rng(0).normal(size=164), "y": y}
    assert 'set dataset.task = "regression"' in " ".join(told(table(tmp_path, columns), home))
    is_said = told(table(tmp_path, columns, task="classification"), home)
    named = told(table(tmp_path, columns | {"y": [f"c{label}" for label in y]}), home)
    assert "regression" not in " ".join([*is_said, *named])


def test_what_was_noticed_of_texts_and_identifiers_is_told(tmp_path: Path, home: Home) -> None:
    a = np.random.default_rng(0).normal(size=200)
    prices = [f"${value:,.2f}" for value in np.arange(200) * 37.5]
    columns = {
        "id": np.arange(200) * 3,
        "price": prices,
        "a": a,
        "y": ["no", "yes", "No", "c"] * 50,
    }
    said = " ".join(told(table(tmp_path, columns), home))
    assert 'column "price": read as texts such as "$0.00"' in said
    assert 'column "y": "No" and "no" differ by case alone' in said
    assert 'column "id" is an identifier by its name and values; ignore it' in said


def test_many_copies_in_a_table_are_told(tmp_path: Path, home: Home) -> None:
    random = np.random.default_rng(0)
    columns = {"a": random.integers(5, size=200), "b": random.integers(4, size=200)}
    labels, values = [*random.permutation(["no", "yes"] * 100)], random.normal(size=200)
    test, contradictions, drawn = told(table(tmp_path, columns | {"y": labels}), home)
    assert test.startswith("40 of 40 test examples also occur in the training split")
    assert "test accuracy will look too good" in test
    assert "have an exact copy with another label: no network can learn both" in contradictions
    assert "add a column that tells them apart" in contradictions
    assert "remove the copies, or name the column that such rows share: dataset.group" in drawn
    # The values of a regression are noisy anyway.
    test, drawn = told(table(tmp_path, columns | {"y": values}), home)
    assert "test results will look too good" in test
    assert drawn.startswith("16 of 16 validation examples")


def test_flaws_of_columns_are_told_the_worst_first(tmp_path: Path, home: Home) -> None:
    random = np.random.default_rng(0)
    y = random.normal(size=100)
    columns = {f"c{i}": np.full(100, i) for i in range(7)} | {"z": y * 2, "y": y}
    section = table(tmp_path, columns)
    dataset = open_dataset(section, home)
    found = told(section, home)
    assert found[0].startswith('column "z" gives the target "y" away')
    assert found[1] == 'column "c0" has one value in all training rows; ignore it'
    assert found[5] == "and 3 more about columns: hpsearch data FILE tells all"
    assert len(found) == 6
    every = advise(dataset, section, split(dataset, section), all_flaws=True)
    assert [each.split()[1] for each in every] == ['"z"', *(f'"c{i}"' for i in range(7))]


def test_a_target_with_a_heavy_tail(tmp_path: Path, npz: Write, home: Home) -> None:
    random = np.random.default_rng(0)
    y = np.exp(2 * random.normal(size=400))
    columns = {"a": random.normal(size=400), "y": y}
    (only,) = told(table(tmp_path, columns), home)
    assert only.startswith('the target "y" has a heavy tail (skewness ')
    assert only.endswith("consider dataset.log_target = true")
    assert told(table(tmp_path, columns, log_target=True), home) == []
    assert told(table(tmp_path, columns | {"y": y - 2}), home) == []  # which has no logarithm
    assert told(table(tmp_path, columns | {"y": y**0.1}), home) == []
    (of_arrays,) = told(npz(NONE, x_train=vectors(400), y_train=y), home)
    assert of_arrays.startswith("the target has a heavy tail")
