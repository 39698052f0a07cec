"""A file of ``numpy.savez``: what it declares, and its arrays. It is never trusted."""

import errno
import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil

from hpsearch.data.arrays import Progress
from hpsearch.data.mistaken import HEAD, refuse
from hpsearch.errors import InputError, UnreachableError
from hpsearch.text import closest, show

Array = npt.NDArray[np.generic]

NAMES = ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test", "class_names")
"""What its arrays may be called."""

_SINGLE = b"\x93NUMPY"
"""How the file of a single array begins."""
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
"""What reads an array's header: its shape, order and type. Version 3 is for tables of columns."""

# What zipfile, zlib and NumPy raise on files that are cut off, changed, encrypted or made up.
_BROKEN = (
    ValueError,
    EOFError,
    LookupError,
    SyntaxError,
    tokenize.TokenError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


def read(path: Path, progress: Progress) -> dict[str, Array]:
    """The arrays of the file by name; nothing is read before all that it declares was checked.

    Args:
        path: the file.
        progress: told of each array read.

    Raises:
        InputError: no such file, a broken file, arrays missing, unknown, of Python objects, or
            with more values than the file or the free memory holds.
        UnreachableError: the file cannot be read.
    """
    with _opened(path) as archive:
        members = _members(path, archive)
        need = sum(_declared(path, name, archive, info)[1] for name, info in members.items())
        free = psutil.virtual_memory().available
        if need > free:
            largest = max(members, key=lambda name: members[name].file_size)
            raise InputError(
                f"{path} declares {need / 1e9:.1f} GB ({largest} the most), but only"
                f" {free / 1e9:.1f} GB of memory are free; save fewer examples, or use a smaller"
                " type"
            )
        arrays: dict[str, Array] = {}
        for done, (name, info) in enumerate(members.items()):
            progress(f"reading {path.name}", done, len(members))
            with archive.open(info) as stream:
                arrays[name] = np.lib.format.read_array(stream, allow_pickle=False)
                if stream.read(1):  # at the end of which zipfile compares the checksum
                    raise ValueError(f"{name} has data after its end")
        progress(f"reading {path.name}", len(arrays), len(arrays))
        return arrays


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shapes that the arrays of the file have, by name, as it declares them.

    Args:
        path: the file.

    Raises:
        InputError: as of :func:`read`, but for what the values show.
        UnreachableError: the file cannot be read.
    """
    with _opened(path) as archive:
        members = _members(path, archive)
        return {name: _declared(path, name, archive, info)[0] for name, info in members.items()}


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive that the file is; what is wrong with it is told within the block, too."""
    try:
        with path.open("rb") as file:
            if file.read(len(_SINGLE)) == _SINGLE:
                raise InputError(f"{path} is a single array; save all arrays with numpy.savez")
            file.seek(0)
            refuse(str(path), file.read(HEAD), allowed=(b"PK",))  # a zip archive
            with zipfile.ZipFile(file) as archive:
                yield archive
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; correct dataset.path") from None
    except IsADirectoryError:
        raise InputError(
            f'{path} is a folder; give an .npz file, or source = "image_folder"'
        ) from None
    except OSError as error:
        if error.errno in (None, errno.EINVAL):  # a place that the file's own table made up
            raise _damaged(path, error) from None
        raise UnreachableError(f"{path}: {error.strerror}; check that it can be read") from None
    except MemoryError as error:
        raise InputError(
            f"{path} does not fit into memory ({error}); save fewer examples"
        ) from None
    except _BROKEN as error:
        raise _damaged(path, error) from None


def _members(path: Path, archive: zipfile.ZipFile) -> Mapping[str, zipfile.ZipInfo]:
    """The arrays that the archive lists, by name."""
    members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    if len(members) < len(archive.infolist()):
        raise InputError(
            f"{path} has two arrays with the same name; save it again with numpy.savez"
        )
    check_names(path, list(members))
    return members


def _declared(
    path: Path, name: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo
) -> tuple[tuple[int, ...], int]:
    """The shape that an array's header declares, and the bytes of its values.

    Raises:
        InputError: an array of Python objects, or other bytes than the archive's table says.
    """
    with archive.open(info) as stream:
        version = np.lib.format.read_magic(stream)
        if version not in _HEADERS:
            raise ValueError(f"{name} is of version {version}")
        shape, _, dtype = _HEADERS[version](stream)
        start = stream.tell()
    if dtype.hasobject:
        raise InputError(
            f"{path}: {name} holds Python objects, which could run anything; save it as an array"
            " of numbers or texts, of one length in each row"
        )
    size = math.prod(shape) * dtype.itemsize
    if start + size != info.file_size:
        raise InputError(
            f"{path} is damaged: {name} declares {dtype} of shape {shape}, which are {size} bytes,"
            f" and has {info.file_size - start}; save it again with numpy.savez"
        )
    return shape, size


def _damaged(path: Path, error: Exception) -> InputError:
    reason = " ".join(str(error).split())
    if "pickle" in reason:  # NumPy's words, which advise to load it unsafely
        reason = "neither arrays of numbers nor arrays of texts"
    return InputError(
        f"{path} is damaged or not from numpy.savez ({reason}); save it again, without pickled"
        " objects"
    )


def check_names(path: Path, names: list[str]) -> None:
    """Refuse arrays that have other names than :data:`NAMES`, or miss one.

    Args:
        path: where they are from, for messages.
        names: of the arrays.

    Raises:
        InputError: which one.
    """
    for name in names:
        if name not in NAMES:
            raise InputError(
                f"{path}: unknown array {show(name)}; {closest(name, list(NAMES))};"
                " rename it or leave it out"
            )
    for name in ("x_train", "y_train"):
        if name not in names:
            raise InputError(f"{path} has no array {name}; add it")
    for part in ("val", "test"):
        if (f"x_{part}" in names) != (f"y_{part}" in names):
            raise InputError(f"{path} has only one of x_{part} and y_{part}; add the other")
