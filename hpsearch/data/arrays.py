"""What every source of data gives: arrays that were read once, and the checks they all pass."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from hpsearch.data.precision import Merged, merged
from hpsearch.data.tables.column import Column
from hpsearch.errors import InputError
from hpsearch.text import show

Inputs = npt.NDArray[np.generic]
Labels = npt.NDArray[np.int64]
Targets = npt.NDArray[np.generic]
"""Labels of a classification, or float64 numbers to be predicted: shape (n,)."""
_FEW_LOST = 0.01
"""Share of different targets that float64 may merge."""
TaskName = Literal["classification", "regression"]
Beside = Literal["group", "time", "weight"]
PartName = Literal["train", "val", "test"]

_BYTES = 2**22
"""Of the examples that are looked at at a time."""

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


def silent(what: str, done: int, total: int) -> None:
    """A Progress that shows nothing."""


def throttled(progress: Progress, seconds: float = 0.25) -> Progress:
    """A Progress that passes on one call in ``seconds``, and always the last (done = total)."""
    last = -float("inf")

    def pass_on(what: str, done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done >= total or now - last >= seconds:
            last = now
            progress(what, done, total)

    return pass_on


@dataclass(frozen=True, kw_only=True)
class Arrays:
    """A whole data set as its source gives it. Each x belongs to a y of the same length."""

    x_train: Inputs
    """Inputs, shape (n, *input_shape), whole numbers or floats."""
    y_train: Targets
    """Labels 0 ... classes - 1, int64, or, of a regression, numbers, float64; shape (n,)."""
    x_val: Inputs | None = None
    y_val: Targets | None = None
    x_test: Inputs | None = None
    y_test: Targets | None = None
    class_names: tuple[str, ...]
    """One name for each label, in the order of the labels; none: a regression."""
    maximum: float | None
    """Largest value that whole-number inputs can have (they start at 0); None: not declared."""
    skipped: tuple[str, ...] = ()
    """Files that were passed over as unreadable: the path of each, and why."""
    turned: int = 0
    """Images that an orientation tag has turned upright."""
    notes: tuple[str, ...] = ()
    """How the source was understood, where its names are others than ours; one line each."""
    hints: tuple[str, ...] = ()
    """Of a table: what its texts may be meant as; see :mod:`hpsearch.data.tables.hints`."""
    merged: tuple[Merged, ...] = ()
    """Features of the training inputs of which float32 merges values; set by :func:`check`."""
    columns: tuple[Column, ...] = ()
    """Of a table: what its input columns are, in the order in which they are stored."""
    target: str | None = None
    """Of a table: the name of the column that y comes from."""
    decimal: str | None = None
    """Of a table: what stands before the fraction of a number that is a text."""
    beside: Mapping[str, npt.NDArray[np.generic]] = field(default_factory=dict)
    """Of a table, by part: "group_train" (int64, the same numbers in all parts), "time_train"
    (float64, seconds since 2000-01-01 or a number), "weight_train" (float32), each of shape (n,)
    where there is such a column; likewise _val and _test."""

    @property
    def task(self) -> TaskName:
        """What the targets are for."""
        return "classification" if self.class_names else "regression"

    def parts(self) -> Iterator[tuple[PartName, Inputs, Targets]]:
        """The parts that there are: ("train", x, y), then "val" and "test"."""
        for part in get_args(PartName):
            x, y = getattr(self, f"x_{part}"), getattr(self, f"y_{part}")
            if x is not None and y is not None:
                yield part, x, y

    def named(self) -> Iterator[tuple[str, npt.NDArray[np.generic]]]:
        """All arrays with the names that they are stored by: ("x_train", x), ("y_train", y) ..."""
        for part, x, y in self.parts():
            yield f"x_{part}", x
            yield f"y_{part}", y
        yield from self.beside.items()


def rows_in_order(x: Inputs) -> Iterator[Inputs]:
    """The examples of an array in blocks whose values lie in memory in the order of the rows.

    Args:
        x: shape (n, ...), whose columns may lie one behind the other.
    """
    step = max(1, _BYTES // max(1, x[:1].nbytes))
    for start in range(0, len(x), step):
        yield np.ascontiguousarray(x[start : start + step])


def check(arrays: Arrays, where: str) -> Arrays:
    """Check what all sources must keep to, and give inputs the type in which they are stored.

    Whole numbers and float16/float32 stay as they are (in the machine's byte order); longer
    floats become float32, booleans uint8 with the declared maximum 1.

    Of a table values may be missing (NaN).

    Args:
        arrays: what a source has read.
        where: the file or folder it was read from, for messages.

    Raises:
        InputError: shapes or types that do not fit together, no examples, NaN or infinity,
            fewer than two classes, a class without a training example, a constant target.
    """
    stored: dict[str, Inputs] = {}
    for part, x, y in arrays.parts():
        name = f"{where}: x_{part}"
        _check_shape(name, x, y, arrays.x_train)
        if x.dtype != arrays.x_train.dtype:
            raise InputError(
                f"{name} holds {x.dtype}, but x_train {arrays.x_train.dtype};"
                " save both with the same type and scale"
            )
        stored[f"x_{part}"] = x if arrays.columns else _stored(name, x)
        if arrays.task == "regression":
            stored[f"y_{part}"] = _numbers(f"{where}: y_{part}", y)
        else:
            _check_labels(f"{where}: y_{part}", y, len(arrays.class_names))
    if arrays.task == "regression":
        _check_varies(where, arrays)
    else:
        _check_classes(where, arrays)
    boolean = arrays.x_train.dtype.kind == "b"
    # Before long floats are cut to float32; of a table they are by now.
    told = () if arrays.columns else tuple(merged(arrays.x_train))
    maximum = 1.0 if boolean else arrays.maximum
    return replace(arrays, maximum=maximum, merged=told, **stored)  # type: ignore[arg-type] # mypy cannot see which fields the names in stored mean


def _check_shape(name: str, x: Inputs, y: Targets, first: Inputs) -> None:
    if x.ndim < 2 or 0 in x.shape[1:]:
        raise InputError(
            f"{name} has shape {x.shape}; write one example per row: (examples, features) or"
            " (examples, height, width, channels)"
        )
    if len(x) == 0:
        raise InputError(f"{name} has no examples; add some, or leave this part out")
    if y.shape != (len(x),):
        raise InputError(
            f"{name} has {len(x)} examples, but its labels have shape {y.shape};"
            " give one label for each example"
        )
    if x.shape[1:] != first.shape[1:]:
        raise InputError(
            f"{name} has examples of shape {x.shape[1:]}, but x_train of {first.shape[1:]}; give"
            " all examples the same shape"
        )


def _stored(name: str, x: Inputs) -> Inputs:
    """The inputs in the type in which they are stored."""
    if x.dtype.kind == "b":
        return x.astype(np.uint8)
    if x.dtype.kind not in "uif":
        raise InputError(
            f"{name} holds {x.dtype}, not numbers; save it as an array of numbers,"
            ' for instance with .astype("float32")'
        )
    x = x.astype(x.dtype.newbyteorder("="), copy=False)
    if x.dtype.kind != "f":
        return x
    with np.errstate(over="ignore"):  # what float32 cannot hold is found below as infinite
        x = x if x.dtype.itemsize <= 4 else x.astype(np.float32)
    finite = np.isfinite(x).reshape(len(x), -1).all(axis=1)
    if not finite.all():
        raise InputError(
            f"{name}: row {int(np.argmin(finite))} (from 0) has NaN, infinity or a value beyond"
            " float32; fix or remove such rows"
        )
    return x


def _numbers(name: str, y: Targets) -> npt.NDArray[np.float64]:
    """The targets of a regression as they are stored."""
    if y.dtype.kind not in "uif":
        raise InputError(f"{name} holds {y.dtype}; the targets of a regression are numbers")
    numbers = y.astype(np.float64)
    usable = may_be_targets(numbers)
    if not usable.all():
        raise InputError(
            f"{name}: row {int(np.argmin(usable))} (from 0) has NaN, infinity or a value beyond"
            " float32; fix or remove such rows"
        )
    if y.dtype.kind != "f":
        check_kept(name, len(np.unique(y)), numbers)
    return numbers


def may_be_targets(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which targets of a regression have squares that can be added up, shape (n,).

    Args:
        numbers: the targets, shape (n,).
    """
    return np.asarray(np.abs(numbers) <= np.finfo(np.float32).max)


def check_kept(name: str, distinct: int, numbers: npt.NDArray[np.float64]) -> None:
    """Check that the targets of a regression are still different as float64.

    Args:
        name: what they are, for messages.
        distinct: how many different ones there are.
        numbers: all of them, shape (n,).

    Raises:
        InputError: more than 1 % of the different ones are not, as whole numbers beyond 2**53.
    """
    kept = len(np.unique(numbers))
    if kept < (1 - _FEW_LOST) * distinct:
        raise InputError(
            f"{name}: of {distinct:,} different values about {numbers[0]:g} float64 keeps {kept:,};"
            ' subtract an offset, or dataset.task = "classification"'
        )


def _check_varies(where: str, arrays: Arrays) -> None:
    """The training targets of a regression are not all the same."""
    if (arrays.y_train == arrays.y_train[0]).all():
        raise InputError(
            f"{where}: the target is {arrays.y_train[0]:g} in all training examples; there is"
            " nothing to predict"
        )


def _check_labels(name: str, y: Targets, classes: int) -> None:
    if y.dtype.kind not in "ui":
        raise InputError(f"{name} holds {y.dtype}; give whole numbers from 0")
    if y.min() < 0 or y.max() >= classes:
        raise InputError(
            f"{name} has labels from {y.min()} to {y.max()}, but there are {classes} classes;"
            f" labels go from 0 to {classes - 1}"
        )


def _check_classes(where: str, arrays: Arrays) -> None:
    names = arrays.class_names
    if len(names) < 2:
        raise InputError(
            f"{where} has {len(names)} class; there must be at least two to tell apart"
        )
    often, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise InputError(f"{where}: two classes are called {show(often)}; rename one")
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise InputError(
                f"{where}: the class name {name!a} is not a text that can be written; rename it"
            ) from None
    counts = np.bincount(arrays.y_train, minlength=len(names))
    if not counts.all():
        raise InputError(
            f"{where}: class {show(names[int(np.argmin(counts))])} has no training example;"
            " add some, or remove the class"
        )
