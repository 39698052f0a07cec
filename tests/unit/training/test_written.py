"""What export wrote is known again; what others wrote is not taken for it."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tabular import table_parts

from hpsearch.data.transform import Affine
from hpsearch.training.written import (
    classes_file,
    input_names,
    is_classes,
    is_model,
    is_signature,
    read_signature,
    signature,
    signature_file,
    write_beside,
    write_classes,
)


def test_names_of_classes_are_kept_in_their_order(tmp_path: Path) -> None:
    file = tmp_path / "best.classes.json"
    write_classes(file, ("Zug", "Bär"))
    assert json.loads(file.read_text(encoding="utf-8")) == ["Zug", "Bär"]
    assert is_classes(file)
    assert classes_file(tmp_path / "best.keras", "keras") == file


@pytest.mark.parametrize("text", ["", "{}", "[1]", "[" * 10_000, "\udcff"])
def test_other_files_hold_no_names_of_classes(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert not is_classes(tmp_path / "a.json")
    assert not is_classes(tmp_path)


def test_no_input_of_another_tool_is_called_as_its_outputs_are() -> None:
    columns = ["probabilities", "Predictions", "probabilities_2"]
    assert input_names(columns, "onnx") == ["probabilities_2", "Predictions_2", "probabilities_2_2"]
    assert input_names(columns, "saved_model") == columns


def test_columns_keep_their_names_as_far_as_a_form_allows() -> None:
    columns = [
        "a/b",
        "a_b",
        "Größe (cm)",
        "größe (cm)",
        "class",
        "self",
        "_x",
        "x_x",
        "1st",
        "日本",
    ]
    assert input_names(columns, "keras") == ["a_b_2", *columns[1:]]
    assert input_names(columns, "saved_model") == [
        "a_b_2", "a_b", "Gro_e__cm_", "gro_e__cm__2", "class_", "self_", "x_x_2", "x_x", "1st",
        "x__",
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["keras", "saved_model"])
def test_what_lies_beside_a_model_is_that_of_the_last_one(tmp_path: Path, form: Any) -> None:
    output = tmp_path / ("a.keras" if form == "keras" else "a")
    output.mkdir(exist_ok=True)
    classes, numbers = (table_parts(regression=regression) for regression in (False, True))
    for parts, there in ((classes, True), (numbers, False), (classes, True)):
        told = signature(parts, "y", form)
        write_beside(output, form, told)
        assert read_signature(signature_file(output, form)) == told
        assert classes_file(output, form).exists() == there
    (output / "saved_model.pb").write_bytes(b"")
    assert form == "keras" or is_model(output, "saved_model")


def test_a_model_of_arrays_and_classes_has_the_names_of_classes_alone(tmp_path: Path) -> None:
    transform = Affine(multiplier=np.float32(1), offset=np.float32(0))
    parts = replace(table_parts(regression=False), transform=transform)
    told = signature(parts, None, "keras")
    write_beside(
        tmp_path / "a.keras", "keras", signature(table_parts(regression=True), "y", "keras")
    )
    assert [file.name for file in tmp_path.iterdir()] == ["a.signature.json"]
    write_beside(tmp_path / "a.keras", "keras", told)
    assert [file.name for file in tmp_path.iterdir()] == ["a.classes.json"]
    assert told.inputs[0].takes == "float32, shape (batch, 9), as stored"


@pytest.mark.parametrize("text", ["", "[]", '{"format": "hpsearch-signature/1"}'])
def test_other_files_are_no_signature(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    assert not is_signature(tmp_path / "a.json")
    assert not is_signature(tmp_path)


def test_a_model_of_another_name_is_not_ours(tmp_path: Path) -> None:
    file = tmp_path / "a.keras"
    assert not is_model(file, "keras")
    for config, ours in (('{"config": {"name": "hpsearch"}}', True), ('{"config": 3}', False)):
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("config.json", config)
        assert is_model(file, "keras") == ours
    file.write_text("no model")
    assert not is_model(file, "keras")


def test_a_saved_model_has_the_names_of_classes(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"")
    assert not is_model(tmp_path, "saved_model")
    file = classes_file(tmp_path, "saved_model")
    file.parent.mkdir()
    write_classes(file, "ab")
    assert is_model(tmp_path, "saved_model")
