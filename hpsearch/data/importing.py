"""Importing a data set: sets the test split aside, writes arrays to disk, names what they are."""

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np

from hpsearch.data.source import Arrays, Progress
from hpsearch.data.stratify import check_complete, draw
from hpsearch.errors import InputError, UnreachableError
from hpsearch.fields import Section
from hpsearch.recipe import DatasetSection

FORMAT: Literal[1] = 1
"""Of the files below; a new number has every data set imported anew."""
META_FILE = "meta.json"
TEST_SHARE = 0.2
TEST_SPLIT_SEED = 20_250_401
"""Of the test split that is taken where a source has none: the same for all studies."""


class Meta(Section):
    """``meta.json``: what the arrays beside it are. Written last."""

    format: Literal[1] = FORMAT
    source: str
    path: str | None
    """File or folder that the data were read from."""
    input_shape: tuple[int, ...]
    dtype: str
    class_names: tuple[str, ...]
    maximum: float | None
    sizes: dict[Literal["train", "val", "test"], int]
    """Examples of each part that there is."""
    test_split: Literal["given", "taken"]
    """Whether the source had a test part, or one was taken from its training part."""
    fingerprint: str
    """SHA-256 of all arrays and class names, as hexadecimal digits."""
    imported: str
    """When, as ISO 8601 in UTC."""


def array_file(folder: Path, name: str) -> Path:
    """The file of one array ("x_train", "y_test" ...) in a data set's folder."""
    return folder / f"{name}.npy"


def cache_key(section: DatasetSection) -> str:
    """16 hexadecimal digits that change with the source, its path, and its files there.

    Files count by name, size and time of change, as deep as the classes of an image folder lie.

    Raises:
        UnreachableError: a folder that cannot be read.
    """
    path = None if section.path is None else Path(section.path).absolute()
    try:
        files = [] if path is None else list(_signature(path))
    except OSError as error:
        raise UnreachableError(
            f"{error.filename or path}: {error.strerror}; check its permissions"
        ) from None
    told = json.dumps([FORMAT, section.source, str(path), files])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _signature(path: Path) -> Iterator[tuple[str, int, int]]:
    """Relative name, size in bytes and time of change of the file, or of all files below."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return  # whoever reads the source says so
    if stat.S_ISDIR(status.st_mode):
        yield from _below(str(path), "", depth=3)
    else:
        yield "", status.st_size, status.st_mtime_ns


def _below(folder: str, name: str, depth: int) -> Iterator[tuple[str, int, int]]:
    """Files of a folder, ``depth`` levels deep (which also ends loops of symbolic links)."""
    with os.scandir(folder) as listed:
        entries = sorted(listed, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        inner = f"{name}/{entry.name}"
        try:
            status = entry.stat()
        except OSError:  # a link to nowhere
            status = entry.stat(follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            yield inner, status.st_size, status.st_mtime_ns
        elif depth > 1:
            yield from _below(entry.path, inner, depth - 1)


def hold_out(arrays: Arrays, where: str) -> Arrays:
    """The arrays with a test part: their own, else a stratified fifth of the training part.

    Raises:
        InputError: too few examples of a class.
    """
    if arrays.x_test is not None:
        return arrays
    x, y, names = arrays.x_train, arrays.y_train, arrays.class_names
    rows = np.arange(len(y))
    try:
        train, test = draw(rows, y, len(y) - round(TEST_SHARE * len(y)), TEST_SPLIT_SEED, names)
        check_complete(test, y, names)
    except ValueError as error:
        raise InputError(
            f"{where}: no test part is given, and {TEST_SHARE:.0%} of the training examples cannot"
            f" be set aside as one: {error}; add examples, or give a test part"
        ) from None
    return replace(arrays, x_train=x[train], y_train=y[train], x_test=x[test], y_test=y[test])


def fingerprint(arrays: Arrays) -> str:
    """SHA-256 over names, types, shapes and bytes of all arrays, and the class names."""
    digest = hashlib.sha256(json.dumps(arrays.class_names).encode())
    for part, x, y in arrays.parts():
        for name, array in ((f"x_{part}", x), (f"y_{part}", y)):
            digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def store(
    arrays: Arrays,
    folder: Path,
    section: DatasetSection,
    test_split: Literal["given", "taken"],
    progress: Progress,
) -> None:
    """Write the arrays, test part included, and then ``meta.json``, to an empty folder.

    Raises:
        OSError: a full disk, no permission and the like.
    """
    files = [file for part, x, y in arrays.parts() for file in ((f"x_{part}", x), (f"y_{part}", y))]
    for done, (name, array) in enumerate(files):
        progress("storing the data set", done, len(files))
        with array_file(folder, name).open("wb") as file:
            np.save(file, np.ascontiguousarray(array), allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())  # a power cut must not leave a folder with holes in its arrays
    meta = Meta(
        source=section.source,
        path=section.path,
        input_shape=arrays.x_train.shape[1:],
        dtype=str(arrays.x_train.dtype),
        class_names=arrays.class_names,
        maximum=arrays.maximum,
        sizes={part: len(y) for part, _, y in arrays.parts()},
        test_split=test_split,
        fingerprint=fingerprint(arrays),
        imported=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    (folder / META_FILE).write_text(meta.model_dump_json(indent=2) + "\n", encoding="utf-8")
    progress("storing the data set", len(files), len(files))
