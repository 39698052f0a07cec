"""Training and scoring of the reference models: arrays in, what they reach out."""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from hpsearch.data.tables.column import Column
from hpsearch.reference.inputs import Features, Values, features
from hpsearch.reference.models import MODEL, linear, trees
from hpsearch.reference.reference import Name, Reference
from hpsearch.reference.scores import of_classes, of_numbers, rmse_interval
from hpsearch.tasks.interval import wilson
from hpsearch.tasks.results import Ends
from hpsearch.tasks.task import Task

MOST_CLASSES = 100
"""With more there are no trees, which are a hundred for each class."""

Rows = npt.NDArray[np.int64]

_MAKERS: Mapping[Name, Callable[[str, Sequence[bool]], Pipeline]] = {
    "trees": trees,
    "linear": linear,
}


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Examples of one split."""

    x: Values
    """Stored rows of a table, or vectors or images, shape (n, ...), n at least 1."""
    y: Values
    """Labels 0 ... classes - 1, or the numbers to be predicted; shape (n,)."""
    weights: npt.NDArray[np.floating] | None = None
    """Of training examples, at least 0, shape (n,); None: all count alike."""


@dataclass(frozen=True, kw_only=True)
class _Most:
    """How much a model is given, so that it takes about half a minute at most on two cores."""

    inputs: int
    cells: int
    """Examples times inputs."""


@dataclass(frozen=True, kw_only=True)
class _Data:
    """What all models are trained and scored on."""

    task: Task
    classes: int
    train: Examples
    inputs: Features
    """Of the training examples."""
    held: Sequence[tuple[Features, Values]]
    """Of validation and test: inputs and what is to be predicted."""


def measure(
    task: Task,
    train: Examples,
    validation: Examples,
    *,
    test: Examples | None = None,
    columns: Sequence[Column] | None = None,
    classes: int = 0,
) -> tuple[Reference, ...]:
    """Train the reference models, and score them by the metrics of networks.

    All that is fitted is fitted on the training examples alone; the same examples give the same
    values. Of very many inputs or examples a part is taken: inputs evenly spaced, examples drawn
    by a fixed seed. A class that has one training example is left out of training.

    Args:
        task: one of :mod:`hpsearch.tasks`.
        train: what is trained on.
        validation: what ``values`` are of.
        test: what ``test`` is of.
        columns: of the table that ``x`` are stored rows of; None: ``x`` are vectors or images.
        classes: of a classification, how many there are; 0: numbers are predicted.

    Returns:
        trees first. Of more than :data:`MOST_CLASSES` classes there is the linear model alone;
        where fewer than two classes have two training examples there is none.
    """
    data = _Data(
        task=task,
        classes=classes,
        train=train,
        inputs=features(train.x, columns),
        held=[(features(one.x, columns), one.y) for one in (validation, test) if one is not None],
    )
    names = [name for name in _MAKERS if name == "linear" or classes <= MOST_CLASSES]
    found = [_measured(name, data) for name in names]
    return tuple(one for one in found if one is not None)


def _measured(name: Name, data: _Data) -> Reference | None:
    """What one model reaches; None where its training examples have nothing to be told apart."""
    most = _most(name, data.classes)
    inputs, train = data.inputs.thinned(most.inputs), data.train
    rows = _drawn(len(train.y), most.cells // inputs.width)
    if data.classes:
        rows = _of_two(train.y, rows)
    if not len(rows):
        return None
    began = time.perf_counter()
    model = _MAKERS[name](data.task.name, inputs.is_category)
    weights = None if train.weights is None else train.weights[rows]
    with warnings.catch_warnings():
        # A hundred steps are what the defaults come to, converged or not.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(inputs.values[rows], train.y[rows], **{f"{MODEL}__sample_weight": weights})
    (values, _), *rest = (
        _scores(model, seen.thinned(most.inputs), y, data.classes) for seen, y in data.held
    )
    test, interval = rest[0] if rest else (None, None)
    return Reference(
        name=name,
        values={f"val_{key}": value for key, value in values.items()},
        test=test,
        interval=interval and list(interval),
        examples=len(rows),
        of_examples=len(train.y),
        inputs=inputs.width,
        of_inputs=data.inputs.width,
        seconds=time.perf_counter() - began,
        scikit_learn=version("scikit-learn"),
    )


def _most(name: Name, classes: int) -> _Most:
    """How much a model is given."""
    if name == "linear":
        return _Most(inputs=4_096, cells=20_000_000)
    # Measured on two cores: 6.5 s for 1,000 inputs and one output, and 0.2 s a million cells.
    outputs = max(1, classes)
    return _Most(inputs=4_000 // outputs, cells=40_000_000 // outputs)


def _drawn(count: int, most: int) -> Rows:
    """At most so many rows of 0 ... count - 1, in their order, drawn by a fixed seed."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))


def _of_two(y: Values, rows: Rows) -> Rows:
    """The rows whose class has two of them or more; none where that is one class alone.

    Of many rows the trees set a part aside, stratified, which takes two of a class.
    """
    _, places, counts = np.unique(y[rows], return_inverse=True, return_counts=True)
    enough = counts > 1
    return rows[enough[places]] if enough.sum() > 1 else rows[:0]


def _scores(
    model: Pipeline, seen: Features, y: Values, classes: int
) -> tuple[dict[str, float], Ends | None]:
    """The metrics of a fitted model on some examples, and the headline's 95 % interval."""
    if not classes:
        predicted = model.predict(seen.values)
        return of_numbers(y.astype(np.float64), predicted), rmse_interval(y, predicted)
    probabilities = np.zeros((len(y), classes))
    probabilities[:, model.classes_] = model.predict_proba(seen.values)
    found = of_classes(y.astype(np.int64), probabilities)
    return found, wilson(round(found["accuracy"] * len(y)), len(y))
