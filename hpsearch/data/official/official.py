"""Public sets of images: what they have in common, where their files are, and their arrays."""

import posixpath
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
import numpy.typing as npt

from hpsearch.data.arrays import Arrays, Progress
from hpsearch.data.litter import listed, litter_in
from hpsearch.data.official.container import list_folder, read_files, reading
from hpsearch.data.official.download import download
from hpsearch.data.signature import SourceFiles, source_files
from hpsearch.data.sources.source import DataPath, Source
from hpsearch.errors import InputError
from hpsearch.text import show

Parts = dict[str, npt.NDArray[Any]]
"""x_train, y_train, x_test and y_test."""

_OTHER_KINDS = {
    "*.bin": "the binary version is not supported: download the python version",
    "*.mat": "the MATLAB version is not supported: download the python version",
    "*-ubyte*": 'these are idx files: source = "mnist" or "fashion_mnist"',
    "*_batch*": 'these are files of CIFAR-10: source = "cifar10"',
    "*.csv": 'a table is named by its own file: source = "table"',
    "*.parquet": 'a table is named by its own file: source = "table"',
    "*.png": 'images as files are read with source = "image_folder"',
    "*.jpg": 'images as files are read with source = "image_folder"',
}
"""What people have instead, by the names of the files, and what to do about it."""
_NAMED = 4
"""Files that a message names."""


def other_kind(names: Collection[str]) -> str:
    """What people have instead of the data that they were asked for, and what to do about it.

    Args:
        names: of the files.

    Returns:
        A hint; "" where there is none.
    """
    hints = (hint for k, hint in _OTHER_KINDS.items() if any(fnmatch(n, k) for n in names))
    return next(hints, "")


class OfficialSet(Source):
    """A public set of images: official files at ``path``, or what Keras downloads."""

    title: ClassVar[str]
    """As people name it."""
    shape: ClassVar[tuple[int, ...]]
    """Of one image: (height, width) or (height, width, 3)."""
    class_names: ClassVar[tuple[str, ...]]
    """In the order of the labels."""
    path_may_be: ClassVar[str]
    """What ``dataset.path`` may be, for messages."""
    archives: ClassVar[tuple[str, ...]]
    """What a folder without the official files themselves may hold instead; the first is taken."""
    other_archives: ClassVar[tuple[str, ...]] = ()
    """Those of them that are another set's."""
    cached: ClassVar[str]
    """File or folder below ``datasets/`` in Keras' cache that a download grows in."""
    download_bytes: ClassVar[int]
    """Size of the download; shown, and never relied on."""

    path: DataPath | None = None

    @classmethod
    def role(cls, name: str) -> str | None:
        """What a file is by its path in a folder or an archive: "train-images", "data_batch_1" ...

        Returns:
            None: it is none of the set's.
        """
        raise NotImplementedError

    def _read_files(
        self, path: Path, found: list[str], progress: Progress
    ) -> tuple[Parts, tuple[str, ...]]:
        """The arrays of the official files in a folder or an archive, and the names of the classes;
        the names of all files that there are are put into ``found``.
        """
        raise NotImplementedError

    def _read_zip(self, path: Path, progress: Progress) -> Parts:
        """The arrays of a .zip or .npz file."""
        raise NotImplementedError

    @classmethod
    def looks_like(cls, path: Path) -> bool:
        """Whether it has the name of the set's archive, or is a folder with its files in it.

        An .npz file is not looked into: the source "npz" reads those of public sets as well.
        """
        if not path.is_dir():
            return path.name in cls.archives and path.suffix != ".npz"
        try:
            names = [each.name for each in path.iterdir() if each.is_file()]
        except OSError:  # which is told when it is read
            return False
        return any(cls.role(f"{path.name}/{name}") for name in names)

    def files(self) -> SourceFiles | None:
        """The official files; whatever else lies in a folder there does not count."""
        if self.path is None:
            return None
        found = source_files(self._at())
        used = tuple(f for f in found.files if not f[0] or self.role(f[0].removeprefix("/")))
        return SourceFiles(found.root, used, found.litter)

    def load(self, progress: Progress) -> Arrays:
        """Read the set from ``path``, or through Keras where there is none.

        Images are of type uint8 and shape (n, 28, 28) or (n, 32, 32, 3). Class names are those of
        the files, or the official ones.
        """
        names, found = self.class_names, list[str]()
        if self.path is None:
            parts: Parts = download(type(self), progress)
        elif _is_zip(path := self._at()):
            parts = self._read_zip(path, progress)
        else:
            parts, names = self._read_files(path, found, progress)
        arrays = self._checked(self.path or self.title, parts, names)
        # Of a folder it is told by whoever lists its files.
        litter = [name for path in found if (name := litter_in(path))]
        return replace(arrays, notes=(f"passed over: {listed(litter)}",)) if litter else arrays

    def _at(self) -> Path:
        """The path, or the archive in its folder where that has no official files of its own."""
        path = Path(str(self.path))
        with reading(str(path)):
            if not path.is_dir():
                return path
        names = list_folder(path)
        if any(self.role(name) for name in names):
            return path
        for pattern in self.archives:
            found = [name for name in names if "/" not in name and fnmatch(name, pattern)]
            found = [name for name in found if name not in self.other_archives]
            if len(found) > 1:
                raise InputError(
                    f"{path} has both {show(found[0])} and {show(found[1])}; give the right one"
                )
            if found:
                return path / found[0]
        return path

    def _read_wanted(
        self,
        path: Path,
        wanted: Sequence[str],
        use: Callable[[str, str, IO[bytes]], None],
        read: Collection[str],
    ) -> list[str]:
        """Read the files of the set, all of which must be there: ``use`` puts them into ``read``.

        Returns:
            the names of all files there are.
        """
        found = read_files(path, self.role, use, self.path_may_be)
        missing = [role for role in wanted if role not in read]
        if not missing:
            return found
        names = sorted({posixpath.basename(name) for name in found if litter_in(name) is None})
        shown = ", ".join(show(name) for name in names[:_NAMED]) or "nothing"
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        hint = other_kind(names) if len(missing) == len(wanted) else ""
        hint = hint and f" ({hint})"
        suffix = {"images": "-idx3-ubyte", "labels": "-idx1-ubyte"}
        looked_for = ", ".join(role + suffix.get(role.partition("-")[2], "") for role in missing)
        raise InputError(
            f"{path} has no {looked_for}; found {shown}{more}{hint}; for {self.title} give"
            f" {self.path_may_be}"
        )

    def _checked(self, where: str, parts: Parts, class_names: tuple[str, ...]) -> Arrays:
        """The arrays of the set, if they are what it has; their number may be any."""
        y: dict[str, npt.NDArray[np.int64]] = {}
        for part in ("train", "test"):
            images, labels = parts[f"x_{part}"], parts[f"y_{part}"]
            if images.dtype != np.uint8 or images.shape[1:] != self.shape:
                raise InputError(
                    f"{where}: x_{part} holds {images.dtype} of shape {images.shape}, but images of"
                    f" {self.title} are uint8 of {' x '.join(map(str, self.shape))}; download the"
                    " official files"
                )
            if labels.shape not in ((len(images),), (len(images), 1)):
                raise InputError(
                    f"{where}: the {part} part has {len(images)} images, but labels of shape"
                    f" {labels.shape}; download the official files"
                )
            y[part] = labels.reshape(-1).astype(np.int64)
            self._check_range(f"{where}: y_{part}", y[part])
        return Arrays(
            x_train=parts["x_train"],
            y_train=y["train"],
            x_test=parts["x_test"],
            y_test=y["test"],
            class_names=class_names,
            maximum=255.0,
        )

    def _check_range(self, where: str, y: npt.NDArray[np.int64]) -> None:
        """Refuse labels that the set has not."""
        if len(y) and not 0 <= y.min() <= y.max() < len(self.class_names):
            raise InputError(
                f"{where} has labels from {y.min()} to {y.max()}, but those of {self.title} go"
                f" from 0 to {len(self.class_names) - 1}; download the official files"
            )


def _is_zip(path: Path) -> bool:
    with reading(str(path)):
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(2) == b"PK"
