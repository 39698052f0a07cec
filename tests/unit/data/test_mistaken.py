"""Mistaken files: named as what they are, wherever data are read."""

from pathlib import Path

import numpy as np
import pytest

from hpsearch.data.arrays import silent
from hpsearch.data.mistaken import HEAD, mistaken
from hpsearch.data.section import DatasetSection
from hpsearch.errors import InputError

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
PAGE = b"\n<!-- a comment -->\n<!DOCTYPE html>\n<html><title>Sign in</title></html>\n"
TABLE = b"a;b;label\n1.5;2;cat\n2.5;3;dog\n"
FILES = {
    POINTER: ("a Git LFS pointer", "run git lfs pull"),
    PAGE: ("an HTML page", "download it again, signed in"),
    b"<?xml version='1.0'?><Error>AccessDenied</Error>": ("an XML page", "download it again"),
    TABLE: ("a CSV table", 'dataset.source = "table"'),
    b"x,y\n" * HEAD: ("a CSV table", 'dataset.source = "table"'),
    b"\0\0\0\x18ftypheic\0\0": ("a HEIC image", "convert it to JPEG"),
    b"PAR1\x15\4": ("a Parquet table", 'dataset.source = "table"'),
    b"PK\3\4": ("a zip archive", "unpack it"),
    b"\x89HDF\r\n": ("an HDF5 file", "numpy.savez"),
}


@pytest.mark.parametrize("head", FILES)
def test_a_file_is_known_by_its_first_bytes(head: bytes) -> None:
    found = mistaken(head[:HEAD])
    assert found is not None
    assert found.kind == FILES[head][0]
    assert found.cure.startswith(FILES[head][1]) or FILES[head][1] in found.cure


@pytest.mark.parametrize(
    "head", [b"", b"no comma", b"one, line", b"a,b\nc\n", b"\x93NUMPY", b"\0\0\x08\1,\n,\n", b"<a>"]
)
def test_others_are_not_known(head: bytes) -> None:
    assert mistaken(head) is None


@pytest.mark.parametrize("content", [POINTER, PAGE, TABLE])
@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("npz", "d.npz"), ("mnist", "mnist.npz"), ("mnist", "raw/train-images-idx3-ubyte.gz"),
        ("cifar10", "c.tar.gz"), ("cifar10", "data_batch_1"), ("cifar100", "train"),
    ],
)  # fmt: skip
def test_every_source_says_so(source: str, name: str, content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "data" / name
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    path = file if name in ("d.npz", "c.tar.gz") else file.parent
    section = DatasetSection(source=source, path=str(path))  # type: ignore[arg-type]
    kind, cure = FILES[content]
    with pytest.raises(InputError) as caught:
        section.reader.read(silent)
    assert f"{file}: is {kind}, not the data; " in str(caught.value)
    assert cure in str(caught.value)


def test_an_archive_of_arrays_is_none(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x_train=np.ones((60, 2)), y_train=np.arange(60) % 2)
    DatasetSection(source="npz", path=str(tmp_path / "d.npz")).reader.read(silent)


def test_an_npz_file_is_no_other_archive(tmp_path: Path) -> None:
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", x_train=np.zeros(3))
        found = mistaken((tmp_path / "a.npz").read_bytes()[:HEAD])
        assert found is not None
        assert (found.kind, found.source) == ("an .npz file", "npz")


def refusal(source: str, path: Path) -> str:
    section = DatasetSection(source=source, path=str(path), target=None)  # type: ignore[call-arg]
    with pytest.raises(InputError) as caught:
        section.reader.read(silent)
    return str(caught.value)


def test_the_source_that_reads_a_file_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=np.zeros(3))
    (tmp_path / "a.csv").write_bytes(TABLE)
    images, tables = tmp_path / "images", tmp_path / "tables"
    for folder in (images / "train" / "cat", tables):
        folder.mkdir(parents=True)
    (tables / "train.csv").write_bytes(TABLE)
    for source, path, meant in (
        ("table", tmp_path / "a.npz", "npz"),
        ("table", images, "image_folder"),
        ("npz", tmp_path / "a.csv", "table"),
        ("image_folder", tmp_path / "a.csv", "table"),
        ("image_folder", tmp_path / "a.npz", "npz"),
        ("image_folder", tables, "table"),
    ):
        assert f'dataset.source = "{meant}"' in refusal(source, path)
