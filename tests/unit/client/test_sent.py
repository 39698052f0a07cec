"""What is sent: keys of contents, folders as archives."""

import zipfile
from pathlib import Path

import pytest

from hpsearch.client.sent import body_of, key_of, packed, sha256_of
from hpsearch.errors import UnreachableError


def test_the_same_content_has_the_same_key() -> None:
    table = body_of({"name": "a"})[1]
    assert key_of(table) == key_of(body_of({"name": "a"})[1])
    assert len({key_of(table), key_of(table, 1), key_of(body_of({"name": "b"})[1])}) == 3


def test_a_folder_is_the_same_archive_whenever_it_is_packed(tmp_path: Path) -> None:
    (folder := tmp_path / "images").mkdir()
    for name in ("b/2.png", "a/1.png", "hpsearch-data/studies.db"):
        (folder / name).parent.mkdir()
        (folder / name).write_text(name)
    with packed(folder) as first, packed(folder) as second:
        assert first.name == "images.zip"
        assert sha256_of(first) == sha256_of(second)
        with zipfile.ZipFile(first) as archive:
            assert archive.namelist() == ["a/1.png", "b/2.png"]
            assert archive.read("b/2.png") == b"b/2.png"
    assert not first.exists()


def test_what_cannot_be_packed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_text("x")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hpsearch.client.sent.shutil.copyfileobj", full)
    with (
        pytest.raises(UnreachableError, match="cannot be packed: No space left on device"),
        packed(tmp_path),
    ):
        pass
