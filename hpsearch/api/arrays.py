"""Arrays from Python, which become the arrays of a source "npz"."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hpsearch.api.given import Keeping
from hpsearch.data.arrays import TaskName, check
from hpsearch.data.sources.npz import understood
from hpsearch.data.sources.source import Look
from hpsearch.errors import InputError

Array = npt.NDArray[np.generic]

_WHERE = Path("data")
"""What messages name."""


def named(data: Any) -> dict[str, Any]:
    """What was given by the names that an .npz file has: x_train, y_train ...

    Args:
        data: ``(x, y)``; ``((x_train, y_train), (x_test, y_test))``, as ``keras.datasets`` gives;
            or a mapping of such names, of which ``x`` and ``y`` are those of training.

    Raises:
        InputError: a mapping has both names of the same array.
    """
    if isinstance(data, Mapping):
        for short in ("x", "y"):
            if short in data and f"{short}_train" in data:
                raise InputError(
                    f"{_WHERE}: has {short} and {short}_train, which are two names of the training"
                    " examples; leave one out"
                )
        return {f"{key}_train" if key in ("x", "y") else str(key): one for key, one in data.items()}
    first, second = data
    if isinstance(first, tuple) and isinstance(second, tuple) and len(first) == len(second) == 2:
        names = ("x_train", "y_train", "x_test", "y_test")
        return dict(zip(names, (*first, *second), strict=True))
    return {"x_train": first, "y_train": second}


def kept(given: Mapping[str, Any], task: TaskName | None, keeping: Keeping) -> tuple[Path, Look]:
    """The file of some arrays, and what is known of them.

    Args:
        given: arrays by the names that an .npz file has, or what can be made ones.
        task: as it was asked for; None: by the targets.
        keeping: keeps the file.

    Raises:
        InputError: what no source of data could be; nothing is written.
        UnreachableError: the file cannot be written.
    """
    arrays = {name: array(name, one) for name, one in given.items()}
    check(understood(arrays, _WHERE, task), str(_WHERE))
    path = keeping.keep("data.npz", _sha256(arrays), lambda file: _save(file, arrays))
    x = arrays["x_train"]
    return path, Look(rows=len(x), validation=len(arrays.get("x_val", ())), shape=x.shape[1:])


def array(name: str, given: Any) -> Array:
    """What was given as an array of numbers or texts.

    Args:
        name: what it is, for messages.
        given: an array of any library, numbers in lists ...

    Raises:
        InputError: rows of several lengths, other objects, texts among numbers, or masked values.
    """
    if np.ma.is_masked(given):
        raise InputError(f"{_WHERE}: {name} has masked values; fill them, or take out their rows")
    try:
        found = np.asarray(given)
        if found.dtype.kind == "U" and isinstance(given, (list, tuple)):
            found = np.asarray(given, dtype=object)  # or numbers among texts became texts
        if found.dtype.kind == "O" and all(isinstance(one, str) for one in found.flat):
            found = found.astype(str)
        elif found.dtype.kind == "O" and not _has_none(found) and not is_mixed(found.flat):
            found = np.array(found.tolist())
    except (TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{_WHERE}: {name} cannot be made an array ({reason})") from None
    if found.dtype.kind not in "biufU":
        raise InputError(
            f"{_WHERE}: {name} is {type(given).__name__}, which holds {_what(found)}; give arrays"
            " of numbers, labels as numbers or texts, and nothing missing"
        )
    return found


def is_mixed(values: Iterable[Any]) -> bool:
    """Whether some values are texts and others are not, but for None."""
    return len({isinstance(one, str) for one in values if one is not None}) > 1


def _has_none(found: Array) -> bool:
    return any(one is None for one in found.flat)


def _what(found: Array) -> str:
    if found.dtype.kind != "O":
        return str(found.dtype)
    kinds = dict.fromkeys(type(one).__name__ for one in found.flat)
    return f"objects ({', '.join(list(kinds)[:3])})"


def _sha256(arrays: Mapping[str, Array]) -> str:
    """Of names, types, shapes and values."""
    found = hashlib.sha256()
    for name, one in sorted(arrays.items()):
        found.update(f"{name} {one.dtype.str} {one.shape}\n".encode())
        found.update(np.ascontiguousarray(one).view(np.uint8).data if one.size else b"")
    return found.hexdigest()


def _save(file: Path, arrays: Mapping[str, Array]) -> None:
    with file.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)
