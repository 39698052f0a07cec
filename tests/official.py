"""Writes small data sets in every format in which people have the official files.

The images are random, the labels run through the classes; both are the same in every call, so
that one set in two formats must be read alike.
"""

import gzip
import io
import pickle
import struct
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from hpsearch.data.official.official import OfficialSet
from hpsearch.data.sources import source_classes

Parts = dict[str, npt.NDArray[Any]]

SETS = {one.name: one for one in source_classes() if issubclass(one, OfficialSet)}
"""The public sets by name."""

IDX_NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


def parts(source: str, *, train: int = 200, test: int = 100) -> Parts:
    """x_train, y_train, x_test and y_test of a set; ``train`` must be a multiple of five."""
    official, random = SETS[source], np.random.default_rng(len(source))
    classes = len(official.class_names)
    return {
        "x_train": random.integers(0, 256, (train, *official.shape), np.uint8),
        "y_train": (np.arange(train) * 7 % classes).astype(np.uint8),
        "x_test": random.integers(0, 256, (test, *official.shape), np.uint8),
        "y_test": (np.arange(test) * 3 % classes).astype(np.uint8),
    }


# ---------------------------------------------------------------------- MNIST and Fashion-MNIST


def idx(array: npt.NDArray[Any]) -> bytes:
    """The content of an idx file of bytes."""
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def idx_files(parts: Parts, *, gzipped: bool = True, dot: bool = False) -> dict[str, bytes]:
    """The four files by name; with a dot before "idx", as copies of them often have it."""
    files = {
        file.replace("-idx", ".idx") if dot else file: idx(parts[name])
        for name, file in IDX_NAMES.items()
    }
    if gzipped:
        return {f"{file}.gz": gzip.compress(content) for file, content in files.items()}
    return files


def keras_npz(path: Path, parts: Parts) -> Path:
    """An .npz file like Keras' ``mnist.npz``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **parts)
    return path


# ---------------------------------------------------------------------- CIFAR-10 and CIFAR-100


def python2_pickle(table: Mapping[str, Any]) -> bytes:
    """A pickle as Python 2 wrote it: texts as bytes, arrays of NumPy before version 1."""

    def text(content: bytes) -> bytes:
        return b"T" + struct.pack("<i", len(content)) + content

    def value(content: Any) -> bytes:
        if isinstance(content, str):
            return text(content.encode())
        if isinstance(content, int):
            return b"J" + struct.pack("<i", content)
        if isinstance(content, list):
            return b"](" + b"".join(value(item) for item in content) + b"e"
        array = np.asarray(content)
        empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85" + text(b"b")
        dtype = b"cnumpy\ndtype\n" + text(b"u1") + b"K\0K\1\x87R(K\3" + text(b"|")
        dtype += b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
        shape = b"(" + b"".join(value(size) for size in array.shape) + b"t"
        return empty + b"\x87R(K\1" + shape + dtype + b"\x89" + text(array.tobytes()) + b"tb"

    items = b"".join(value(name) + value(content) for name, content in table.items())
    return b"\x80\x02}(" + items + b"u."


def python3_pickle(protocol: int) -> Callable[[Mapping[str, Any]], bytes]:
    """How the files look when they were loaded and saved again with Python 3."""

    def dump(table: Mapping[str, Any]) -> bytes:
        return pickle.dumps({name.encode(): item for name, item in table.items()}, protocol)

    return dump


Dump = Callable[[Mapping[str, Any]], bytes]


def _rows(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Images (n, 32, 32, 3) as the files have them: (n, 3072), red first."""
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)).reshape(len(x), -1)


def cifar10_files(
    parts: Parts, *, dump: Dump = python2_pickle, meta: bool = True
) -> dict[str, bytes]:
    """The files of ``cifar-10-batches-py`` by name, with or without ``batches.meta``."""
    batches = {
        f"data_batch_{number + 1}": (x, y)
        for number, (x, y) in enumerate(
            zip(np.split(parts["x_train"], 5), np.split(parts["y_train"], 5), strict=True)
        )
    } | {"test_batch": (parts["x_test"], parts["y_test"])}
    files = {"readme.html": b"<p>"} | {
        name: dump({
            "batch_label": name,
            "labels": y.tolist(),
            "data": _rows(x),
            "filenames": [f"{name}_{index}.png" for index in range(len(x))],
        })
        for name, (x, y) in batches.items()
    }  # fmt: skip
    if meta:
        names = list(SETS["cifar10"].class_names)
        table = {"num_cases_per_batch": 10000, "label_names": names, "num_vis": 3072}
        files = {"batches.meta": dump(table)} | files
    return files


def cifar100_files(
    parts: Parts, *, dump: Dump = python2_pickle, meta: bool = True
) -> dict[str, bytes]:
    """The files of ``cifar-100-python`` by name, with or without ``meta``."""
    files = {
        part: dump({
            "filenames": [f"{index}.png" for index in range(len(parts[f"x_{part}"]))],
            "batch_label": part,
            "fine_labels": parts[f"y_{part}"].tolist(),
            "coarse_labels": (parts[f"y_{part}"] // 5).tolist(),
            "data": _rows(parts[f"x_{part}"]),
        })
        for part in ("train", "test")
    }  # fmt: skip
    if meta:
        fine, coarse = list(SETS["cifar100"].class_names), [f"coarse_{i}" for i in range(20)]
        files["meta"] = dump({"fine_label_names": fine, "coarse_label_names": coarse})
    return files


# ---------------------------------------------------------------------- folders and archives


def write_folder(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files into a folder, which is made; gives it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def write_tar(path: Path, files: Mapping[str, bytes], *, inside: str = "") -> Path:
    """Write files into an archive (.tar, .tar.gz, .tgz), in a folder inside if one is named."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as archive:
        if inside:
            entry = tarfile.TarInfo(inside)
            entry.type = tarfile.DIRTYPE
            archive.addfile(entry)
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{inside}/{name}" if inside else name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def image_folder(folder: Path, parts: Parts, class_names: tuple[str, ...]) -> Path:
    """The images as PNG files in ``train/<class>`` and ``test/<class>``; no name has a slash."""
    for part in ("train", "test"):
        for index, (x, y) in enumerate(zip(parts[f"x_{part}"], parts[f"y_{part}"], strict=True)):
            path = folder / part / class_names[y] / f"{index:04d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(x).save(path)
    return folder
