"""The data of a search in Python, whatever they are given as, as the ``[dataset]`` of a study."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch.api import arrays, frames
from hpsearch.api.given import Keeping
from hpsearch.data.arrays import TaskName
from hpsearch.data.sources import SOURCES, source_class, source_classes
from hpsearch.errors import InputError
from hpsearch.services.tables import check_target, columns_of, rows_of


@dataclass(frozen=True, kw_only=True)
class Data:
    """What data are and where they lie."""

    source: str
    path: str | None = None
    target: str | None = None
    """Of a table: the column to predict."""
    rows: int | None = None
    """Training rows, as far as they are known."""

    word: str | None = None
    """What they are called; None: they came without a name."""

    def table(self) -> dict[str, Any]:
        """As ``[dataset]`` has it."""
        keys = {"source": self.source, "path": self.path, "target": self.target}
        return {key: value for key, value in keys.items() if value is not None}


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
            f" of {_public()}"
        )
    _refuse_target(target, "arrays have none")
    path, rows = arrays.kept(arrays.named(data), task, keeping)
    return Data(source="npz", path=str(path), rows=rows)


def _of_frame(data: Any, target: str | None, keeping: Keeping) -> Data:
    path, rows = frames.kept(data, target, keeping)
    return Data(source="table", path=str(path), target=target, rows=rows)


def _of_place(data: "str | os.PathLike[str]", target: str | None) -> Data:
    """Data that are a file, a folder, or a public data set.

    Raises:
        InputError: nothing is there, or nobody knows what it is.
    """
    name = os.fspath(data)
    path = Path(name).expanduser()
    if name in SOURCES and not source_class(name).needs_path():
        _refuse_target(target, f"{name} has none")
        return Data(source=name, word=name)
    if not path.exists():
        raise InputError(f"data = {name!r}: no such file or folder, and none of {_public()}")
    found = next((one for one in source_classes() if one.looks_like(path)), None)
    if found is None:
        looks = " nor ".join(sorted(one.looks for one in source_classes() if one.looks))
        raise InputError(
            f"data = {name!r}: is neither {looks}; say what it is by"
            ' dataset={"source": ..., "path": ...}'
        )
    if found is not source_class("table"):
        _refuse_target(target, f"{name} has none")
        return Data(source=found.name, path=str(path.absolute()), word=path.stem)
    return _of_table(path.absolute(), target)


def _of_table(path: Path, target: str | None) -> Data:
    """A file of columns, or a folder of such.

    Raises:
        InputError: no target, or no column of the table.
    """
    if target is None:
        raise InputError(
            f"data = {str(path)!r}: is a table; name the column to predict: target=..., one of"
            f" {', '.join(columns_of(path))}"
        )
    check_target(path, target)
    rows = rows_of(path)
    return Data(source="table", path=str(path), target=target, rows=rows, word=path.stem)


def _public() -> str:
    """The names of public data sets, in a sentence."""
    return ", ".join(repr(one.name) for one in source_classes() if not one.needs_path())


def _refuse_target(target: str | None, why: str) -> None:
    if target is not None:
        raise InputError(f"target = {target!r}: is a table's column to predict, and {why}")
