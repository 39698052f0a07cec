"""Summary of a data set, made while it is imported: counts, ranges, copies that should not be."""

import hashlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from hpsearch.data import outliers
from hpsearch.data.arrays import (
    Arrays,
    Inputs,
    Labels,
    PartName,
    Progress,
    Targets,
    rows_in_order,
    throttled,
)
from hpsearch.data.precision import Merged, blocks
from hpsearch.data.tables.look import ColumnLook, TargetLook
from hpsearch.fields import Section

Digests = npt.NDArray[np.void]

_ROWS = 2**16
"""Examples whose digests are compared at a time."""
_NAMED = 20
"""Features of each kind that are named; all are counted."""


class Summary(Section):
    """What ``hpsearch data`` can tell without opening any array, so never those of the test part.

    Copies are examples whose inputs are equal to the last bit.
    """

    counts: dict[PartName, tuple[int, ...]]
    """Examples of each class, in the order of the labels, of each part that there is; of a
    regression one number, all of them."""
    low: float
    """Smallest value of the training inputs."""
    high: float
    """Largest value of the training inputs."""
    constant_features: int
    """Features (values of the flattened example) that never vary in the training split."""
    constant_named: tuple[int, ...]
    """The first of these, by their place in the flattened example, from 0."""
    equal_features: int
    """Features that are a copy of an earlier one in all training examples, constant ones aside."""
    equal_named: tuple[tuple[int, int], ...]
    """The first of these, each with the earlier one."""
    merged_features: int
    """Features that have more distinct values than float32 keeps apart."""
    merged_named: tuple[Merged, ...]
    """The first of these."""
    stretched_features: int = 0
    """Features of vectors that a few values stretch; see :mod:`hpsearch.data.outliers`."""
    stretched_named: tuple[int, ...] = ()
    """The first of these."""
    copies: dict[PartName, int]
    """Training examples that occur earlier in the training split; examples of the other parts that
    occur in the training split."""
    contradictions: int
    """Training examples that have a copy in the training split with another target."""
    columns: tuple[ColumnLook, ...] = ()
    """Of a table: what each input column shows."""
    target: TargetLook | None = None
    """Of a regression: what the target shows."""
    flaws: tuple[str, ...] = ()
    """Of a table: what is suspicious about its columns, one line each."""


def summarize(arrays: Arrays, progress: Progress) -> Summary:
    """The summary of a data set whose test part was set aside.

    Args:
        arrays: all parts, checked.
        progress: told of features looked at.
    """
    # A table's columns are looked at by themselves.
    is_table = bool(arrays.columns)
    constant, equal = ([], []) if is_table else _features(arrays.x_train, progress)
    stretched = [] if is_table else outliers.stretched(arrays.x_train)
    copies, contradictions = _copies(arrays)
    return Summary(
        counts={part: _counts(y, len(arrays.class_names)) for part, _, y in arrays.parts()},
        low=_extreme(np.nanmin, arrays.x_train),
        high=_extreme(np.nanmax, arrays.x_train),
        constant_features=len(constant),
        constant_named=tuple(constant[:_NAMED]),
        equal_features=len(equal),
        equal_named=tuple(equal[:_NAMED]),
        merged_features=len(arrays.merged),
        merged_named=arrays.merged[:_NAMED],
        stretched_features=len(stretched),
        stretched_named=tuple(stretched[:_NAMED]),
        copies=copies,
        contradictions=contradictions,
        **_looks(arrays),
    )


def _copies(arrays: Arrays) -> tuple[dict[PartName, int], int]:
    """The summary's copies and contradictions."""
    known = row_digests(arrays.x_train)
    order = np.argsort(known, kind="stable")
    is_first = np.ones(len(order), bool)
    for start in range(1, len(order), _ROWS):  # in pieces, as digests take much memory
        ordered = known[order[start - 1 : start + _ROWS]]
        is_first[start : start + _ROWS] = ordered[1:] != ordered[:-1]
    copies: dict[PartName, int] = {"train": len(known) - int(is_first.sum())}
    for part, x, _ in arrays.parts():
        if part != "train":
            digests = row_digests(x)
            places = np.searchsorted(known, digests, sorter=order)
            nearest = known[order[np.minimum(places, len(order) - 1)]]
            copies[part] = int((nearest == digests).sum())
    return copies, _contradictions(arrays.y_train, order, is_first)


def _contradictions(y: Targets, order: Labels, is_first: npt.NDArray[np.bool_]) -> int:
    """Examples that have a copy with another target.

    Args:
        y: targets, shape (n,).
        order: puts copies side by side.
        is_first: in that order, whether an example is no copy of the one before.
    """
    is_alone = is_first & np.append(is_first[1:], True)
    y, is_first = y[order[~is_alone]], is_first[~is_alone]
    firsts, own = np.flatnonzero(is_first), np.cumsum(is_first) - 1
    ambiguous = np.zeros(len(firsts), bool)
    ambiguous[own[y != y[firsts][own]]] = True
    return int(ambiguous[own].sum())


def _looks(arrays: Arrays) -> dict[str, Any]:
    """What a table's columns and a regression's target show, by the summary's fields."""
    # polars, which they need, is a tenth of the time that other commands take to start.
    from hpsearch.data.tables import flaws, looks  # noqa: PLC0415

    x, columns, name = arrays.x_train, arrays.columns, arrays.target or "target"
    found: dict[str, Any] = {}
    y: Labels | npt.NDArray[np.float64]
    if arrays.task == "regression":
        y = arrays.y_train.astype(np.float64)
        found["target"] = looks.target_look(name, y)
    else:
        y = arrays.y_train.astype(np.int64)
    if columns:
        stored = x.astype(np.float32, copy=False)
        found["columns"] = looks.column_looks(stored, columns)
        found["flaws"] = tuple(flaws.flaws(stored, y, columns, name, arrays.hints))
    return found


def row_digests(x: Inputs, rows: Labels | None = None) -> Digests:
    """16 bytes for each example, shape (n,): equal where the inputs are equal.

    Args:
        x: inputs, shape (examples, ...), which are looked at one by one.
        rows: which of them; None: all.
    """
    size = len(x) if rows is None else len(rows)
    blocks = rows_in_order(x) if rows is None else ([x[row]] for row in rows)
    examples = (np.ascontiguousarray(example) for block in blocks for example in block)
    each = (hashlib.blake2b(example.data, digest_size=16).digest() for example in examples)
    return np.fromiter(each, "V16", size)


def _counts(y: Targets, classes: int) -> tuple[int, ...]:
    """Examples of each class; where there are none all of them."""
    if not classes:
        return (len(y),)
    return tuple(int(count) for count in np.bincount(y.astype(np.int64), minlength=classes))


def _extreme(of: Callable[[Inputs], np.generic], x: Inputs) -> float:
    """The least or greatest value that is there; 0 where all are missing."""
    return 0.0 if x.dtype.kind == "f" and np.isnan(x).all() else float(of(x))


def _features(x: Inputs, progress: Progress) -> tuple[list[int], list[tuple[int, int]]]:
    """Features that never vary, and those that copy an earlier one, each with that one."""
    progress = throttled(progress)
    constant: list[int] = []
    equal: list[tuple[int, int]] = []
    seen: dict[bytes, int] = {}
    total = math.prod(x.shape[1:])
    for start, block in blocks(x):
        for feature, column in enumerate(block, start):
            if (column == column[0]).all() or (column != column).all():  # noqa: PLR0124  # NaN
                constant.append(feature)
            else:
                digest = hashlib.blake2b(column.data, digest_size=16).digest()
                first = seen.setdefault(digest, feature)
                if first != feature:
                    equal.append((feature, first))
            progress("looking at the features", feature + 1, total)
    return constant, equal
