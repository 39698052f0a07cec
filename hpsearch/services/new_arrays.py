"""New examples as arrays, and as images in the order of their names."""

import zipfile
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import polars as pl

from hpsearch.data.images.decoding import Decoded, Form, Kind
from hpsearch.data.images.layout import DEPTH, IMAGES
from hpsearch.data.images.parallel import decode_all
from hpsearch.data.signature import source_files
from hpsearch.errors import InputError, UnreachableError
from hpsearch.services.new_rows import ROWS, Array, Batch, NewRows, Takes, Told
from hpsearch.text import show

_BYTES = 2**26
"""Of arrays and images that are held at a time."""

# What NumPy and zipfile raise on files that are cut off, changed or made up.
_BROKEN = (
    ValueError,
    EOFError,
    LookupError,
    SyntaxError,
    zipfile.BadZipFile,
    zlib.error,
)


def open_new_array(path: Path, takes: Takes, *, rows: int | None = None) -> NewRows:
    """Open an array of new examples.

    Args:
        path: a .npy file, or an .npz file with the array x or a single one.
        takes: the shape and type that are wanted.
        rows: the most in one batch; None: as many as are quick.

    Raises:
        InputError: another shape, values that the type does not have, a damaged file.
        UnreachableError: it cannot be read.
    """
    x = _array(path)
    if x.shape[1:] != takes.shape or not len(x):
        raise InputError(
            f"{path}: has shape {x.shape}, but the network takes (n, {_inner(takes.shape)}), n at"
            " least 1; save such an array"
        )
    if x.dtype.kind not in "biuf":
        raise InputError(f"{path}: holds {x.dtype}, and the network takes numbers; save numbers")
    count = rows or max(1, min(ROWS, _BYTES // max(1, x[:1].nbytes)))

    def batches() -> Generator[Batch]:
        for start in range(0, len(x), count):
            some = _fitting(path, x[start : start + count], takes.dtype, start)
            yield Batch(x=some, beside=())

    return NewRows(batches=batches(), total=len(x), told=Told())


def _inner(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))


def _array(path: Path) -> Array:
    """The array of a .npy file, mapped; of an .npz file x, or the only one."""
    try:
        if path.suffix == ".npy":
            return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        with path.open("rb") as file:
            found = np.load(file, allow_pickle=False)
            if isinstance(found, np.ndarray):
                return found
            names = list(found)
            if "x" not in names and len(names) != 1:
                raise InputError(
                    f"{path}: has the arrays {show(names)}, and none is called x; save the new"
                    " examples with numpy.savez(FILE, x=...)"
                )
            return np.asarray(found["x" if "x" in names else names[0]])
    except _BROKEN as error:
        reason = "neither .npy nor .npz" if "pickle" in str(error) else " ".join(str(error).split())
        cure = "save it with numpy.save or numpy.savez"
        if path.suffix.lower() in IMAGES:
            cure = "give the folder that the image is in"
        raise InputError(f"{path}: is no array that can be read ({reason}); {cure}") from None
    except OSError as error:
        raise UnreachableError(f"{path}: {error.strerror or error}; check its permissions") from (
            None
        )


def _fitting(path: Path, x: Array, dtype: str, first: int) -> Array:
    """Examples in the type in which they are stored.

    Raises:
        InputError: values that the type does not have.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        stored = np.asarray(x).astype(dtype)
    is_float = np.issubdtype(stored.dtype, np.floating)
    fits = np.isfinite(stored) if is_float else stored == x
    if not fits.all():
        place = tuple(int(one) for one in np.argwhere(~fits)[0])
        raise InputError(
            f"{path}: example {first + place[0]} holds {x[place]}, which is no value of {dtype},"
            " the type of the training data; give examples as those were, finite and not yet scaled"
        )
    return stored


def open_new_images(path: Path, takes: Takes, *, rows: int | None = None) -> NewRows:
    """Open images, which are brought to the form that the training images were brought to.

    What is no image is told and has no row; an image of another size or mode than the training
    images is refused where these were taken as they were.

    Args:
        path: their folder, or a folder of folders; the column ``file`` has the names below it.
        takes: the shape that is wanted.
        rows: the most in one batch, but for those that are decoded together; None: as many as are
            quick.

    Raises:
        InputError: no images, images of another size or mode, a network that takes none.
        UnreachableError: one cannot be read.
    """
    shape, section = takes.shape, takes.section
    if takes.dtype != "uint8" or len(shape) not in (2, 3):
        raise InputError(
            f"{path}: is a folder, but the network takes arrays of {takes.dtype} with the shape"
            f" ({_inner(shape)}); give a .npy or .npz file"
        )
    names = [name.removeprefix("/") for name, *_ in source_files(path, DEPTH).files]
    if not names:
        raise InputError(f"{path}: has no images; add some")
    kind = Kind(
        size=(shape[1], shape[0]),
        mode="RGB" if shape[2:] == (3,) else "L",
        file="what the network was trained on",
    )
    form = Form(
        size=kind.size if getattr(section, "image_size", None) else None,
        mode=kind.mode if getattr(section, "image_mode", None) else None,
    )
    told = Told()
    count = rows or max(1, min(ROWS, _BYTES // int(np.prod(shape))))

    def batches() -> Generator[Batch]:
        files = [f"{path}/{name}" for name in names]
        with _told_how(kind), closing(decode_all(files, form, kind)) as decoded:
            for pixels, kept in _together(decoded, names, count, told):
                x = pixels.reshape(-1, *shape)
                yield Batch(x=x, beside=(pl.Series("file", kept),))
        if len(told.skipped) == len(names):
            raise InputError(f"{path}: has no image that can be read ({told.skipped[0]}); add some")

    return NewRows(batches=batches(), total=len(names), told=told)


@contextmanager
def _told_how(kind: Kind) -> Iterator[None]:
    """Say how keys of ``[dataset]`` are set here, and to what: the network takes one kind."""
    width, height = kind.size
    mode = "grey" if kind.mode == "L" else "rgb"
    here = f"--set 'dataset.image_size=[{height}, {width}]' --set dataset.image_mode={mode}"
    try:
        yield
    except InputError as error:
        if "set dataset." not in str(error):
            raise
        raise InputError(f"{error}; here: {here}") from None


def _together(
    decoded: Iterator[Decoded], names: Sequence[str], count: int, told: Told
) -> Iterator[tuple[Array, list[str]]]:
    """At least so many images at a time, but for the last, and the names of their files."""
    done, pixels, kept = 0, list[Array](), list[str]()
    for some in decoded:
        for reason in some.reasons:
            if reason is None:
                kept.append(names[done])
            else:
                told.skipped.append(f"{names[done]}: {reason}")
            done += 1
        pixels.append(some.pixels)
        if kept and (len(kept) >= count or done == len(names)):
            yield np.concatenate(pixels), kept
            pixels, kept = [], []
