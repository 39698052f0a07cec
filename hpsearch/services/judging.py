"""Judging kept weights on the test split; checking before that they are what they are taken for."""

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hpsearch.data.dataset import Dataset, open_test, record_result
from hpsearch.data.drawing import Splits
from hpsearch.data.parts import Parts
from hpsearch.data.record import Access
from hpsearch.errors import DamagedWeightsError, InputError
from hpsearch.figures.confusion import write_confusion
from hpsearch.figures.residuals import write_residuals
from hpsearch.figures.thresholds import write_thresholds
from hpsearch.files import write_text
from hpsearch.home import CONFUSION, RESIDUALS, TEST_RESULT, THRESHOLDS
from hpsearch.recipe import Recipe
from hpsearch.tasks.evaluating import AnyEvaluation, evaluate
from hpsearch.tasks.regression_evaluation import RegressionEvaluation
from hpsearch.text import decimal

Values: TypeAlias = npt.NDArray[np.generic]

APART = 0.005
"""By how much a metric of 0 to 1 may differ for the same weights between devices and precisions; a
loss by as much, or by one in a hundred."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A trained network whose weights are kept."""

    recipe: Recipe
    weights: Path
    value: float | None = None
    """The trial's, by which the results are known to be of it; None: it is of no trial."""


def judge(
    dataset: Dataset,
    access: Access,
    models: Sequence[Kept],
    remember: Callable[[Access, Mapping[str, Any] | None], None] = lambda *_: None,
    compare: Callable[[Values, Values], Mapping[str, Any]] = lambda *_: {},
) -> list[AnyEvaluation]:
    """Access the test split, judge models on it, and record both.

    The results of each are put beside its weights, too: ``test.json``, and of a classifier
    ``confusion.html`` and ``thresholds.html``, of a regression ``residuals.html``.

    Args:
        dataset: whose test split it is.
        access: why it is opened.
        models: what is judged, one at least, all of one task.
        remember: where the access, and afterwards its results, are noted as well.
        compare: told inputs and targets of the test split; gives what is recorded beside.
    """
    test, splits = open_test(dataset, access), Splits(dataset)
    remember(access, None)
    results = [_judge(one, splits(one.recipe.dataset), *test) for one in models]
    kept = results[0].task.recorded
    told = {key: [getattr(one, key) for one in results] for key in kept} | {**compare(*test)}
    record_result(dataset, access, told)
    remember(access, told)
    return results


def _judge(
    model: Kept, parts: Parts, x: npt.NDArray[np.generic], y: npt.NDArray[np.generic]
) -> AnyEvaluation:
    """Judge kept weights on test examples, and write the results beside them."""
    from hpsearch.training.train import logits  # noqa: PLC0415  # imports TensorFlow

    outputs = logits(model.recipe, parts, model.weights, x)
    result = evaluate(model.recipe.task, y, outputs, parts.class_names)
    told = dataclasses.asdict(result) | {"seed": model.recipe.seed, "value": model.value}
    folder = model.weights.parent
    write_text(folder / TEST_RESULT, json.dumps(told, indent=2) + "\n")
    if isinstance(result, RegressionEvaluation):
        write_residuals(folder / RESIDUALS, told["residuals"])
        return result
    write_confusion(
        folder / CONFUSION,
        result.confusion,
        parts.class_names,
        f"Test accuracy {result.accuracy:.2%}, macro F1 {result.f1_macro:.4f}",
    )
    write_thresholds(folder / THRESHOLDS, told["thresholds"])
    return result


def check_kept(recipe: Recipe, parts: Parts, weights: Path, value: float | None) -> None:
    """Check, before the test split is opened, that kept weights are those of a training.

    Args:
        recipe: what was trained.
        parts: its data.
        weights: the file of its weights.
        value: what they achieved on the validation part, to be reached again; None: it is not
            known, and they must only fit the network.

    Raises:
        InputError: the file is damaged, or of another training.
    """
    from hpsearch.training.train import validated  # noqa: PLC0415  # imports TensorFlow

    with loading(weights):
        now = validated(recipe, parts, weights).get(recipe.objective.metric)
    if value is not None and now is not None:  # a metric of the user's own is the model's to tell
        check_value(recipe, parts, weights, value, now)


@contextmanager
def loading(weights: Path) -> Iterator[None]:
    """What is wrong with weights that are loaded in the block becomes one message.

    Raises:
        DamagedWeightsError: the file is damaged, or of another network.
    """
    try:
        yield
    except (OSError, ValueError, KeyError) as error:
        raise DamagedWeightsError(weights, error) from None


def check_value(recipe: Recipe, parts: Parts, weights: Path, value: float, now: float) -> None:
    """Check that kept weights reach what their training gave; see :func:`check_kept`.

    Args:
        recipe: what was trained.
        parts: its data.
        weights: the file of its weights.
        value: what its training gave.
        now: what they give on the validation part.

    Raises:
        InputError: it is another value.
    """
    metric = recipe.objective.measure
    apart = APART if metric.bounds[1] == 1 else max(APART, abs(value) / 100)
    if metric.in_unit and parts.target is not None:
        # Of what predicting the mean comes to, about; the target may be of any size.
        apart = max(abs(value), parts.answers.deviation if parts.answers else 0.0) / 100
    if not abs(value - now) <= apart:  # NaN is not near either
        raise InputError(
            f"{weights}: gives {metric.name} {decimal(now)}, but its training gave"
            f" {decimal(value)}, so these weights belong to another study of this name; train again"
        )
