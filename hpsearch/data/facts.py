"""The facts of a study's data: what is kept of it, and by what it is known again."""

import hashlib
from typing import Any

import numpy as np

from hpsearch.data.dataset import Dataset
from hpsearch.data.parts import Parts
from hpsearch.data.tables.shape import TableShape


def facts(dataset: Dataset, parts: Parts) -> dict[str, Any]:
    """What a study keeps of its data, ready for JSON.

    Args:
        dataset: the data set.
        parts: the training and validation parts that the study has of it.
    """
    return {
        "source": dataset.source,
        "fingerprint": dataset.fingerprint,
        "split_fingerprint": split_fingerprint(parts),
        "input_shape": list(parts.input_shape),
        "class_names": list(parts.class_names),
        **({"table": parts.shape.plain()} if isinstance(parts.shape, TableShape) else {}),
        "train": len(parts.train),
        "validation": _validated(parts),
        **({"folds": len(parts.folds)} if parts.others else {}),
        "test": dataset.test_size,
    }


def _validated(parts: Parts) -> int:
    """Different examples that are validated on, in whichever fold."""
    if not parts.others:
        return len(parts.validation)
    return len(np.unique(np.concatenate([fold.validation.rows for fold in parts.folds])))


def split_fingerprint(parts: Parts) -> str:
    """SHA-256 over which examples are trained and which validated on, as hexadecimal digits.

    Of each part, of each fold: the array that it is of (the training split, or a validation split
    that the source gives), the number of its rows, and their indices.
    """
    digest = hashlib.sha256()
    for fold in parts.folds:
        given = fold.validation.x is not fold.train.x
        own = "given" if given else "train"
        for array, part in (("train", fold.train), (own, fold.validation)):
            digest.update(f"{array} {len(part)}\n".encode())
            digest.update(np.asarray(part.rows, "<i8").tobytes())
    return digest.hexdigest()
