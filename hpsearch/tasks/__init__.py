"""Tasks: what a network is for and by what it is judged, one file each; without Keras."""

from hpsearch.tasks.classification import CLASSIFICATION
from hpsearch.tasks.metric import Metric
from hpsearch.tasks.regression import REGRESSION
from hpsearch.tasks.task import Task

TASKS: dict[str, Task] = {task.name: task for task in (CLASSIFICATION, REGRESSION)}
"""By their names."""

METRICS: dict[str, Metric] = {
    name: metric for task in TASKS.values() for name, metric in task.metrics.items()
}
"""Those of all tasks, by the name that a study file has; ``val_loss`` is one of each."""
