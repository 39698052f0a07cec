"""Arrays: what is written is what NumPy reads; equal arrays are equal files."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.data.arrays import silent
from hpsearch.data.parts import Part, Parts
from hpsearch.data.transform import Affine
from hpsearch.files import is_script_data
from hpsearch.script import arrays

RANDOM = np.random.default_rng(5)
X = RANDOM.integers(0, 256, (60, 4, 3), np.uint8)
Y = np.arange(60) % 3
TEST = Part(x=X[:7] // 2, y=Y[:7], rows=np.arange(7))


def parts(x: Any = X, seed: int = 0) -> Parts:
    rows = np.random.default_rng(seed).permutation(60)
    return Parts(
        train=Part(x=x, y=Y, rows=np.sort(rows[:40])),
        validation=Part(x=x, y=Y, rows=np.sort(rows[40:])),
        input_shape=x.shape[1:],
        class_names=("a", "b", "größe"),
        transform=Affine(
            multiplier=np.array(1 / 255, np.float32),
            offset=np.linspace(0, 1, 3, dtype=np.float32),
        ),
        class_weights=None,
        fingerprint="f" * 64,
    )


def write(path: Path, contents: arrays.Contents) -> bytes:
    arrays.write(path, contents, "writing", silent)
    return path.read_bytes()


def holds(path: Path, contents: arrays.Contents) -> bool:
    return arrays.holds(path, contents, "comparing", silent)


@pytest.mark.parametrize("chunk", [1, 100, 2**24])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "int64"])
def test_numpy_reads_what_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, dtype: str
) -> None:
    """From a mapped file, however few values are in memory at once."""
    monkeypatch.setattr(arrays, "_CHUNK", chunk)
    np.save(tmp_path / "x.npy", X.astype(dtype))
    own = parts(np.load(tmp_path / "x.npy", mmap_mode="r"))
    write(tmp_path / "a.npz", arrays.contents(own, TEST))
    with np.load(tmp_path / "a.npz") as found:
        assert {*found} == {
            "x_train", "y_train", "x_val", "y_val", "x_test", "y_test", "multiplier", "offset",
            "class_names",
        }  # fmt: skip
        for name, part in (("train", own.train), ("val", own.validation), ("test", TEST)):
            assert found[f"x_{name}"].dtype == part.x.dtype
            assert np.array_equal(found[f"x_{name}"], part.x[part.rows])
            assert np.array_equal(found[f"y_{name}"], part.y[part.rows])
        assert found["multiplier"].shape == ()
        assert found["multiplier"] == own.transform.multiplier
        assert np.array_equal(found["offset"], own.transform.offset)
        assert found["class_names"].tolist() == ["a", "b", "größe"]


def test_equal_arrays_are_equal_files(tmp_path: Path) -> None:
    first = write(tmp_path / "a.npz", arrays.contents(parts()))
    assert write(tmp_path / "b.npz", arrays.contents(parts())) == first
    assert write(tmp_path / "c.npz", arrays.contents(parts(seed=1))) != first


def test_a_file_that_holds_the_arrays_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "_CHUNK", 100)
    own, file = parts(), tmp_path / "a.npz"
    plain, with_test = arrays.contents(own), arrays.contents(own, TEST)
    assert not holds(file, plain)
    write(file, plain)
    assert holds(file, plain)
    assert not holds(file, with_test)
    assert not holds(file, arrays.contents(parts(seed=1)))
    assert not holds(file, arrays.contents(parts(X.astype(np.int64))))
    changed = X.copy()
    changed[own.validation.rows[-1], -1, -1] ^= 1
    assert not holds(file, arrays.contents(parts(changed)))
    fewer = Part(x=X, y=Y, rows=own.train.rows[:-1])
    assert not holds(file, plain | {"x_train": (X, fewer.rows)})
    write(file, with_test)
    assert holds(file, plain)
    assert holds(file, with_test)
    file.write_bytes(file.read_bytes()[:-100])
    assert not holds(file, plain)


def test_own_files_are_known_from_those_of_others(tmp_path: Path) -> None:
    write(tmp_path / "own.npz", arrays.contents(parts()))
    np.savez(tmp_path / "mine.npz", x_train=X, y_train=Y)
    (tmp_path / "text.npz").write_text("no archive")
    assert is_script_data(tmp_path / "own.npz")
    for name in ("mine.npz", "text.npz", "none.npz"):
        assert not is_script_data(tmp_path / name)


def test_progress_is_shown_once_it_takes_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, int, int]] = []
    x = np.zeros((60, 1000, 1000), np.uint8)
    contents = arrays.contents(parts(x))
    arrays.write(tmp_path / "a.npz", contents, "writing", lambda *one: told.append(one))
    assert told == []
    monkeypatch.setattr(arrays, "_SILENT", -1.0)
    arrays.write(tmp_path / "a.npz", contents, "writing", lambda *one: told.append(one))
    assert told[0] == ("writing (MB)", 16, 60)
    assert told[-1] == ("writing (MB)", 60, 60)
    assert zipfile.ZipFile(tmp_path / "a.npz").testzip() is None


def test_an_archive_with_an_encrypted_member_holds_nothing(tmp_path: Path) -> None:
    own = arrays.contents(parts())
    content = bytearray(write(tmp_path / "a.npz", own))
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + flags] |= 1
    (tmp_path / "a.npz").write_bytes(content)
    assert not arrays.holds(tmp_path / "a.npz", own, "comparing", silent)
