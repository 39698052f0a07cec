"""Evaluating a finished model on test examples, whatever its task."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hpsearch.tasks import evaluation, regression_evaluation
from hpsearch.tasks.evaluation import Evaluation
from hpsearch.tasks.regression import REGRESSION
from hpsearch.tasks.regression_evaluation import RegressionEvaluation
from hpsearch.tasks.task import Task

AnyEvaluation: TypeAlias = Evaluation | RegressionEvaluation
"""Of whatever task; ``task`` says of which, and its scores are fields."""


def evaluate(
    task: Task,
    y_true: npt.NDArray[Any],
    outputs: npt.NDArray[np.float32],
    class_names: Sequence[str],
) -> AnyEvaluation:
    """Compare a network's outputs with what is true, as its task has it.

    Args:
        task: what the network is for.
        y_true: labels or targets, shape (n,), n at least 1.
        outputs: of the network, shape (n, outputs); of a regression in the target's own unit.
        class_names: by label; of a regression none.
    """
    if task is REGRESSION:
        return regression_evaluation.evaluate(y_true, outputs)
    return evaluation.evaluate(y_true, outputs, class_names)
