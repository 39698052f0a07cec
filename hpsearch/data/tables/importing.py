"""Importing: the files of a table as one data set: target, input columns, what stands beside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hpsearch.data.arrays import Arrays, PartName, Progress, TaskName, throttled
from hpsearch.data.tables import beside, kinds, target
from hpsearch.data.tables.column import Column
from hpsearch.data.tables.dialect import Named
from hpsearch.data.tables.encoding import Matrix, encode_cells
from hpsearch.data.tables.files import files_of
from hpsearch.data.tables.hints import alike, meant, together
from hpsearch.data.tables.reading import open_table
from hpsearch.data.tables.table import Table
from hpsearch.data.tables.target import Target
from hpsearch.data.tables.values import Cells
from hpsearch.errors import InputError
from hpsearch.text import closest, show

_FEW_LOST = 0.01
"""Share of different numbers that rounding may merge untold."""
_ROUNDING = 1e-14
"""Relative distance up to which numbers are equal: 0.3 and 0.1 + 0.2 are."""


@dataclass(frozen=True, kw_only=True)
class Roles:
    """What the columns of a table are for; all others are inputs."""

    target: str
    ignore: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    """Inputs that are categories, whatever their values look like."""
    group: str | None = None
    time: str | None = None
    """An input, too."""
    weight: str | None = None

    @property
    def named(self) -> list[tuple[str, str]]:
        """Each column that is named, behind the key that names it."""
        single = {
            "target": self.target,
            "group": self.group,
            "time": self.time,
            "weight": self.weight,
        }
        named = [(key, name) for key, name in single.items() if name is not None]
        named += [("ignore", name) for name in self.ignore]
        return named + [("categorical", name) for name in self.categorical]


@dataclass(kw_only=True)
class _Gathered:
    """What was read so far."""

    inputs: dict[PartName, list[Matrix]]
    columns: list[Column] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    hints: list[tuple[str, str]] = field(default_factory=list)
    """Each behind the name of its column."""
    beside: dict[str, npt.NDArray[np.generic]] = field(default_factory=dict)


def load(
    path: Path, named: Named, roles: Roles, task: TaskName | None, progress: Progress
) -> Arrays:
    """Read a table, or a folder with one for each part, column by column.

    Args:
        path: the file or folder.
        named: what the user says of how files of text are written.
        roles: what the columns are for.
        task: what is learnt; None: found by :func:`hpsearch.data.tables.target.find`.
        progress: told of each column read.

    Raises:
        InputError: files, columns or values that are wrong.
        UnreachableError: a file that cannot be read.
    """
    progress = throttled(progress)
    where = str(path)
    tables = {part: open_table(file, named) for part, file in files_of(path).items()}
    names = tables["train"].names
    check_roles(where, roles, names)
    notes = _compare(tables)
    found = target.find(where, roles.target, _cells(tables, roles.target), task)
    gathered = _Gathered(inputs={part: [] for part in tables}, notes=[*notes, *found.notes])
    hints = _hints_of(found, task, tables["train"].decimal)
    gathered.hints += [(roles.target, hint) for hint in hints]
    for done, name in enumerate(names):
        progress("reading the columns", done, len(names))
        if name != roles.target and name not in roles.ignore:
            cells = _kept(_cells(tables, name), found)
            is_index = name in tables["train"].index
            _gather(where, name, cells, roles, gathered, is_index=is_index)
    progress("reading the columns", len(names), len(names))
    if not gathered.columns:
        raise InputError(f"{where} has no input columns left; {'; '.join(gathered.notes)}")
    decimal = tables["train"].decimal
    tables.clear()  # what they hold is no longer needed
    return _arrays(roles.target, found, gathered, decimal)


def _hints_of(found: Target, task: TaskName | None, decimal: str) -> list[str]:
    """What the target's texts may be meant as, unless the user says that they are classes."""
    told = [alike(found.class_names)]
    if task is None and found.class_names:
        told.append(meant(found.class_names, decimal))
    return list(filter(None, told))


def train_names(path: Path, named: Named) -> tuple[str, ...]:
    """The names of a table's columns; see :func:`load`."""
    return open_table(files_of(path)["train"], named).names


def check_roles(where: str, roles: Roles, names: Sequence[str]) -> None:
    """Check that the columns that are named are there, each for one thing.

    Args:
        where: the table, for messages.
        roles: what the columns are for.
        names: of the table's columns.

    Raises:
        InputError: a column that is not there, or named twice.
    """
    seen: dict[str, str] = {}
    for key, name in roles.named:
        if name not in names:
            raise InputError(
                f"{where}: dataset.{key} names the column {show(name)}, which is not there;"
                f" {closest(name, list(names))}"
            )
        if name in seen:
            raise InputError(
                f"{where}: column {show(name)} is named by dataset.{seen[name]} and by"
                f" dataset.{key}; leave it out of one"
            )
        seen[name] = key


def _compare(tables: Mapping[PartName, Table]) -> list[str]:
    """How the files were understood, and which columns only another part than training has.

    Raises:
        InputError: a part without a column of the training part.
    """
    train = tables["train"]
    notes: dict[str, None] = {}
    for part, table in tables.items():
        notes |= dict.fromkeys(table.notes)
        lacking = [name for name in train.names if name not in table.names]
        if lacking:
            raise InputError(
                f"{table.path} has no column {', '.join(map(show, lacking))}, which"
                f" {train.path.name} has; add it, or rename the one that is meant"
            )
        extra = [name for name in table.names if name not in train.names]
        if extra:
            notes[f"columns that only the {part} part has are ignored: {show(extra)}"] = None
    return list(notes)


def _cells(tables: Mapping[PartName, Table], name: str) -> dict[PartName, Cells]:
    return {part: table.cells(name) for part, table in tables.items()}


def _kept(cells: Mapping[PartName, Cells], found: Target) -> dict[PartName, Cells]:
    return {part: each.kept(found.keep[part]) for part, each in cells.items()}


def _gather(
    where: str,
    name: str,
    cells: dict[PartName, Cells],
    roles: Roles,
    gathered: _Gathered,
    *,
    is_index: bool,
) -> None:
    """Take one column: an input, or group, time or weight."""
    stored: Mapping[PartName, npt.NDArray[np.generic]]
    if name == roles.group:
        stored = beside.groups(where, name, cells)
        gathered.beside |= {f"group_{part}": values for part, values in stored.items()}
        return
    if name == roles.weight:
        stored = beside.weights(where, name, cells)
        gathered.beside |= {f"weight_{part}": values for part, values in stored.items()}
        return
    as_category = name in roles.categorical
    found = kinds.find(
        name, list(cells.values()), as_category=as_category, is_index=is_index, where=where
    )
    gathered.notes += found.notes
    gathered.hints += [(name, hint) for hint in found.hints]
    if name == roles.time:
        stored = beside.times(where, name, cells, found.column)
        gathered.beside |= {f"time_{part}": values for part, values in stored.items()}
    if found.column is not None:
        gathered.columns.append(found.column)
        stored_inputs = {part: encode_cells(each, found.column)[0] for part, each in cells.items()}
        for part, values in stored_inputs.items():
            gathered.inputs[part].append(values)
        if found.column.kind == "number":
            told = _merged(cells["train"], stored_inputs["train"])
            gathered.hints += [(name, hint) for hint in told]


def _merged(cells: Cells, stored: Matrix) -> list[str]:
    """What is lost of a column's numbers in float32, in which networks compute; often nothing."""
    values, kept = _distinct(cells.floats()), _distinct(stored[:, 0].copy())
    if kept >= (1 - _FEW_LOST) * values:
        return []
    lost = f"of {values:,} different values float32 keeps {kept:,}"
    return [f"{lost}; subtract an offset, if the differences matter"]


def _distinct(values: npt.NDArray[np.floating]) -> int:
    """How many different finite values there are, but for what rounding in float64 leaves.

    They are sorted in place.
    """
    values.sort()  # NaN last
    present = values[np.searchsorted(values, -np.inf, "right") : np.searchsorted(values, np.inf)]
    gaps = np.diff(present) > _ROUNDING * np.abs(present[1:])
    return min(len(present), 1) + int(np.count_nonzero(gaps))


def _arrays(name: str, found: Target, gathered: _Gathered, decimal: str) -> Arrays:
    x = {part: _side_by_side(columns) for part, columns in gathered.inputs.items()}
    return Arrays(
        x_train=x["train"],
        y_train=found.y["train"],
        x_val=x.get("val"),
        y_val=found.y.get("val"),
        x_test=x.get("test"),
        y_test=found.y.get("test"),
        class_names=found.class_names,
        maximum=None,
        notes=tuple(gathered.notes),
        hints=together(gathered.hints),
        columns=tuple(gathered.columns),
        decimal=decimal,
        target=name,
        beside=gathered.beside,
    )


def _side_by_side(columns: list[Matrix]) -> Matrix:
    """Columns as one matrix, one behind the other in memory, which is so needed once.

    Each is let go of when it is copied.
    """
    x = np.empty((len(columns[0]), sum(one.shape[1] for one in columns)), np.float32, order="F")
    place = x.shape[1]
    while columns:
        last = columns.pop()
        place -= last.shape[1]
        x[:, place : place + last.shape[1]] = last
    return x
