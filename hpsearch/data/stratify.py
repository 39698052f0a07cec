"""Stratified draws: some of the examples, each class in proportion, reproducibly by a seed."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hpsearch.data.source import Labels
from hpsearch.fields import show

Rows = npt.NDArray[np.int64]


def draw(
    rows: Rows, y: Labels, count: int, seed: int, class_names: Sequence[str]
) -> tuple[Rows, Rows]:
    """``count`` of the rows, each class in proportion to its examples, and the rows left over.

    Args:
        rows: indices into ``y``, each at most once.
        y: labels 0 ... classes - 1.
        count: how many rows to take, 1 ... len(rows) - 1.
        seed: the same seed takes the same rows.
        class_names: the names of all classes, for messages.

    Returns:
        Rows taken and rows left over, both ascending. Only the former hold every class for sure.

    Raises:
        ValueError: why the draw cannot be made or would miss a class.
    """
    # scikit-learn takes a second to import, which commands that split nothing need not wait for.
    from sklearn.model_selection import train_test_split  # noqa: PLC0415

    left = len(rows) - count
    if count < len(class_names) or left < 1:
        raise ValueError(
            f"{count} of {len(rows)} examples cannot contain all {len(class_names)} classes"
        )
    sizes = np.bincount(y[rows], minlength=len(class_names))
    if sizes.min() < 2:
        name = class_names[int(np.argmin(sizes))]
        raise ValueError(f"class {show(name)} has too few examples ({sizes.min()})")
    if left < len(class_names):  # too few to be in proportion: leave out any
        order = np.random.RandomState(seed).permutation(len(rows))
        taken, rest = rows[order[:count]], rows[order[count:]]
    else:
        taken, rest = train_test_split(
            rows, train_size=count, test_size=left, stratify=y[rows], random_state=seed
        )
    check_complete(taken, y, class_names)
    return np.sort(taken), np.sort(rest)


def check_complete(rows: Rows, y: Labels, class_names: Sequence[str]) -> None:
    """Check that every class is among the rows.

    Raises:
        ValueError: naming a class that is not.
    """
    sizes = np.bincount(y[rows], minlength=len(class_names))
    if not sizes.all():
        name = class_names[int(np.argmin(sizes))]
        raise ValueError(f"class {show(name)} would have no example left")
