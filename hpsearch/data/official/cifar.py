"""Files of CIFAR-10 and CIFAR-100, "python version": batches of images and labels, pickled."""

import posixpath
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
import numpy.typing as npt

from hpsearch.data.arrays import Labels, Progress
from hpsearch.data.official.container import reading
from hpsearch.data.official.official import OfficialSet, Parts
from hpsearch.data.official.unpickle import read_pickle
from hpsearch.errors import InputError

Pixels = npt.NDArray[np.uint8]

_PIXELS = 3 * 32 * 32


class CifarSet(OfficialSet):
    """One of the two, in one or more batches of training images and one of test images."""

    shape = (32, 32, 3)
    batches: ClassVar[tuple[str, ...]]
    """The files of images, that of the test part last."""
    folders: ClassVar[tuple[str, ...]] = ()
    """Names of the folders that have its files; none: any folder."""
    names_file: ClassVar[str]
    """The file with the names of the classes; it may be missing."""
    labels_key: ClassVar[str]
    """Under which a batch has its labels."""
    names_key: ClassVar[str]
    """Under which ``names_file`` has the names."""

    @classmethod
    def role(cls, name: str) -> str | None:
        """The name of the file itself, where it is one of ``batches`` or ``names_file``."""
        folder, own = posixpath.split(name)
        if cls.folders and posixpath.basename(folder) not in cls.folders:
            return None
        return own if own in (*cls.batches, cls.names_file) else None

    def _read_files(
        self, path: Path, found: list[str], progress: Progress
    ) -> tuple[Parts, tuple[str, ...]]:
        """The arrays of all batches, and the names of the classes."""
        batches: dict[str, tuple[Pixels, Labels]] = {}
        names: list[tuple[str, ...]] = []

        def use(role: str, where: str, stream: IO[bytes]) -> None:
            progress(f"reading {self.title}", len(batches), len(self.batches))
            if role in self.batches:
                batches[role] = self._batch(where, stream)
            else:
                names.append(self._names(where, stream))

        found += self._read_wanted(path, self.batches, use, batches)
        progress(f"reading {self.title}", len(batches), len(self.batches))
        *train, test = (batches[role] for role in self.batches)
        parts: Parts = {
            "x_train": np.concatenate([x for x, _ in train]),
            "y_train": np.concatenate([y for _, y in train]),
            "x_test": test[0],
            "y_test": test[1],
        }
        return parts, names[0] if names else self.class_names

    def _read_zip(self, path: Path, progress: Progress) -> Parts:
        """Refuse it: Keras has no such file of these sets."""
        raise InputError(
            f"{path} is a .zip or .npz file, and {self.title} is read from other files; give"
            f' {self.path_may_be}, or arrays of your own with source = "npz"'
        )

    def _batch(self, where: str, stream: IO[bytes]) -> tuple[Pixels, Labels]:
        """Images and labels of one file."""
        with reading(where):
            content = stream.read()
        table = read_pickle(content, where)
        for name in ("data", self.labels_key):
            if name not in table:
                raise _unofficial(where, f"it has no {name}")
        x = table["data"]
        if not isinstance(x, np.ndarray) or x.dtype != np.uint8 or x.shape[1:] != (_PIXELS,):
            raise _unofficial(where, f"its data are not rows of {_PIXELS} bytes")
        y = _labels(where, table[self.labels_key])
        if len(y) != len(x):
            raise _unofficial(where, f"it has {len(x)} images, but {len(y)} labels")
        self._check_range(where, y)
        return np.ascontiguousarray(x.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)), y

    def _names(self, where: str, stream: IO[bytes]) -> tuple[str, ...]:
        """The names of the classes, one for each."""
        with reading(where):
            content = stream.read()
        names = read_pickle(content, where).get(self.names_key)
        if not isinstance(names, list) or not all(isinstance(name, bytes | str) for name in names):
            raise _unofficial(where, f"it has no {self.names_key}")
        if len(names) != len(self.class_names):
            raise _unofficial(
                where, f"it has {len(names)} names for {len(self.class_names)} classes"
            )
        try:
            return tuple(name if isinstance(name, str) else name.decode() for name in names)
        except UnicodeDecodeError:
            raise _unofficial(where, f"its {self.names_key} are not texts") from None


def _labels(where: str, labels: Any) -> Labels:
    """Labels that are a list of whole numbers, or an array of them."""
    if isinstance(labels, list) and all(type(label) is int for label in labels):
        try:
            return np.array(labels, dtype=np.int64)
        except OverflowError:
            raise _unofficial(where, "its labels are out of range") from None
    if isinstance(labels, np.ndarray) and labels.ndim == 1:
        return labels.astype(np.int64)
    raise _unofficial(where, "its labels are not a list of whole numbers")


def _unofficial(where: str, reason: str) -> InputError:
    return InputError(f"{where} is not the official file ({reason}); download it again")
