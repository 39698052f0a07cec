"""What export wrote is known again; what others wrote is not taken for it."""

import json
import zipfile
from pathlib import Path

import pytest

from hpsearch.training.written import classes_file, is_classes, is_model, write_classes


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
