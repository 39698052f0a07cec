"""Splits: which examples are held out, and the folds of a cross-validation.

By class in proportion, by whole groups, or in order of time; of a regression at random. Of a class
that is too rare for both sides the examples are trained on.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from hpsearch.data.arrays import Targets
from hpsearch.data.stratify import Rows, check_complete, draw, sizes_of

_NOT_VALIDATED = -1
"""The fold of a row that all folds train on."""

Keys = npt.NDArray[np.generic]
"""Of each example, shape (n,): its group or its time."""


def held_out(
    rows: Rows,
    y: Targets,
    share: float,
    seed: int,
    class_names: Sequence[str],
    *,
    group: Keys | None = None,
    time: Keys | None = None,
    draws_left: bool = False,
) -> tuple[Rows, Rows]:
    """The rows that are left, and about a share of them that is held out, both ascending.

    Args:
        rows: indices into ``y``, each at most once.
        y: labels, or numbers of a regression.
        share: between 0 and 1, of the rows.
        seed: the same seed holds the same rows out.
        class_names: by label; none: a regression. All are among the rows that are left, where rows
            have them; of those held out a rare class may be missing.
        group: examples of one group stay on one side.
        time: the newest are held out; those of one moment stay on one side.
        draws_left: of classes, whether the rows that are left are those that the seed draws.

    Raises:
        ValueError: why it cannot be done, or which class would be missing.
    """
    count = max(1, round(share * len(rows)))
    if time is not None:
        left, out = _newest(rows, time, count)
    elif group is not None:
        left, out = _whole_groups(rows, group, count, seed)
    elif class_names:
        drawn = len(rows) - count if draws_left else count
        out, left = _by_class(rows, y, drawn, seed, class_names)
        out, left = (left, out) if draws_left else (out, left)
        lacking = ~np.isin(y[out], y[left])
        left, out = np.sort(np.concatenate([left, out[lacking]])), out[~lacking]
    else:
        left, out = _any(rows, count, seed)
    _check(left, out, y, class_names)
    return left, out


def thinned(rows: Rows, y: Targets, count: int, seed: int, class_names: Sequence[str]) -> Rows:
    """``count`` of the rows, each class in proportion, but one of each at least; of a regression
    any.

    Raises:
        ValueError: there are more classes, or one that none of the rows is of.
    """
    if not class_names:
        return _any(rows, count, seed)[1]
    if count < len(class_names):
        raise ValueError(f"they are of {len(class_names)} classes")
    check_complete(rows, y, class_names)
    return _completed(*draw(rows, y, count, seed, class_names), y, class_names)


def _completed(taken: Rows, left: Rows, y: Targets, class_names: Sequence[str]) -> Rows:
    """Rows that were taken, with one of each class that they lack in place of a frequent one's."""
    for label in np.flatnonzero(sizes_of(taken, y, class_names) == 0):
        most = int(np.argmax(sizes_of(taken, y, class_names)))
        gone = taken[y[taken] == most][-1]
        taken = np.sort(np.append(taken[taken != gone], left[y[left] == label][0]))
    return taken


def folds(
    rows: Rows,
    y: Targets,
    number: int,
    seed: int,
    class_names: Sequence[str],
    *,
    group: Keys | None = None,
    time: Keys | None = None,
) -> Iterator[tuple[Rows, Rows]]:
    """The training and validation rows of each fold, ascending.

    Every row is validated on once, but for the only one of its class, which all folds train on;
    and in order of time each fold trains on all that is older than what it validates on, and the
    oldest are trained on alone.

    Args:
        rows: indices into ``y``, each at most once.
        y: labels, or numbers of a regression.
        number: of folds, from 2.
        seed: the same seed makes the same folds.
        class_names: by label; none: a regression.
        group: examples of one group are in one fold.
        time: folds are in its order.

    Raises:
        ValueError: too few examples, or groups, or which class a fold would lack.
    """
    if time is not None:
        pairs = _forward(rows, time, number)
    else:
        if group is not None:
            places = _places_of_groups(group[rows], number, seed)
        else:
            places = _places(y[rows] if class_names else None, len(rows), number, seed)
        pairs = [(rows[places != fold], rows[places == fold]) for fold in range(number)]
    for train, validation in pairs:
        _check(train, validation, y, class_names)
        yield train, validation


def _check(left: Rows, out: Rows, y: Targets, class_names: Sequence[str]) -> None:
    """Both sides have examples, and the one that is trained on has every class."""
    if not len(left) or not len(out):
        raise ValueError("one side would be empty")
    if class_names:
        check_complete(left, y, class_names)


def _by_class(
    rows: Rows, y: Targets, count: int, seed: int, class_names: Sequence[str]
) -> tuple[Rows, Rows]:
    """``count`` of the rows, each class in proportion, and the rows left over."""
    sizes = sizes_of(rows, y, class_names)
    _refuse_identifiers(sizes)
    smaller, common = min(count, len(rows) - count), int((sizes > 1).sum())
    if smaller < common:
        raise ValueError(f"{smaller} of {len(rows)} examples cannot contain all {common} classes")
    return draw(rows, y, count, seed, class_names)


def _refuse_identifiers(sizes: npt.NDArray[np.int64]) -> None:
    """Refuse classes of which most have one example.

    Args:
        sizes: examples of each class.
    """
    alone = int((sizes == 1).sum())
    if alone > len(sizes) / 2:
        raise ValueError(
            f"{alone:,} of {len(sizes):,} classes have one example only (is the target an"
            ' identifier, a date, free text, or a number, dataset.task = "regression"?)'
        )


def _any(rows: Rows, count: int, seed: int) -> tuple[Rows, Rows]:
    """The rows left over, and ``count`` of them, at random."""
    order = np.random.RandomState(seed).permutation(rows)
    return np.sort(order[count:]), np.sort(order[:count])


def _newest(rows: Rows, time: Keys, count: int) -> tuple[Rows, Rows]:
    """The older rows, and about ``count`` of the newest."""
    moments, sizes = np.unique(time[rows], return_counts=True)
    if len(moments) < 2:
        raise ValueError("all examples have the same time")
    newer = np.cumsum(sizes[::-1])[:-1]  # examples from each moment on, but not from the first
    first = moments[::-1][int(np.argmin(np.abs(newer - count)))]
    is_out = time[rows] >= first
    return rows[~is_out], rows[is_out]


def _whole_groups(rows: Rows, group: Keys, count: int, seed: int) -> tuple[Rows, Rows]:
    """The rows of some groups, and of others about ``count`` rows."""
    names, own, sizes = np.unique(group[rows], return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise ValueError("all examples are of one group")
    order = np.random.RandomState(seed).permutation(len(names))
    taken = np.cumsum(sizes[order])[:-1]
    some = order[: int(np.argmin(np.abs(taken - count))) + 1]
    is_out = np.isin(own, some)
    return rows[~is_out], rows[is_out]


def _places(labels: Targets | None, size: int, number: int, seed: int) -> Rows:
    """The fold of each row: each class is dealt out in turn, in an order of its own."""
    random = np.random.RandomState(seed)
    order = random.permutation(size)
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
    places = np.empty(size, np.int64)
    places[order] = np.arange(size) % number
    if labels is not None:
        _, own, sizes = np.unique(labels, return_inverse=True, return_counts=True)
        _refuse_identifiers(sizes)
        places[sizes[own] == 1] = _NOT_VALIDATED
    return places


def _places_of_groups(group: Keys, number: int, seed: int) -> Rows:
    """The fold of each row: each group, roughly the largest first, goes to the fold with fewest.

    Roughly, so that another seed makes other folds of groups of different sizes, too.
    """
    names, own, sizes = np.unique(group, return_inverse=True, return_counts=True)
    if len(names) < number:
        raise ValueError(f"{len(names)} groups cannot make {number} folds")
    random = np.random.RandomState(seed)
    order = np.argsort(-sizes * random.uniform(0.5, 1.5, len(names)), kind="stable")
    filled, of_group = np.zeros(number, np.int64), np.empty(len(names), np.int64)
    for one in order:
        of_group[one] = fold = int(np.argmin(filled))
        filled[fold] += sizes[one]
    return np.asarray(of_group[own])


def _forward(rows: Rows, time: Keys, number: int) -> list[tuple[Rows, Rows]]:
    """Folds in order of time, each validated on a block that is newer than what it trains on."""
    moments, own, sizes = np.unique(time[rows], return_inverse=True, return_counts=True)
    if len(moments) <= number:
        raise ValueError(f"{len(moments)} different times cannot make {number} folds")
    # A moment is in the block in which the middle of its examples is.
    middle = np.cumsum(sizes) - sizes / 2
    block = np.minimum(middle * (number + 1) // len(rows), number)[own]
    return [(rows[block < fold], rows[block == fold]) for fold in range(1, number + 1)]
