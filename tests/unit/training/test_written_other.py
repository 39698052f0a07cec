"""Models of other tools are known again by what lies beside them, and told what they take."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from tabular import table_parts

from hpsearch.training.written import signature, signature_file
from hpsearch.training.written_other import files_of, is_other_model, write_beside_other


@pytest.mark.parametrize(("form", "ending"), [("onnx", ".onnx"), ("openvino", ".xml")])
def test_a_model_is_ours_as_long_as_nobody_changes_it(
    form: Any, ending: str, tmp_path: Path
) -> None:
    made, output = tmp_path / f".partial.best{ending}", tmp_path / f"best{ending}"
    files = list(zip(files_of(made, form), files_of(output, form), strict=True))
    assert len(files) == (2 if form == "openvino" else 1)
    for number, (now, _) in enumerate(files):
        now.write_bytes(b"weights %d" % number)
    assert not is_other_model(output, form)
    write_beside_other(output, form, signature(table_parts(regression=True), "y", form), made)
    for now, final in files:
        now.rename(final)
    assert is_other_model(output, form)
    told = json.loads((tmp_path / f"best{ending}.signature.json").read_text())
    assert told["files"][f"best{ending}"] == hashlib.sha256(b"weights 0").hexdigest()
    files[-1][1].write_bytes(b"of another program")
    assert not is_other_model(output, form)
    files[-1][1].unlink()
    assert not is_other_model(output, form)
    signature_file(output, form).write_text("{}")
    assert not is_other_model(output, form)


def test_a_signature_says_which_number_a_category_has_and_how_a_date_is_given() -> None:
    parts = table_parts(regression=True)
    by_form = {form: signature(parts, "y", form).inputs for form in ("onnx", "litert", "keras")}  # type: ignore[arg-type]
    number, *_, born, time, void = by_form["litert"]
    sex = by_form["litert"][2]
    assert number.takes == "float32, shape (batch,); NaN: missing"
    assert sex.categories == ("f", "m", "only in the test split")
    assert "places in categories, from 0; -1: another one, -2: missing" in sex.takes
    assert born.takes == "float32, shape (batch,): days since 2000-01-01; NaN: missing"
    assert time.takes.startswith("float32, shape (batch, 2): whole days since 2000-01-01, and the")
    assert void.categories == ("nobody has it",)
    assert "texts as they stand" in by_form["onnx"][2].takes
    assert not by_form["onnx"][2].categories
    assert by_form["onnx"][6].takes == time.takes
    assert "texts like 2024-03-01" in by_form["keras"][5].takes
    assert "float32, shape (batch, 1)" in signature(parts, "y", "litert").gives
    assert "float64, shape (batch, 1)" in signature(parts, "y", "onnx").gives
