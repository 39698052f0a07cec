"""Sources "mnist", "fashion_mnist", "cifar10" and "cifar100": official files, or a download."""

import posixpath
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import IO, Literal

import numpy as np
import numpy.typing as npt

from hpsearch.data import keras_sets, npz
from hpsearch.data.cifar import Batch, cifar10_role, cifar100_role, read_batch, read_names
from hpsearch.data.container import list_folder, list_tar, nearest, read_files, reading
from hpsearch.data.idx import idx_role, read_idx
from hpsearch.data.litter import listed, litter_in
from hpsearch.data.sets import SETS, OfficialSet
from hpsearch.data.signature import SourceFiles, source_files
from hpsearch.data.source import Arrays, Progress
from hpsearch.errors import InputError
from hpsearch.fields import show
from hpsearch.recipe import DatasetSection

Parts = dict[str, npt.NDArray[np.generic]]
"""x_train, y_train, x_test and y_test."""

_IDX_FILES = {
    "x_train": "train-images",
    "y_train": "train-labels",
    "x_test": "t10k-images",
    "y_test": "t10k-labels",
}
_BATCHES = {
    "cifar10": (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"),
    "cifar100": ("train", "test"),
}
_ROLES = {
    "mnist": idx_role,
    "fashion_mnist": idx_role,
    "cifar10": cifar10_role,
    "cifar100": cifar100_role,
}
_ARCHIVES = {
    "mnist": ("mnist.npz",),
    "fashion_mnist": ("*fashion*.npz", "*.npz"),
    "cifar10": ("cifar-10-python.tar.gz", "cifar-10-python.tgz", "cifar-10-python.tar"),
    "cifar100": ("cifar-100-python.tar.gz", "cifar-100-python.tgz", "cifar-100-python.tar"),
}
"""What a folder without the official files themselves may hold instead; the first that is there."""
_OTHER_KINDS = {
    "*.bin": "the binary version is not supported: download the python version",
    "*.mat": "the MATLAB version is not supported: download the python version",
    "*-ubyte*": 'these are idx files: source = "mnist" or "fashion_mnist"',
    "*_batch*": 'these are files of CIFAR-10: source = "cifar10"',
    "*.png": 'images as files are read with source = "image_folder"',
    "*.jpg": 'images as files are read with source = "image_folder"',
}
"""What people have instead, by the names of the files, and what to do about it."""
_NAMED = 4
"""Files that a message names."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the files of a set are."""

    kind: Literal["npz", "folder", "tar"]
    path: Path
    """The .npz file, the folder or the archive."""
    names: dict[str, str]
    """The files of a folder or an archive by what they are: "train-images", "data_batch_1" ..."""


def locate(section: DatasetSection) -> Place:
    """Where :func:`load` finds the files at ``section.path``; none of them is opened.

    Raises:
        InputError: two files of one kind, or a damaged archive.
        UnreachableError: a folder or an archive that cannot be read.
    """
    official = SETS[section.source]
    path = _place(official, Path(str(section.path)))
    if _is_zip(path):
        return Place(kind="npz", path=path, names={})
    is_folder = path.is_dir()
    by_role: dict[str, list[str]] = {}
    for name in list_folder(path) if is_folder else list_tar(path):
        if (role := _ROLES[official.name](posixpath.normpath(name))) is not None:
            by_role.setdefault(role, []).append(name)
    names = {role: nearest(path, found) for role, found in sorted(by_role.items())}
    return Place(kind="folder" if is_folder else "tar", path=path, names=names)


def load(section: DatasetSection, progress: Progress) -> Arrays:
    """Read one of the four sets from ``section.path``, or through Keras where there is none.

    For ``path``, see ``path_may_be`` in ``hpsearch.data.sets``. Images are of type uint8 and
    shape (n, 28, 28) or (n, 32, 32, 3). Class names are those of the files, or the official ones.

    Args:
        section: the data section.
        progress: told of files read, or of what was downloaded.

    Raises:
        InputError: files that are missing, damaged, of another kind or do not fit together.
        UnreachableError: a file that cannot be read; no network.
    """
    official = SETS[section.source]
    names: tuple[str, ...] | None = None
    found: list[str] = []
    where = section.path or official.title
    if section.path is None:
        parts: Parts = keras_sets.download(official, progress)
    else:
        path = _place(official, Path(section.path))
        if _is_zip(path):
            parts = _read_npz(official, path, progress)
        elif official.name in _BATCHES:
            parts, names = _read_batches(official, path, found, progress)
        else:
            parts = _read_idx(official, path, found, progress)
    arrays = _checked(official, where, parts, names or official.class_names)
    # Of a folder it is told by whoever lists its files.
    litter = [name for path in found if (name := litter_in(path))]
    return replace(arrays, notes=(f"passed over: {listed(litter)}",)) if litter else arrays


def used_files(section: DatasetSection) -> SourceFiles:
    """The official files at ``section.path``; whatever else lies in a folder there does not count.

    Raises:
        InputError: a folder with two archives.
        UnreachableError: a folder that cannot be read.
    """
    official = SETS[section.source]
    found = source_files(_place(official, Path(str(section.path))))
    role = _ROLES[official.name]
    used = tuple(file for file in found.files if not file[0] or role(file[0].removeprefix("/")))
    return SourceFiles(found.root, used, found.litter)


def _place(official: OfficialSet, path: Path) -> Path:
    """The path, or the archive in its folder where that has no official files of its own."""
    with reading(str(path)):
        if not path.is_dir():
            return path
    names = list_folder(path)
    if any(_ROLES[official.name](name) for name in names):
        return path
    for pattern in _ARCHIVES[official.name]:
        found = [name for name in names if "/" not in name and fnmatch(name, pattern)]
        if official.name == "fashion_mnist":
            found = [name for name in found if name != "mnist.npz"]  # which is another set
        if len(found) > 1:
            raise InputError(
                f"{path} has both {show(found[0])} and {show(found[1])}; give the right one"
            )
        if found:
            return path / found[0]
    return path


def _is_zip(path: Path) -> bool:
    with reading(str(path)):
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(2) == b"PK"


def _read_npz(official: OfficialSet, path: Path, progress: Progress) -> Parts:
    """The arrays of an .npz file as Keras has it."""
    if official.name in _BATCHES:
        raise InputError(
            f"{path} is a .zip or .npz file, and {official.title} is read from other files; give"
            f' {official.path_may_be}, or arrays of your own with source = "npz"'
        )
    arrays = npz.read(path, progress)
    for name in _IDX_FILES:
        if name not in arrays:
            raise InputError(f"{path} has no {name}; give {official.path_may_be}")
        if arrays[name].dtype.kind not in "ui":
            raise InputError(
                f"{path}: {name} holds {arrays[name].dtype}, but {official.title} has whole"
                ' numbers; for other arrays use source = "npz"'
            )
    return {name: arrays[name] for name in _IDX_FILES}


def _read_idx(
    official: OfficialSet, path: Path, found: list[str], progress: Progress
) -> Parts:  # fmt: skip
    """The arrays of the four idx files; the names of all files there are are put into ``found``."""
    read: Parts = {}

    def use(role: str, where: str, stream: IO[bytes]) -> None:
        progress(f"reading {official.title}", len(read), len(_IDX_FILES))
        read[role] = read_idx(role, where, stream)

    wanted = list(_IDX_FILES.values())
    found += _read_wanted(official, path, wanted, use, read)
    progress(f"reading {official.title}", len(read), len(_IDX_FILES))
    for part in ("train", "t10k"):
        images, labels = read[f"{part}-images"], read[f"{part}-labels"]
        if len(images) != len(labels):
            raise InputError(
                f"{path}: {part}-images has {len(images)} images, but {part}-labels {len(labels)}"
                " labels; download the official files"
            )
    return {name: read[role] for name, role in _IDX_FILES.items()}


def _read_batches(
    official: OfficialSet, path: Path, found: list[str], progress: Progress
) -> tuple[Parts, tuple[str, ...] | None]:
    """The arrays of all batches, and the names of the classes where they are given; the names of
    all files there are are put into ``found``.
    """
    batches: dict[str, Batch] = {}
    names: list[tuple[str, ...]] = []
    wanted = _BATCHES[official.name]

    def use(role: str, where: str, stream: IO[bytes]) -> None:
        progress(f"reading {official.title}", len(batches), len(wanted))
        if role in wanted:
            batches[role] = read_batch(official, where, stream)
            _check_range(official, where, batches[role].y)
        else:
            names.append(read_names(official, where, stream))

    found += _read_wanted(official, path, wanted, use, batches)
    progress(f"reading {official.title}", len(batches), len(wanted))
    *train, test = (batches[role] for role in wanted)
    parts: Parts = {
        "x_train": np.concatenate([batch.x for batch in train]),
        "y_train": np.concatenate([batch.y for batch in train]),
        "x_test": test.x,
        "y_test": test.y,
    }
    return parts, names[0] if names else None


def _read_wanted(
    official: OfficialSet,
    path: Path,
    wanted: Sequence[str],
    use: Callable[[str, str, IO[bytes]], None],
    read: Collection[str],
) -> list[str]:
    """Read the files of a set, all of which must be there; ``use`` puts them into ``read``.

    Returns:
        the names of all files there are.
    """
    found = read_files(path, _ROLES[official.name], use, official.path_may_be)
    missing = [role for role in wanted if role not in read]
    if not missing:
        return found
    names = sorted({posixpath.basename(name) for name in found if litter_in(name) is None})
    shown = ", ".join(show(name) for name in names[:_NAMED]) or "nothing"
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    hints = [hint for kind, hint in _OTHER_KINDS.items() if any(fnmatch(n, kind) for n in names)]
    hint = f" ({hints[0]})" if hints and len(missing) == len(wanted) else ""
    suffix = {"images": "-idx3-ubyte", "labels": "-idx1-ubyte"}
    looked_for = ", ".join(role + suffix.get(role.partition("-")[2], "") for role in missing)
    raise InputError(
        f"{path} has no {looked_for}; found {shown}{more}{hint}; for {official.title} give"
        f" {official.path_may_be}"
    )


def _checked(
    official: OfficialSet, where: str, parts: Parts, class_names: tuple[str, ...]
) -> Arrays:
    """The arrays of a set, if they are what that set has; their number may be any."""
    y: dict[str, npt.NDArray[np.int64]] = {}
    for part in ("train", "test"):
        images, labels = parts[f"x_{part}"], parts[f"y_{part}"]
        if images.dtype != np.uint8 or images.shape[1:] != official.shape:
            raise InputError(
                f"{where}: x_{part} holds {images.dtype} of shape {images.shape}, but images of"
                f" {official.title} are uint8 of {' x '.join(map(str, official.shape))}; download"
                " the official files"
            )
        if labels.shape not in ((len(images),), (len(images), 1)):
            raise InputError(
                f"{where}: the {part} part has {len(images)} images, but labels of shape"
                f" {labels.shape}; download the official files"
            )
        y[part] = labels.reshape(-1).astype(np.int64)
        _check_range(official, f"{where}: y_{part}", y[part])
    return Arrays(
        x_train=parts["x_train"],
        y_train=y["train"],
        x_test=parts["x_test"],
        y_test=y["test"],
        class_names=class_names,
        maximum=255.0,
    )


def _check_range(official: OfficialSet, where: str, y: npt.NDArray[np.int64]) -> None:
    """Refuse labels that the set has not."""
    if len(y) and not 0 <= y.min() <= y.max() < len(official.class_names):
        raise InputError(
            f"{where} has labels from {y.min()} to {y.max()}, but those of {official.title} go"
            f" from 0 to {len(official.class_names) - 1}; download the official files"
        )
