"""Draws that were made before: a split is drawn once, and read by all processes that follow."""

import contextlib
import hashlib
import importlib.metadata
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hpsearch.data.source import Labels
from hpsearch.data.stratify import Rows, draw
from hpsearch.files import new_file

FORMAT = 1
"""Of the draws and their files; a new number has everything drawn anew."""
FOLDER = "draws"
"""Where a data set's draws are, in the folder of its arrays."""


def draw_once(  # noqa: PLR0917  # those of draw, and where
    folder: Path, rows: Rows, y: Labels, count: int, seed: int, class_names: Sequence[str]
) -> tuple[Rows, Rows]:
    """What :func:`hpsearch.data.stratify.draw` gives, from a file where it was drawn before.

    To draw takes a second in each process, nearly all of it for importing scikit-learn. The file
    says of each row whether it was taken, a bit each; it is named after all that the draw depends
    on, scikit-learn's version among it, and has a checksum. One that does not fit, or a folder that
    takes none, only costs that second.

    Args:
        folder: the data set's; where it is gone, nothing is kept.
        rows: indices into ``y``, each at most once, ascending.
        y: labels 0 ... classes - 1.
        count: how many rows to take, 1 ... len(rows) - 1.
        seed: the same seed takes the same rows.
        class_names: the names of all classes; their number is part of the draw.

    Returns:
        Rows taken and rows left over, both ascending. Only the former hold every class for sure.

    Raises:
        ValueError: why the draw cannot be made or would miss a class.
    """
    key = _key(rows, y, count, seed, len(class_names))
    file = folder / FOLDER / key
    is_taken = _read(file, len(rows))
    if is_taken is not None:
        return rows[is_taken], rows[~is_taken]
    taken, left = draw(rows, y, count, seed, class_names)
    with contextlib.suppress(OSError):
        _write(file, np.isin(rows, taken))
    return taken, left


def _key(rows: Rows, y: Labels, count: int, seed: int, classes: int) -> str:
    """16 hexadecimal digits that name a draw."""
    version = importlib.metadata.version("scikit-learn")
    told = (FORMAT, version, count, seed, classes, len(rows))
    digest = hashlib.sha256(repr(told).encode())
    for array in (rows, y[rows]):
        digest.update(array.astype("<i8").tobytes())
    return digest.hexdigest()[:16]


def _read(file: Path, size: int) -> npt.NDArray[np.bool_] | None:
    """Which of ``size`` rows were taken; None: there is no such file, or it is damaged."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    bits = content[hashlib.sha256().digest_size :]
    if content != _with_checksum(file, bits):
        return None
    return np.unpackbits(np.frombuffer(bits, np.uint8), count=size).astype(bool)


def _write(file: Path, is_taken: npt.NDArray[np.bool_]) -> None:
    """Write a draw whole or not at all, but make no folder for it where its data set is gone."""
    file.parent.mkdir(exist_ok=True)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with new_file(partial) as opened:
            opened.write(_with_checksum(file, np.packbits(is_taken).tobytes()))
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def _with_checksum(file: Path, bits: bytes) -> bytes:
    """The content of a file: a checksum over its name and the bits, then the bits."""
    return hashlib.sha256(file.name.encode() + bits).digest() + bits
