"""Arrays: the data that a script trains on, as hpsearch splits them, in one .npz file."""

import io
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hpsearch.data.arrays import Progress
from hpsearch.data.parts import Part, Parts
from hpsearch.data.stratify import Rows
from hpsearch.data.tables.fitted import Tabular
from hpsearch.files import SCRIPT_DATA_MARK

Array = npt.NDArray[np.generic]
Contents = dict[str, tuple[Array, Rows | None]]
"""Arrays by name, each with the rows of it that belong to the file; None: it is whole."""

_DATE = (1980, 1, 1, 0, 0, 0)
"""Of all its members, so that equal arrays give equal files."""
_CHUNK = 2**24
"""Bytes that are in memory at once."""
_DAMAGED = (
    OSError, EOFError, KeyError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What a damaged archive raises; encrypted members are RuntimeErrors."""
_SILENT = 2.0
"""Seconds after which progress is shown."""


def contents(parts: Parts, test: Part | None = None) -> Contents:
    """What a script needs: examples as they are stored, targets, and what was fitted to them.

    ``x_train``, ``y_train``, ``x_val``, ``y_val`` and, where they are given, ``x_test``,
    ``y_test`` and ``weights_train``; ``class_names`` by label, of a regression none;
    ``multiplier`` and ``offset`` (inputs are scaled as x * multiplier + offset), or, of a table,
    its columns' names as ``columns`` and each of ``Tabular.arrays``, ``fitted_`` before its name.

    Args:
        parts: the training and validation parts; of several folds the first.
        test: the test part, all rows.
    """
    found = _fitted(parts)
    if parts.class_names:
        found["class_names"] = (np.array(parts.class_names), None)
    if parts.train.weights is not None:
        found["weights_train"] = (parts.train.weights, parts.train.rows)
    for name, part in (("train", parts.train), ("val", parts.validation), ("test", test)):
        if part is not None:
            found |= {f"x_{name}": (part.x, part.rows), f"y_{name}": (part.y, part.rows)}
    return found


def _fitted(parts: Parts) -> Contents:
    """What was fitted to the training rows, for the first layer."""
    if not isinstance(parts.transform, Tabular):
        affine = parts.transform
        return {"multiplier": (affine.multiplier, None), "offset": (affine.offset, None)}
    names = np.array([column.name for column in parts.transform.columns])
    fitted = parts.transform.arrays().items()
    return {"columns": (names, None)} | {f"fitted_{name}": (one, None) for name, one in fitted}


def write(path: Path, arrays: Contents, what: str, progress: Progress) -> None:
    """Write the file, of equal arrays with equal bytes, a few megabytes at a time.

    Args:
        path: where to.
        arrays: as of :func:`contents`.
        what: what progress calls it.
        progress: told of the megabytes that are written, if it takes longer than two seconds.

    Raises:
        OSError: a full disk, no permission and the like.
    """
    tell = _counter(arrays, f"{what} (MB)", progress)
    with zipfile.ZipFile(path, "w") as archive:
        archive.comment = SCRIPT_DATA_MARK
        for name, (array, rows) in arrays.items():
            member = zipfile.ZipInfo(_file(name), _DATE)
            with archive.open(member, "w", force_zip64=True) as stream:
                for piece in _pieces(array, rows, tell):
                    stream.write(piece)


def holds(path: Path, arrays: Contents, what: str, progress: Progress) -> bool:
    """Whether a file that :func:`write` wrote holds these arrays, and be it beside others.

    Args:
        path: the file; one that is not there or damaged does not.
        arrays: as of :func:`contents`.
        what: what progress calls it.
        progress: as for :func:`write`.
    """
    tell = _counter(arrays, f"{what} (MB)", progress)
    try:
        with zipfile.ZipFile(path) as archive:
            return all(
                _is_alike(archive, name, _pieces(array, rows, tell))
                for name, (array, rows) in arrays.items()
            )
    except _DAMAGED:
        return False


def _is_alike(archive: zipfile.ZipFile, name: str, pieces: Iterator[bytes]) -> bool:
    """Whether an archive's array consists of these bytes."""
    with archive.open(_file(name)) as stream:
        return all(stream.read(len(piece)) == piece for piece in pieces) and not stream.read(1)


def _file(name: str) -> str:
    """What an array is called in an archive."""
    return f"{name}.npy"


def _pieces(array: Array, rows: Rows | None, tell: Callable[[int], None]) -> Iterator[bytes]:
    """The bytes of a .npy file: its head, then the values in the order of C.

    Args:
        array: whose values.
        rows: the rows that are meant; None: all at once.
        tell: told of how many bytes of values were taken.
    """
    shape = array.shape if rows is None else (len(rows), *array.shape[1:])
    told = {"descr": array.dtype.str, "fortran_order": False, "shape": shape}
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, told)
    yield head.getvalue()
    if rows is None:
        yield array.tobytes()
        return
    step = max(1, _CHUNK // max(1, array[:1].nbytes))
    for start in range(0, len(rows), step):
        piece = array[rows[start : start + step]].tobytes()
        yield piece
        tell(len(piece))


def _counter(arrays: Contents, what: str, progress: Progress) -> Callable[[int], None]:
    """What is told of bytes that are done, and passes their sum on once it takes a while."""
    total = sum(
        array.nbytes if rows is None else len(rows) * array[:1].nbytes
        for array, rows in arrays.values()
    )
    began, done = time.monotonic(), 0

    def tell(count: int) -> None:
        nonlocal done
        done += count
        if time.monotonic() - began > _SILENT:
            progress(what, done // 10**6, total // 10**6)

    return tell
