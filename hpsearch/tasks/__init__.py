"""Tasks: what a network is for and by what it is judged, one file each; without Keras."""

import math

from hpsearch.tasks.classification import CLASSIFICATION
from hpsearch.tasks.metric import Direction, Metric
from hpsearch.tasks.regression import REGRESSION
from hpsearch.tasks.task import Task

TASKS: dict[str, Task] = {task.name: task for task in (CLASSIFICATION, REGRESSION)}
"""By their names."""

METRICS: dict[str, Metric] = {
    name: metric for task in TASKS.values() for name, metric in task.metrics.items()
}
"""Those of all tasks, by the name that a study file has; ``val_loss`` is one of each."""


def metric_of(name: str, direction: Direction | None = None) -> Metric:
    """The metric of a name; of one that a model of the user's own reports what there is to know.

    Args:
        name: as a study file has it.
        direction: of a metric of the user's own; None: "maximize", for who does not compare.
    """
    if name in METRICS:
        return METRICS[name]
    return Metric(
        name=name,
        label=f"validation {name.removeprefix('val_')}",
        direction=direction or "maximize",
        bounds=(-math.inf, math.inf),
        in_unit=True,
    )
