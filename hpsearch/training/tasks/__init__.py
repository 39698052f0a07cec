"""The tasks in TensorFlow: one file each, with the loss and what is counted of the outputs."""

from collections.abc import Callable

from hpsearch.config import TrialConfig
from hpsearch.data.parts import Parts
from hpsearch.training.tasks.classification import Classification
from hpsearch.training.tasks.regression import Regression
from hpsearch.training.tasks.task import Task

MAKERS: dict[str, Callable[[TrialConfig, Parts], Task]] = {
    "classification": Classification,
    "regression": Regression,
}
"""By the name of the task (``hpsearch.tasks``)."""
