"""Draws that were made before: a split is drawn once, and read by all processes that follow."""

import contextlib
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hpsearch.data.source import Labels
from hpsearch.data.stratify import Rows, check_complete, draw
from hpsearch.errors import UnreachableError
from hpsearch.files import write_bytes

FOLDER = "splits"
"""Where a data set's draws are, in the folder of its arrays."""


def draw_once(  # noqa: PLR0917  # those of draw, and where
    folder: Path, rows: Rows, y: Labels, count: int, seed: int, class_names: Sequence[str]
) -> tuple[Rows, Rows]:
    """What :func:`hpsearch.data.stratify.draw` gives, from a file where it was drawn before.

    To draw takes a second in each process, nearly all of it for importing scikit-learn. The file
    says of each row whether it was taken, a bit each, and is named after all that the draw depends
    on. One that does not fit, or a folder that takes none, only costs that second.

    Args:
        folder: the data set's; draws are kept in its ``splits``.
        rows: indices into ``y``, each at most once, ascending.
        y: labels 0 ... classes - 1.
        count: how many rows to take, 1 ... len(rows) - 1.
        seed: the same seed takes the same rows.
        class_names: the names of all classes, for messages.

    Returns:
        Rows taken and rows left over, both ascending.

    Raises:
        ValueError: why the draw cannot be made or would miss a class.
    """
    file = folder / FOLDER / _key(rows, y, count, seed, class_names)
    is_taken = _read(file, len(rows), count)
    if is_taken is not None:
        with contextlib.suppress(ValueError):  # a class is missing: never written so
            check_complete(rows[is_taken], y, class_names)
            return rows[is_taken], rows[~is_taken]
    taken, left = draw(rows, y, count, seed, class_names)
    with contextlib.suppress(UnreachableError):
        write_bytes(file, np.packbits(np.isin(rows, taken)).tobytes())
    return taken, left


def _key(rows: Rows, y: Labels, count: int, seed: int, class_names: Sequence[str]) -> str:
    """16 hexadecimal digits that name a draw."""
    digest = hashlib.sha256(f"{count} {seed} {len(class_names)} {len(rows)} ".encode())
    for array in (rows, y[rows]):
        digest.update(array.astype("<i8").tobytes())
    return digest.hexdigest()[:16]


def _read(file: Path, size: int, count: int) -> npt.NDArray[np.bool_] | None:
    """Which of ``size`` rows were taken; None: no such file, or not one of ``count`` rows."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    if len(content) != -(-size // 8):
        return None
    is_taken = np.unpackbits(np.frombuffer(content, np.uint8))[:size].astype(bool)
    return is_taken if np.count_nonzero(is_taken) == count else None
