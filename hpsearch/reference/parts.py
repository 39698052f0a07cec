"""The reference models on a study's own examples: each fold, and the test split."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hpsearch.data.parts import Part, Parts
from hpsearch.data.tables.column import Column
from hpsearch.errors import InputError
from hpsearch.reference.measure import Examples, measure
from hpsearch.reference.reference import Reference, mean_of
from hpsearch.tasks.task import Task

MOST_BYTES = 2**30
"""Of the stored inputs of training and validation: with more there are no models."""


def check_size(parts: Parts) -> None:
    """Refuse examples that are more than the models are trained on: they are copied for it.

    Raises:
        InputError: they are.
    """
    examples = len(parts.train) + len(parts.validation)
    if examples * parts.train.x[:1].nbytes > MOST_BYTES:
        raise InputError(f"the examples take more than {MOST_BYTES // 2**30} GiB")


def on_validation(task: Task, parts: Parts, columns: Sequence[Column]) -> tuple[Reference, ...]:
    """What the models reach on the validation part; in the mean over the folds, where there are.

    Args:
        task: what is predicted.
        parts: the study's.
        columns: of its table; none: its examples are arrays.

    Returns:
        as :func:`hpsearch.reference.measure.measure`.
    """
    return mean_of([_measured(task, fold, columns) for fold in parts.folds])


def on_test(
    task: Task,
    parts: Parts,
    columns: Sequence[Column],
    x: npt.NDArray[np.generic],
    y: npt.NDArray[np.generic],
) -> tuple[Reference, ...]:
    """What the models reach on test examples, trained on what the networks were trained on.

    That is the training part; of a cross-validation, whose networks answer together, all folds.

    Args:
        task: what is predicted.
        parts: the networks'.
        columns: of the table; none: examples are arrays.
        x: inputs of the test split, as stored, shape (n, ...).
        y: its targets, shape (n,).
    """
    if parts.others:
        rows = np.unique(np.concatenate([fold.train.rows for fold in parts.folds]))
        parts = replace(parts, others=(), train=replace(parts.train, rows=rows))
    return _measured(task, parts, columns, Examples(x=x, y=y))


def _measured(
    task: Task, parts: Parts, columns: Sequence[Column], test: Examples | None = None
) -> tuple[Reference, ...]:
    """What the models reach of one fold."""
    return measure(
        task,
        replace(_examples(parts.train), weights=_weights(parts)),
        _examples(parts.validation),
        test=test,
        columns=columns or None,
        classes=len(parts.class_names),
    )


def _examples(part: Part) -> Examples:
    return Examples(x=part.x[part.rows], y=part.y[part.rows])


def _weights(parts: Parts) -> npt.NDArray[np.float64] | None:
    """What each training example counts in the networks' loss; None: all alike."""
    train = parts.train
    if train.weights is None and parts.class_weights is None:
        return None
    weights = np.ones(len(train))
    if train.weights is not None:
        weights *= train.weights[train.rows].astype(np.float64)
    if parts.class_weights is not None:
        weights *= parts.class_weights[train.y[train.rows]]
    return weights
