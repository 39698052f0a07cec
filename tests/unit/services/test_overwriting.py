"""What hpsearch writes over, and what not."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from hpsearch.errors import InputError
from hpsearch.figures.data_page import data_page
from hpsearch.figures.samples import png
from hpsearch.services.overwriting import refuse_to_replace

DATA: dict[str, Any] = {"facts": {}, "parts": ["training"], "classes": [], "warnings": []}


@pytest.mark.parametrize("age", ["new", "old"])
def test_pages_of_ours_are_written_over_and_those_of_others_are_not(
    tmp_path: Path, age: str
) -> None:
    from hpsearch.report.page import _TEMPLATE  # noqa: PLC0415  # slow, for this test only

    sheet = png(Image.new("L", (8, 8)))
    report = _TEMPLATE.read_text().replace("{{ study.name }}", "n" * 100)
    pages = {"report": report, "data": data_page("Data: digits", sheets={"a": sheet}, **DATA)}
    for kind, new in pages.items():
        old = new.replace(f'<meta name="generator" content="hpsearch {kind}">\n', "")
        assert "generator" not in old
        (tmp_path / f"{kind}.html").write_text(new if age == "new" else old)
        refuse_to_replace(tmp_path / f"{kind}.html", kind)  # type: ignore[arg-type]
    (tmp_path / "samples.png").write_bytes(sheet)
    refuse_to_replace(tmp_path / "samples.png", "samples")
    for kind, name in (("report", "data.html"), ("data", "report.html"), ("samples", "data.html")):
        with pytest.raises(InputError, match=f"{name}: already exists and is not a .*another name"):
            refuse_to_replace(tmp_path / name, kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a.xml", "a.bin", "a.xml.signature.json"])
def test_neither_file_of_an_openvino_model_nor_its_signature_is_written_over(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text("<net/>")
    with pytest.raises(InputError, match=f"{name}: already exists and is no.* hpsearch wrote"):
        refuse_to_replace(tmp_path / "a.xml", "openvino")
    refuse_to_replace(tmp_path / "a.onnx", "onnx")


def test_files_of_others_are_not_written_over(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "mine.png")
    (tmp_path / "mine.html").write_text("<html>")
    (tmp_path / "link.html").symlink_to(tmp_path / "nothing")
    (tmp_path / "folder.html").mkdir()
    for name, kind in (
        ("mine.png", "samples"), ("mine.html", "report"), ("mine.html", "data"),
        ("link.html", "report"), ("folder.html", "report"),
    ):  # fmt: skip
        with pytest.raises(InputError, match="already exists and is not a "):
            refuse_to_replace(tmp_path / name, kind)  # type: ignore[arg-type]
    refuse_to_replace(tmp_path / "new.html", "report")


@pytest.mark.parametrize("kind", ["classes", "signature"])
def test_files_of_others_beside_a_model_are_not_written_over(tmp_path: Path, kind: str) -> None:
    (tmp_path / f"a.{kind}.json").write_text("{}")
    with pytest.raises(InputError, match=f"a.{kind}.json: already exists and .*another name"):
        refuse_to_replace(tmp_path / "a.keras", "keras")
