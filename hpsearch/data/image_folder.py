"""Source "image_folder": one folder of images for each class, ``train/<class>/0001.png`` ..."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil
from PIL import Image, UnidentifiedImageError

from hpsearch.data.source import Arrays, Labels, Progress, throttled
from hpsearch.errors import InputError, UnreachableError
from hpsearch.fields import show
from hpsearch.recipe import DatasetSection

Pixels = npt.NDArray[np.uint8]

_FORMATS = ("PNG", "JPEG", "BMP", "WEBP")
_PARTS = ("train", "val", "test")

# What Pillow raises on files that are cut off, changed, or meant to exhaust memory.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, TypeError, Image.DecompressionBombError)


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """What all images of a set have in common, and the file that it was seen in."""

    size: tuple[int, int]
    """Width and height in pixels."""
    mode: str
    """Pillow's name: "L" (grey) or "RGB"."""
    file: Path

    def __str__(self) -> str:
        colour = "grey" if self.mode == "L" else "colour"
        return f"{self.size[0]} x {self.size[1]} {colour}"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image as an array: (height, width) or (height, width, 3)."""
        grey = (self.size[1], self.size[0])
        return grey if self.mode == "L" else (*grey, 3)


def load(section: DatasetSection, progress: Progress) -> Arrays:
    """Read the images below ``section.path``: PNG, JPEG, BMP or WebP, all of one size.

    Folders are ``train/<class>/``, optional ``val/<class>/`` and ``test/<class>/``; without
    ``train/``, the folder's own folders are the classes. Classes and files are taken in the
    order of their names; names that begin with a dot are passed over. Grey images give shape
    (n, height, width), colour ones (n, height, width, 3), type uint8. Orientation tags are not
    applied.

    Args:
        section: the data section; its path is that of the folder.
        progress: told of images read, a few times a second at most.

    Raises:
        InputError: no such folder, no classes, a file that is no readable image, sizes or
            modes that differ, images that do not fit into memory.
        UnreachableError: a file or folder cannot be read.
    """
    root = Path(str(section.path))
    folders = _part_folders(root)
    classes = [folder.name for folder in _folders(folders["train"])]
    if not classes:
        raise InputError(f"{folders['train']} has no class folders; make one for each class")
    listed = {part: _files(folder, classes) for part, folder in folders.items()}
    files = [file for part in listed.values() for file, _ in part]
    pixels = _read_all(files, progress)
    ends = np.cumsum([len(part) for part in listed.values()])
    pieces = dict(zip(listed, np.split(pixels, ends[:-1]), strict=True))
    labels: dict[str, Labels] = {
        part: np.array([label for _, label in pairs], dtype=np.int64)
        for part, pairs in listed.items()
    }
    return Arrays(
        x_train=pieces["train"],
        y_train=labels["train"],
        x_val=pieces.get("val"),
        y_val=labels.get("val"),
        x_test=pieces.get("test"),
        y_test=labels.get("test"),
        class_names=tuple(classes),
        maximum=255.0,
    )


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder, by name, without names that begin with a dot."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        raise InputError(f"{folder}: no such folder; correct dataset.path") from None
    except NotADirectoryError:
        raise InputError(f"{folder} is a file; give the folder that holds train/") from None
    except OSError as error:
        raise UnreachableError(f"{folder}: {error.strerror}; check its permissions") from None


def _folders(folder: Path) -> list[Path]:
    return [path for path in _entries(folder) if path.is_dir()]


def _part_folders(root: Path) -> dict[str, Path]:
    """The folder of each part that there is, "train" among them."""
    found = {path.name: path for path in _folders(root)}
    if "train" not in found:
        if "test" in found or "val" in found:
            raise InputError(f"{root} has test/ or val/, but no train/; add train/<class>/")
        return {"train": root}
    unknown = [name for name in found if name not in _PARTS]
    if unknown:
        raise InputError(
            f"{root} has a folder {show(unknown[0])} beside train/; only train/, val/ and test/"
            " are known: rename it or move it away"
        )
    return {part: found[part] for part in _PARTS if part in found}


def _files(part: Path, classes: Sequence[str]) -> list[tuple[Path, int]]:
    """All images of a part with their labels, class by class."""
    pairs: list[tuple[Path, int]] = []
    for folder in _folders(part):
        if folder.name not in classes:
            raise InputError(
                f"{folder}: train/ has no class {show(folder.name)}; add training images of it,"
                " or move the folder away"
            )
        label = classes.index(folder.name)
        pairs += [(file, label) for file in _entries(folder)]
    if not pairs:
        raise InputError(f"{part} has no images; add some, or move the folder away")
    return pairs


def _read_all(files: Sequence[Path], progress: Progress) -> Pixels:
    """All images in one array.

    One thread: Pillow frees Python's lock for the decoding alone, and two threads that pass it
    to and fro took twice as long over 60,000 small JPEG files (measured; at 512 x 512 pixels
    they were about even).
    """
    kind, _ = _decode(files[0], None)
    shape = (len(files), *kind.shape)
    need, free = int(np.prod(shape, dtype=np.int64)), psutil.virtual_memory().available
    if need > free:
        raise InputError(
            f"{files[0].parent.parent}: {len(files)} images of {kind} need {need / 1e9:.1f} GB"
            f" of memory, of which {free / 1e9:.1f} are free; make the images smaller or fewer"
        )
    pixels = np.empty(shape, dtype=np.uint8)
    progress = throttled(progress)
    for index, file in enumerate(files):
        pixels[index] = _decode(file, kind)[1]
        progress("reading images", index + 1, len(files))
    return pixels


def _decode(file: Path, kind: _Kind | None) -> tuple[_Kind, Pixels]:
    """One image, which must be of the kind of the others."""
    try:
        data = file.read_bytes()
    except IsADirectoryError:
        raise InputError(f"{file} is a folder; put images directly below their class") from None
    except OSError as error:
        raise UnreachableError(f"{file}: {error.strerror}; check that it can be read") from None
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            seen = _kind_of(file, image)
            if kind is not None and (seen.size, seen.mode) != (kind.size, kind.mode):
                raise InputError(
                    f"{file} is {seen}, but {kind.file} is {kind}; bring all images to one size"
                    " and to either grey or colour"
                )
            return seen, np.asarray(image if image.mode == seen.mode else image.convert(seen.mode))
    except _BROKEN as error:
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "unknown format" if unknown else " ".join(str(error).split())
        raise InputError(
            f"{file} is not a readable PNG, JPEG, BMP or WebP image ({reason});"
            " mend it or move it away"
        ) from None


def _kind_of(file: Path, image: Image.Image) -> _Kind:
    """Size and mode of an image, before it is decoded."""
    transparent = "transparency" in image.info
    mode = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB"}.get(image.mode)
    if mode is None or transparent:
        what = f"{image.mode} with transparency" if transparent else image.mode
        raise InputError(
            f"{file} has the mode {what}; convert it to 8-bit grey or RGB, without transparency"
        )
    if image.format in ("PNG", "WEBP") and getattr(image, "is_animated", False):
        raise InputError(f"{file} is animated; save one image a file")
    return _Kind(size=image.size, mode=mode, file=file)
