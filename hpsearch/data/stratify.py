"""Stratified draws: some of the examples, each class in proportion, reproducibly by a seed."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hpsearch.data.arrays import Labels, Targets
from hpsearch.text import show

Rows = npt.NDArray[np.int64]


def draw(
    rows: Rows, y: Targets, count: int, seed: int, class_names: Sequence[str]
) -> tuple[Rows, Rows]:
    """``count`` of the rows, each class in proportion to its examples, and the rows left over.

    They are the rows that scikit-learn's ``train_test_split(stratify=...)`` draws, where that can.
    scikit-learn takes a second to import, and may draw others in another version.

    Args:
        rows: indices into ``y``, each at most once.
        y: labels 0 ... classes - 1.
        count: how many rows to take, as many as there are classes at least, len(rows) - 1 at most.
        seed: the same seed takes the same rows.
        class_names: the names of all classes.

    Returns:
        Rows taken and rows left over, both ascending. Either may lack a rare class.
    """
    left = len(rows) - count
    labels, sizes = y[rows].astype(np.int64), sizes_of(rows, y, class_names)
    random = np.random.RandomState(seed)
    if left < len(class_names):  # too few to be in proportion: leave out any
        taken = rows[random.permutation(len(rows))[:count]]
    else:
        counts = _in_proportion(sizes, count, random)
        _in_proportion(sizes - counts, left, random)  # scikit-learn draws these, too
        orders = [random.permutation(size)[:some] for size, some in zip(sizes, counts, strict=True)]
        taken = np.concatenate([rows[labels == label][each] for label, each in enumerate(orders)])
    return np.sort(taken), np.setdiff1d(rows, taken)


def sizes_of(rows: Rows, y: Targets, class_names: Sequence[str]) -> Labels:
    """How many of the rows each class has, in the order of the labels."""
    return np.bincount(y[rows].astype(np.int64), minlength=len(class_names))


def _in_proportion(
    sizes: Labels, count: int, random: np.random.RandomState
) -> npt.NDArray[np.int64]:
    """How many of each class make up the count: as many as its share, ties broken at random."""
    exact: npt.NDArray[np.float64] = sizes / sizes.sum() * count
    counts = np.floor(exact)
    remainders = exact - counts
    missing = int(count - counts.sum())
    for remainder in np.unique(remainders)[::-1]:
        if missing == 0:
            break
        tied = np.flatnonzero(remainders == remainder)
        more = min(len(tied), missing)
        counts[random.choice(tied, size=more, replace=False)] += 1
        missing -= more
    return counts.astype(np.int64)


def check_complete(rows: Rows, y: Targets, class_names: Sequence[str]) -> None:
    """Check that every class is among the rows.

    Raises:
        ValueError: naming a class that is not.
    """
    sizes = sizes_of(rows, y, class_names)
    if not sizes.all():
        name = class_names[int(np.argmin(sizes))]
        raise ValueError(f"class {show(name)} would have no example left")
