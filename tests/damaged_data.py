"""Data sets with something wrong in them: how each is made, and what its message must say."""

import gzip
import io
import os
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Damaged:
    """One damaged data set."""

    name: str
    source: str
    write: Callable[[Path], Path]
    """Makes the data in a folder; gives ``dataset.path``."""
    says: tuple[str, ...]
    """Parts of the message."""
    code: int = 2
    """The command's exit code."""


# ---------------------------------------------------------------------- npz


def _npz(**changed: Any) -> Callable[[Path], Path]:
    """Sixty examples of three classes and a test part, with some arrays changed (None: gone)."""

    def write(folder: Path) -> Path:
        x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
        y = np.arange(60) % 3
        arrays = {"x_train": x, "y_train": y, "x_test": x[:9], "y_test": y[:9]}
        kept = {name: a for name, a in {**arrays, **changed}.items() if a is not None}
        np.savez(folder / "data.npz", **kept)
        return folder / "data.npz"

    return write


def _bytes(name: str, content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def _cut_npz(folder: Path) -> Path:
    path = _npz()(folder)
    path.write_bytes(path.read_bytes()[:-200])
    return path


def _flipped_npz(folder: Path) -> Path:
    """A bit of an array is turned over: the archive's checksum no longer fits."""
    path = _npz()(folder)
    content = bytearray(path.read_bytes())
    content[400] ^= 1
    path.write_bytes(content)
    return path


def _npy_header(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


def _npz_bomb(shape: tuple[int, ...], content: int) -> Callable[[Path], Path]:
    """An archive whose x_train declares a shape and holds ``content`` bytes, all zero."""

    def write(folder: Path) -> Path:
        path = _npz(x_train=None, x_test=None, y_test=None)(folder)
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x_train.npy", _npy_header(shape) + bytes(content))
        return path

    return write


class _Call:
    """What a pickle makes of this calls ``os.mkdir``."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.folder,)


TRAP = "made-by-a-pickle"
"""A folder of this name beside the data would show that a pickle was executed."""


def _npz_with_pickle(folder: Path) -> Path:
    calls = np.array([_Call(str(folder / TRAP))] * 60, dtype=object)
    return _npz(y_train=calls)(folder)


_X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
_NAN = np.where(np.arange(240).reshape(60, 4) == 170, np.nan, _X)
_LABELS = np.arange(60) % 3
_INFINITE = np.full((9, 4), np.inf, np.float32)
_ZEROS = np.zeros(60, np.int64)

NPZ = [
    Damaged("not-an-npz", "npz", _bytes("data.npz", b"PK\3\4 nothing"), ("data.npz", "damaged")),
    Damaged("empty-npz", "npz", _bytes("data.npz", b""), ("data.npz", "damaged")),
    Damaged("cut-off-npz", "npz", _cut_npz, ("data.npz", "damaged", "save it again")),
    Damaged("flipped-npz", "npz", _flipped_npz, ("data.npz", "damaged")),
    Damaged("no-y", "npz", _npz(y_train=None), ("no array y_train", "add it")),
    Damaged("nan", "npz", _npz(x_train=_NAN), ("x_train: row 42", "NaN")),
    Damaged("infinite", "npz", _npz(x_test=_INFINITE), ("x_test: row 0", "infinity")),
    Damaged("one-class", "npz", _npz(y_train=_ZEROS, y_test=_ZEROS[:9]), ("at least two",)),
    Damaged(
        "classes-of-one-example", "npz",
        _npz(y_train=np.arange(60), x_test=None, y_test=None),
        ("data.npz", "60 of 60 classes have one example only", "regression"),
    ),
    Damaged("no-examples", "npz", _npz(x_train=_X[:0], y_train=_LABELS[:0]), ("no labels",)),
    Damaged("lengths", "npz", _npz(y_train=_LABELS[:50]), ("60 examples", "(50,)")),
    Damaged("one-hot", "npz", _npz(y_train=np.eye(3)[_LABELS]), ("y_train", "argmax")),
    Damaged("float-labels", "npz", _npz(y_test=_LABELS[:9] / 2), ("y_test", "not classes")),
    Damaged("unknown-test-label", "npz", _npz(y_test=_LABELS[:9] + 7), ("y_test", "label 7")),
    Damaged("other-shape", "npz", _npz(x_test=_X[:9, :2]), ("x_test", "shape (2,)")),
    Damaged("objects", "npz", _npz(x_train=np.array([{}] * 60)), ("data.npz", "objects")),
    Damaged("pickle-in-npz", "npz", _npz_with_pickle, ("data.npz", "objects")),
    Damaged("declares-terabytes", "npz", _npz_bomb((10**6, 10**7), 1000), ("x_train",)),
    Damaged("declares-more", "npz", _npz_bomb((60, 1000), 1000), ("data.npz",)),
    Damaged("no-text-for-a-name", "npz", _npz(class_names=["a", "b", "c\ud800"]), ("'c\\ud800'",)),
    Damaged("folder-for-npz", "npz", lambda folder: folder, ("is a folder", ".npz")),
]  # fmt: skip


# ---------------------------------------------------------------------- folders of images


def _images(folder: Path, count: int = 10, **sizes: tuple[int, int]) -> Path:
    """Two classes of small pictures; ``cat`` and ``dog`` give another size."""
    for name in ("cat", "dog"):
        for index in range(count):
            path = folder / "images" / "train" / name / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", sizes.get(name, (4, 3)), (index, 0, 0)).save(path)
    return folder / "images"


def _changed(change: Callable[[Path], object], **options: Any) -> Callable[[Path], Path]:
    """Pictures of which something is changed; ``change`` is given ``train/``."""

    def write(folder: Path) -> Path:
        path = _images(folder, **options)
        change(path / "train")
        return path

    return write


def _garbage(train: Path) -> None:
    for index in range(3):
        (train / "cat" / f"bad{index}.png").write_bytes(b"no picture")


def _cut(train: Path) -> None:
    for path in (train / "cat").iterdir():
        path.write_bytes(path.read_bytes()[:50])


def _png_bomb(train: Path) -> None:
    """Pictures that declare 60,000 x 60,000 pixels in a few bytes."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    content = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk
    content += struct.pack(">I", zlib.crc32(chunk))
    for index in range(3):
        (train / "cat" / f"bomb{index}.png").write_bytes(content)


def _loop(folder: Path) -> Path:
    (folder / "images").mkdir()
    (folder / "images" / "train").symlink_to("train")
    return folder / "images"


def _loop_below(train: Path) -> None:
    """Classes that lead back to the folder they are in."""
    (train / "loop").symlink_to(train)


def _grey(train: Path) -> None:
    for path in (train / "cat").iterdir():
        Image.open(path).convert("L").save(path)


def _no_classes(folder: Path) -> Path:
    (folder / "images" / "train").mkdir(parents=True)
    return folder / "images"


def _test_class(train: Path) -> None:
    (train / "bird").mkdir()
    (train.parent / "test" / "cow").mkdir(parents=True)
    (train / "cat" / "0.png").rename(train.parent / "test" / "cow" / "0.png")


def _pipes(train: Path) -> None:
    """Access one for reading would wait for ever."""
    for index in range(3):
        os.mkfifo(train / "cat" / f"pipe{index}.png")


IMAGES = [
    Damaged("no-classes", "image_folder", _no_classes, ("train", "no class folders")),
    Damaged("mixed-sizes", "image_folder", lambda f: _images(f, dog=(5, 5)), ("image_size = [",)),
    Damaged("mixed-modes", "image_folder", _changed(_grey), ("grey", 'image_mode = "rgb"')),
    Damaged("no-pictures", "image_folder", _changed(_garbage), ("bad0.png", "max_unreadable")),
    Damaged("cut-off-pictures", "image_folder", _changed(_cut), ("of 20", "max_unreadable")),
    Damaged("picture-bombs", "image_folder", _changed(_png_bomb), ("bomb0.png", "max_unreadable")),
    Damaged("pipes", "image_folder", _changed(_pipes), ("pipe0.png", "max_unreadable")),
    Damaged("loop", "image_folder", _loop, ("train", "for a link, its target"), code=3),
    Damaged("loop-of-classes", "image_folder", _changed(_loop_below), ("loop",)),
    Damaged("empty-class", "image_folder", _changed(lambda t: (t / "ant").mkdir()), ('"ant"',)),
    Damaged("unknown-test-class", "image_folder", _changed(_test_class), ("cow",)),
    Damaged("few-pictures", "image_folder", lambda f: _images(f, count=1), ("no test part",)),
    Damaged("file-for-folder", "image_folder", _bytes("images", b"x"), ("is a file",)),
]


# ---------------------------------------------------------------------- official files


def _idx(array: np.ndarray[Any, Any], *, magic: bytes | None = None) -> bytes:
    """An idx file of bytes, as http://yann.lecun.com/exdb/mnist describes it, gzipped."""
    head = magic or bytes([0, 0, 8, array.ndim])
    dims = b"".join(struct.pack(">I", size) for size in array.shape)
    return gzip.compress(head + dims + array.astype(np.uint8).tobytes())


def _mnist(**changed: bytes | None) -> Callable[[Path], Path]:
    """The four files, some of them with other content (None: gone)."""
    y = np.arange(40) % 10
    x = np.random.default_rng(0).integers(0, 255, (40, 28, 28))
    files = {
        "train-images-idx3-ubyte": _idx(x),
        "train-labels-idx1-ubyte": _idx(y),
        "t10k-images-idx3-ubyte": _idx(x[:20]),
        "t10k-labels-idx1-ubyte": _idx(y[:20]),
    }
    renamed = {"x": "train-images-idx3-ubyte", "y": "train-labels-idx1-ubyte"}
    files |= {renamed[name]: content for name, content in changed.items()}  # type: ignore[misc]

    def write(folder: Path) -> Path:
        for name, content in files.items():
            if content is not None:
                (folder / f"{name}.gz").write_bytes(content)
        return folder

    return write


_PICTURES = np.random.default_rng(0).integers(0, 255, (40, 28, 28))
_DIGITS = np.arange(40) % 10
_HUGE = bytes([0, 0, 8, 3]) + struct.pack(">III", 2**31, 28, 28)


def _batch(changed: dict[bytes, Any] | None = None) -> bytes:
    """A batch of CIFAR-10, pickled."""
    data = np.random.default_rng(0).integers(0, 255, (20, 3072)).astype(np.uint8)
    labels = [index % 10 for index in range(20)]
    return pickle.dumps({b"data": data, b"labels": labels, **(changed or {})}, protocol=2)


def _cifar(first: bytes) -> Callable[[Path], Path]:
    """The folder of CIFAR-10 with another first batch."""

    def write(folder: Path) -> Path:
        place = folder / "cifar-10-batches-py"
        place.mkdir()
        for name in ("data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"):
            (place / name).write_bytes(_batch())
        (place / "data_batch_1").write_bytes(first)
        return place

    return write


def _calling(folder: Path) -> Path:
    """A batch whose labels, unpickled, would be what ``os.mkdir`` gives."""
    return _cifar(_batch({b"labels": _Call(str(folder / TRAP))}))(folder)


def _tar(change: Callable[[tarfile.TarInfo], bytes | None]) -> Callable[[Path], Path]:
    """The archive of CIFAR-10, the entry of its first batch changed."""

    def write(folder: Path) -> Path:
        path = folder / "cifar-10-python.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
                entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
                content: bytes | None = _batch()
                entry.size = len(content or b"")
                if name == "data_batch_1":
                    content = change(entry)
                archive.addfile(entry, None if content is None else io.BytesIO(content))
        return path

    return write


def _link(entry: tarfile.TarInfo) -> None:
    entry.type, entry.linkname, entry.size = tarfile.SYMTYPE, "/etc/passwd", 0


def _cut_tar(folder: Path) -> Path:
    path = _tar(lambda _: _batch())(folder)
    path.write_bytes(path.read_bytes()[:30_000])
    return path


def _huge_member(folder: Path) -> Path:
    """An archive whose first batch declares eight terabytes; the rest of the file is not there."""
    entry = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
    entry.size = 2**43
    path = folder / "cifar-10-python.tar.gz"
    path.write_bytes(gzip.compress(entry.tobuf() + bytes(10**6)))
    return path


OFFICIAL = [
    Damaged("cut-off-gz", "mnist", _mnist(x=_idx(_PICTURES)[:-4000]), ("train-images-idx3",)),
    Damaged("no-gz", "mnist", _mnist(x=b"no gzip"), ("train-images-idx3",)),
    Damaged(
        "wrong-magic", "mnist", _mnist(x=_idx(_PICTURES, magic=b"\1\2\3\4")), ("train-images",)
    ),
    Damaged("declares-more-idx", "mnist", _mnist(x=gzip.compress(_HUGE)), ("train-images-idx3",)),
    Damaged("trailing-bytes", "mnist", _mnist(y=_idx(np.append(_DIGITS, 1))), ("train-",)),
    Damaged("labels-out-of-range", "mnist", _mnist(y=_idx(_DIGITS + 3)), ("labels",)),
    Damaged("images-of-another-size", "mnist", _mnist(x=_idx(_PICTURES[:, :9])), ("28",)),
    Damaged("one-file-gone", "mnist", _mnist(y=None), ("train-labels-idx1-ubyte",)),
    Damaged("idx-for-cifar", "cifar10", _mnist(), ("cifar-10",)),
    Damaged("a-call-in-a-pickle", "cifar10", _calling, ("data_batch_1", "mkdir")),
    Damaged("cut-off-pickle", "cifar10", _cifar(_batch()[:-900]), ("data_batch_1",)),
    Damaged("no-pickle", "cifar10", _cifar(b"nothing"), ("data_batch_1",)),
    Damaged("a-list", "cifar10", _cifar(pickle.dumps([1, 2])), ("data_batch_1",)),
    Damaged("no-data-in-it", "cifar10", _cifar(pickle.dumps({b"labels": [1]})), ("data_batch_1",)),
    Damaged("label-ten", "cifar10", _cifar(_batch({b"labels": [10] * 20})), ("10",)),
    Damaged("too-few-labels", "cifar10", _cifar(_batch({b"labels": [1] * 9})), ("data_batch_1",)),
    Damaged("text-for-data", "cifar10", _cifar(_batch({b"data": "x"})), ("data_batch_1",)),
    Damaged("a-link-in-a-tar", "cifar10", _tar(_link), ("data_batch_1",)),
    Damaged("a-huge-member", "cifar10", _huge_member, ("cifar-10-python.tar.gz",)),
    Damaged("cut-off-tar", "cifar10", _cut_tar, ("cifar-10-python.tar.gz",)),
    Damaged("no-fine-labels", "cifar100", _tar(lambda _: _batch()), ("cifar-100",)),
]

DAMAGED = [*NPZ, *IMAGES, *OFFICIAL]
