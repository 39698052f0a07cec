"""Target: what is learnt from a table: classes or values, by a rule where the user does not say."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from hpsearch.data.arrays import PartName, TaskName, check_kept, may_be_targets
from hpsearch.data.tables.hints import meant
from hpsearch.data.tables.values import Cells
from hpsearch.errors import InputError
from hpsearch.text import plural, show

Targets = npt.NDArray[np.int64] | npt.NDArray[np.float64]

_TWO = 2
"""Different whole numbers that are classes, in however few rows."""
_FEW = 20
"""Different whole numbers that may be classes."""
_EACH = 10
"""Rows that each of them has in the mean at least."""
_MOST_CLASSES = 1000
_EXACT = 2**53
"""Below it float64 has every whole number."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """The target of a table in all its parts."""

    task: TaskName
    y: dict[PartName, Targets]
    """Of each part, for the rows that are kept: labels as int64, or values as float64."""
    keep: dict[PartName, pl.Series]
    """Of each part, a boolean for each row: false where the target is missing."""
    class_names: tuple[str, ...]
    """In the order of the labels; empty for a regression."""
    notes: tuple[str, ...]


def find(where: str, name: str, parts: Mapping[PartName, Cells], task: TaskName | None) -> Target:
    """The target of a table.

    Where no task is said, it is a classification if the target is no number, or if it has whole
    numbers: two different ones, or at most 20, each on ten rows in the mean; else it is a
    regression. Rows whose target is missing are left out. Classes are the training rows' whole
    numbers in their order, or their texts, sorted.

    Args:
        where: the table, for messages.
        name: of the target's column.
        parts: its cells in each part.
        task: what the user says.

    Raises:
        InputError: no value in a part, infinite ones, one value or class, a text in a regression,
            more than 1,000 classes, a class that the training part lacks, whole numbers that are
            too large to be told apart, texts that are numbers or dates but for how they are
            written.
    """
    of = f"{where}: target {show(name)}"
    keep = {part: cells.values.is_not_null() for part, cells in parts.items()}
    present = {part: cells.kept(keep[part]) for part, cells in parts.items()}
    _check(of, present)
    found = task or _inferred(of, list(present.values()))
    notes = [] if task else [f"target {show(name)}: {found}, by its values (task = ... says it)"]
    missing = {part: cells.missing for part, cells in parts.items() if cells.missing}
    if missing:
        told = ", ".join(f"{count:,} of {part}" for part, count in missing.items())
        notes.append(f"rows without a target are left out: {told}")
    y: dict[PartName, Targets]
    names: tuple[str, ...] = ()
    if found == "regression":
        y = {part: _values(f"{of} ({part})", cells) for part, cells in present.items()}
        if y["train"].min() == y["train"].max():
            raise InputError(f"{of} is {y['train'][0]:g} everywhere; there is nothing to learn")
    else:
        names, y = _classes(of, present)
        if task is None and (len(names) > _FEW or 2 * len(names) > len(y["train"])):
            _refuse_meant(of, meant(names, parts["train"].decimal))
    return Target(task=found, y=y, keep=keep, class_names=names, notes=tuple(notes))


def _refuse_meant(of: str, told: str) -> None:
    """Refuse many classes, or of one or two examples each, that are numbers or dates, written
    otherwise.
    """
    if told:
        raise InputError(f'{of}: {told}; if these are classes, dataset.task = "classification"')


def _check(of: str, present: Mapping[PartName, Cells]) -> None:
    for part, cells in present.items():
        if not len(cells.values):
            raise InputError(
                f"{of} has no value in the {part} part; add the values, or name another target"
            )
        if cells.family in ("date", "other"):
            raise InputError(
                f"{of} holds {cells.values.dtype}; a target is numbers or texts: convert it"
            )


def _inferred(of: str, present: list[Cells]) -> TaskName:
    """The task by the rule of :func:`find`.

    Raises:
        InputError: numbers with a few texts among them, which are neither.
    """
    numbers = pl.concat([cells.numbers() for cells in present]).drop_nulls()
    wrong = pl.concat([cells.unparsed() for cells in present])
    if len(wrong):
        if numbers.n_unique() > _FEW and len(numbers) > len(wrong):
            raise InputError(
                f"{of} has numbers and {plural(len(wrong), 'text')} such as {show(wrong[0])};"
                f" correct them, or dataset.missing = [{show(wrong[0])}], or"
                ' dataset.task = "classification"'
            )
        return "classification"
    if any(cells.family == "category" for cells in present):
        return "classification"
    distinct = numbers.n_unique()
    is_few = distinct == _TWO or (distinct <= _FEW and len(numbers) >= _EACH * distinct)
    return "classification" if is_few and _are_whole(numbers) else "regression"


def _are_whole(numbers: pl.Series) -> bool:
    return bool(
        (numbers.is_finite() & (numbers == numbers.floor()) & (numbers.abs() < _EXACT)).all()
    )


def _values(of: str, cells: Cells) -> npt.NDArray[np.float64]:
    wrong = cells.unparsed()
    if len(wrong) or cells.family == "category":
        value = wrong[0] if len(wrong) else cells.texts()[0]
        raise InputError(
            f"{of} has the text {show(value)}, but a regression needs numbers; correct it, or"
            ' dataset.task = "classification"'
        )
    values = cells.floats()
    if not (usable := may_be_targets(values)).all():
        row = int(np.argmin(usable))
        raise InputError(f"{of} has the value {values[row]}; correct it, or leave that row out")
    if np.abs(values).max() >= _EXACT:
        whole = cells.values.cast(pl.Int128, strict=False)
        check_kept(of, whole.drop_nulls().n_unique(), values[whole.is_not_null().to_numpy()])
    return values


def _classes(
    of: str, present: Mapping[PartName, Cells]
) -> tuple[tuple[str, ...], dict[PartName, Targets]]:
    """Class names, and each part's labels."""
    texts = {part: _names(cells) for part, cells in present.items()}
    classes = sorted(map(str, texts["train"].unique().to_list()))
    if len(classes) < 2:
        raise InputError(f"{of} is {show(classes[0])} everywhere; there is nothing to learn")
    if len(classes) > _MOST_CLASSES:
        raise InputError(
            f"{of} has {len(classes):,} classes, more than {_MOST_CLASSES:,}: is it an identifier?"
            ' Name another target; or dataset.task = "regression" where it is numbers'
        )
    if all(cells.family != "category" for cells in present.values()):
        classes = _by_number(classes)
    labels = pl.Series(range(len(classes)), dtype=pl.Int64)
    y: dict[PartName, Targets] = {}
    for part, names in texts.items():
        new = names.filter(~names.is_in(classes))
        if len(new):
            raise InputError(
                f"{of} has the class {show(new[0])} in the {part} part, which the training part"
                " lacks; add training rows of it, or remove it"
            )
        known = pl.Series(classes, dtype=pl.String)
        y[part] = names.replace_strict(known, labels, return_dtype=pl.Int64).to_numpy()
    return tuple(classes), y


def _names(cells: Cells) -> pl.Series:
    """The class of each row as text; whole numbers as "1", however they are written."""
    numbers = cells.numbers()
    if numbers.null_count() or not _are_whole(numbers):
        return cells.texts()
    return numbers.cast(pl.Int64).cast(pl.String)


def _by_number(classes: list[str]) -> list[str]:
    """Sorted by number where all are numbers; else as they are."""
    numbers = pl.Series(classes, dtype=pl.String).cast(pl.Float64, strict=False)
    if numbers.null_count():
        return classes
    return [classes[place] for place in numbers.arg_sort().to_list()]
