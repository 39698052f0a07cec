"""The data of a search in Python, whatever they are given as, as the ``[dataset]`` of a study."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hpsearch.api import arrays, frames
from hpsearch.api.given import Keeping
from hpsearch.data.arrays import TaskName
from hpsearch.data.sources.source import Look
from hpsearch.errors import InputError
from hpsearch.services.named import (
    TABLE,
    Named,
    Spelling,
    named,
    place,
    public_sets,
    refuse_target,
)


@dataclass(frozen=True, kw_only=True)
class Data(Named):
    """What data from Python are, and what a study of them is called after."""

    word: str | None = None
    """What they are called; None: they came without a name."""


def understood(
    data: Any, target: str | int | None, task: TaskName | None, keeping: Keeping
) -> Data:
    """The data that were given; what is no file is kept in the home.

    Args:
        data: a source's name ("digits"), a path, arrays or a data frame; see ``hpsearch.search``.
        target: of a table the column to predict; a number is the name of pandas for it.
        task: as it was asked for; None: by the targets.
        keeping: keeps arrays and frames.

    Raises:
        InputError: what cannot be data; nothing is written.
        UnreachableError: what cannot be written.
    """
    target = None if target is None else str(target)
    if isinstance(data, (str, os.PathLike)):
        return _of_place(data, target)
    if frames.is_frame(data):
        return _of_frame(data, target, keeping)
    is_pair = isinstance(data, (tuple, list)) and len(data) == 2
    if is_pair and frames.is_frame(data[0]):
        return _of_frame(*frames.joined(data[0], data[1], target), keeping)
    if not (is_pair or isinstance(data, Mapping)):
        raise InputError(
            f"data: {type(data).__name__} is nothing to train on; give arrays (x, y), or a mapping"
            " of x_train, y_train, x_test and y_test, a data frame with target=..., a path, or one"
            f" of {', '.join(map(repr, public_sets()))}"
        )
    refuse_target(target, "arrays have none", _spelling("data", target))
    path, look = arrays.kept(arrays.named(data), task, keeping)
    return Data(source="npz", path=str(path), look=look)


def _of_frame(data: Any, target: str | None, keeping: Keeping) -> Data:
    path, rows = frames.kept(data, target, keeping)
    return Data(source=TABLE, path=str(path), target=target, look=Look(rows=rows))


def _of_place(data: "str | os.PathLike[str]", target: str | None) -> Data:
    """Data that are a file, a folder, or a public data set."""
    name = os.fspath(data)
    spelling = _spelling(f"data = {name!r}", target)
    source, path = place(name, spelling)
    path = path and path.absolute()
    found = named(source, path, target, spelling)
    word = name if path is None else path.stem
    return Data(source=source, path=found.path, target=target, look=found.look, word=word)


def _spelling(data: str, target: str | None) -> Spelling:
    return Spelling(
        data=data,
        target=f"target = {target!r}",
        ask_target="target=...",
        ask_source='say what it is by dataset={"source": ..., "path": ...}',
    )
