"""Files of CIFAR-10 and CIFAR-100, "python version": batches of images and labels, pickled."""

import posixpath
import re
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from hpsearch.data.container import reading
from hpsearch.data.sets import OfficialSet
from hpsearch.data.source import Labels
from hpsearch.data.unpickle import read_pickle
from hpsearch.errors import InputError

_PIXELS = 3 * 32 * 32
_BATCH = re.compile(r"data_batch_[1-5]|test_batch")
_CIFAR100_FOLDERS = ("", ".", "cifar-100-python")


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Images of one file with their labels."""

    x: npt.NDArray[np.uint8]
    """Shape (n, 32, 32, 3)."""
    y: Labels
    """Shape (n,)."""


def cifar10_role(name: str) -> str | None:
    """One of "data_batch_1" ... "data_batch_5", "test_batch", "batches.meta"; else None."""
    own = posixpath.basename(name)
    return own if _BATCH.fullmatch(own) or own == "batches.meta" else None


def cifar100_role(name: str) -> str | None:
    """One of "train", "test" and "meta"; None for other files, and in folders of other names."""
    folder, own = posixpath.split(name)
    if posixpath.basename(folder) not in _CIFAR100_FOLDERS:
        return None
    return own if own in ("train", "test", "meta") else None


def read_batch(official: OfficialSet, where: str, stream: IO[bytes]) -> Batch:
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
    key = "labels" if official.name == "cifar10" else "fine_labels"
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


def read_names(official: OfficialSet, where: str, stream: IO[bytes]) -> tuple[str, ...]:
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
    key = "label_names" if official.name == "cifar10" else "fine_label_names"
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
