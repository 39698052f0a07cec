"""Files of numpy.savez: what they declare is checked before anything is read."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hpsearch.data import savez as module
from hpsearch.data.arrays import silent
from hpsearch.data.savez import shapes
from hpsearch.data.section import DatasetSection
from hpsearch.errors import HpsearchError, InputError, UnreachableError

Write = Callable[..., DatasetSection]


def test_progress_counts_arrays(npz: Write) -> None:
    calls: list[tuple[str, int, int]] = []
    npz().reader.load(lambda *call: calls.append(call))
    assert calls == [("reading data.npz", done, 2) for done in range(3)]


def _garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 10)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def _flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[600] ^= 0xFF  # inside x_train's values: found by the archive's checksum
    path.write_bytes(bytes(data))


def _displaced(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-6:-2] = (2**20).to_bytes(4, "little")  # where the archive's own table is said to be
    path.write_bytes(bytes(data))


def _single(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def _not_arrays(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train", "1 2 3")
        archive.writestr("y_train", "1 2 3")


def _bad_header(path: Path) -> None:
    header = io.BytesIO()
    np.save(header, np.zeros(3))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train.npy", header.getvalue().replace(b"'shape'", b"'sh(pe'"))
        archive.writestr("y_train.npy", header.getvalue())


def _header(old: bytes, new: bytes) -> Callable[[Path], None]:
    """A header that NumPy's reader of literals breaks on."""

    def damage(path: Path) -> None:
        array = io.BytesIO()
        np.save(array, np.zeros(3))
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x_train.npy", array.getvalue().replace(old, new))
            archive.writestr("y_train.npy", array.getvalue())

    return damage


def _enormous(path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (2**50, 8)}
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train.npy", header.getvalue())
        archive.writestr("y_train.npy", header.getvalue())


def _declares(shape: tuple[int, ...], content: int) -> Callable[[Path], None]:
    """x_train declares a shape of bytes, and has ``content`` of them."""

    def write(path: Path) -> None:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "|u1", "fortran_order": False, "shape": shape}
        )
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x_train.npy", header.getvalue() + bytes(content))
            archive.writestr("y_train.npy", header.getvalue() + bytes(content))

    return write


def _twice(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train.npy", b"")
        archive.writestr("x_train", b"")


def _columns(path: Path) -> None:
    kind = np.dtype([("größe", "u1"), ("λ", "u1")])  # names that only version 3 can hold
    with pytest.warns(UserWarning, match="format 3"):
        np.savez(path, x_train=np.zeros(3, kind), y_train=np.zeros(3))


def _crossed_out(path: Path) -> None:
    """The archive's table says another size than the entry has."""
    data = bytearray(path.read_bytes())
    place = data.index(b"PK\1\2") + 24
    data[place : place + 4] = (10**6).to_bytes(4, "little")
    path.write_bytes(data)


def _encrypted(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "damage",
    [
        _garbage,
        _empty,
        _cut_off,
        _flipped,
        _displaced,
        _single,
        _not_arrays,
        _bad_header,
        _header(b"(3,)", b"(3,!"),
        _header(b"'<f8'", b"()   "),
        _enormous,
        _declares((10**6, 10**7), 1000),
        _declares((60, 10), 1000),
        _declares((60, 10), 100),
        _declares((-1, -60), 60),
        _twice,
        _columns,
        _crossed_out,
        _encrypted,
        _folder,
        Path.unlink,
    ],
)
def test_damaged_files_are_wrong_input(npz: Write, damage: Callable[[Path], None]) -> None:
    section = npz()
    damage(Path(str(section.path)))
    with pytest.raises(HpsearchError) as caught:
        section.reader.load(silent)
    assert caught.value.exit_code == 2
    assert str(section.path) in str(caught.value)
    assert "unsafe" not in str(caught.value)


def test_shapes_are_told_without_reading_values(
    npz: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(str(npz(x_train=np.zeros((60, 2, 3))).path))
    monkeypatch.setattr(np.lib.format, "read_array", None)
    assert shapes(path) == {"x_train": (60, 2, 3), "y_train": (60,)}
    _cut_off(path)
    with pytest.raises(InputError, match=r"data\.npz is damaged"):
        shapes(path)


def test_what_needs_more_than_the_free_memory_is_never_read(
    npz: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = npz(x_train=np.zeros((60, 1000)), x_test=np.zeros((6, 1000)), y_test=np.arange(6) % 3)
    free = SimpleNamespace(virtual_memory=lambda: SimpleNamespace(available=528_000))
    monkeypatch.setattr(module, "psutil", free)
    monkeypatch.setattr(np.lib.format, "read_array", None)
    with pytest.raises(
        InputError, match=r"declares 0\.0 GB \(x_train the most\), but only .* free"
    ):
        section.reader.load(silent)


def test_an_array_of_objects_is_named(npz: Write) -> None:
    with pytest.raises(InputError, match="y_train holds Python objects, which could run anything"):
        npz(y_train=np.array([{}] * 60)).reader.load(silent)


def test_a_file_without_permission_is_unreachable(npz: Write, forbidden: Any) -> None:
    section = npz()
    with forbidden(Path(str(section.path))), pytest.raises(UnreachableError) as caught:
        section.reader.load(silent)
    assert caught.value.exit_code == 3
    assert "Permission denied" in str(caught.value)
