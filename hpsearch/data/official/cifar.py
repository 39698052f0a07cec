"""Files of CIFAR-10 and CIFAR-100, "python version": batches of images and labels, pickled."""

from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
import numpy.typing as npt

from hpsearch.data.arrays import Labels, Progress
from hpsearch.data.official.container import reading
from hpsearch.data.official.official import OfficialSet, Parts, check_range
from hpsearch.data.official.unpickle import read_pickle
from hpsearch.errors import InputError

_PIXELS = 3 * 32 * 32


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Images of one file with their labels."""

    x: npt.NDArray[np.uint8]
    """Shape (n, 32, 32, 3)."""
    y: Labels
    """Shape (n,)."""


def read_batch(official: "type[CifarSet]", where: str, stream: IO[bytes]) -> Batch:
    """Images and labels (of CIFAR-100: the fine ones) of one file.

    Args:
        official: which set it belongs to.
        where: the file, for messages.
        stream: its content.

    Raises:
        InputError: it is not the official file.
    """
    with reading(where):
        content = stream.read()
    table = read_pickle(content, where)
    key = official.labels_key
    for name in ("data", key):
        if name not in table:
            raise _unofficial(where, f"it has no {name}")
    x = table["data"]
    if not isinstance(x, np.ndarray) or x.dtype != np.uint8 or x.shape[1:] != (_PIXELS,):
        raise _unofficial(where, f"its data are not rows of {_PIXELS} bytes")
    y = _labels(where, table[key])
    if len(y) != len(x):
        raise _unofficial(where, f"it has {len(x)} images, but {len(y)} labels")
    images = x.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return Batch(x=np.ascontiguousarray(images), y=y)


def read_names(official: "type[CifarSet]", where: str, stream: IO[bytes]) -> tuple[str, ...]:
    """The names of the classes (of CIFAR-100: the fine ones) from ``batches.meta`` or ``meta``.

    Args:
        official: which set it belongs to.
        where: the file, for messages.
        stream: its content.

    Raises:
        InputError: it is not the official file, or has not one name for each class.
    """
    with reading(where):
        content = stream.read()
    key = official.names_key
    names = read_pickle(content, where).get(key)
    if not isinstance(names, list) or not all(isinstance(name, bytes | str) for name in names):
        raise _unofficial(where, f"it has no {key}")
    if len(names) != len(official.class_names):
        raise _unofficial(
            where, f"it has {len(names)} names for {len(official.class_names)} classes"
        )
    try:
        return tuple(name if isinstance(name, str) else name.decode() for name in names)
    except UnicodeDecodeError:
        raise _unofficial(where, f"its {key} are not texts") from None


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


class CifarSet(OfficialSet):
    """One of the two, in one or more batches of training images and one of test images."""

    shape = (32, 32, 3)
    batches: ClassVar[tuple[str, ...]]
    """The files of images, that of the test part last."""
    names_file: ClassVar[str]
    """The file with the names of the classes; it may be missing."""
    labels_key: ClassVar[str]
    """Under which a batch has its labels."""
    names_key: ClassVar[str]
    """Under which ``names_file`` has the names."""

    def read_files(
        self, path: Path, found: list[str], progress: Progress
    ) -> tuple[Parts, tuple[str, ...]]:
        """The arrays of all batches, and the names of the classes."""
        batches: dict[str, Batch] = {}
        names: list[tuple[str, ...]] = []

        def use(role: str, where: str, stream: IO[bytes]) -> None:
            progress(f"reading {self.title}", len(batches), len(self.batches))
            if role in self.batches:
                batches[role] = read_batch(type(self), where, stream)
                check_range(type(self), where, batches[role].y)
            else:
                names.append(read_names(type(self), where, stream))

        found += self.read_wanted(path, self.batches, use, batches)
        progress(f"reading {self.title}", len(batches), len(self.batches))
        *train, test = (batches[role] for role in self.batches)
        parts: Parts = {
            "x_train": np.concatenate([batch.x for batch in train]),
            "y_train": np.concatenate([batch.y for batch in train]),
            "x_test": test.x,
            "y_test": test.y,
        }
        return parts, names[0] if names else self.class_names

    def read_zip(self, path: Path, progress: Progress) -> Parts:
        """Refuse it: Keras has no such file of these sets."""
        raise InputError(
            f"{path} is a .zip or .npz file, and {self.title} is read from other files; give"
            f' {self.path_may_be}, or arrays of your own with source = "npz"'
        )
