"""The facts of a study's data: what is kept of it, and by what it is known again."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from hpsearch.data.dataset import Dataset
from hpsearch.data.parts import Parts
from hpsearch.data.tables.shape import TableShape
from hpsearch.text import plural, shortened


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
        **(
            {
                "table": parts.shape.plain(),
                "columns": len(dataset.columns),
                "target": dataset.target,
            }
            if isinstance(parts.shape, TableShape)
            else {}
        ),
        "train": len(parts.train),
        "validation": _validated(parts),
        **({"folds": len(parts.folds)} if parts.others else {}),
        "test": dataset.test_size,
    }


def words(known: Mapping[str, Any]) -> str:
    """What an example and its target are, in a few words: "19 columns, target churn, 2 classes".

    Args:
        known: as :func:`facts` makes them; any may be missing, and nothing is said of it then.
    """
    shape, names = known.get("input_shape") or (), known.get("class_names")
    if known.get("columns"):
        told = [plural(known["columns"], "column")]
    else:
        told = [f"{' x '.join(map(str, shape))} values each"] if shape else []
    told += [f"target {shortened(known['target'])}"] if known.get("target") else []
    if names:
        told.append(f"{len(names):,} classes")
    elif names is not None and shape:
        told.append("regression")
    return ", ".join(told)


def sizes(known: Mapping[str, Any]) -> str:
    """On how many examples networks are trained and validated: "100 training and 20 validation
    examples", "120 examples in 5 folds".

    Args:
        known: as for :func:`words`.
    """
    train, validation = (_count(known.get(part)) for part in ("train", "validation"))
    if known.get("folds"):
        return f"{validation} examples in {known['folds']} folds"
    return f"{train} training and {validation} validation examples"


def _count(number: int | None) -> str:
    return "?" if number is None else f"{number}"


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
