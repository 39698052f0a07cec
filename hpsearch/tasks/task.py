"""A task: what networks are trained for, by which metrics they are judged, and what is recorded."""

from collections.abc import Mapping
from dataclasses import dataclass

from hpsearch.tasks.metric import Metric


@dataclass(frozen=True, kw_only=True)
class Task:
    """One kind of supervised learning; ``hpsearch.training.tasks`` has its loss and scores."""

    name: str
    metrics: Mapping[str, Metric]
    """By the name that a study file has."""
    curves: tuple[str, ...]
    """The values of an epoch, in the order in which they are told."""
    added: tuple[str, ...]
    """Those of them that checkpoints of earlier versions may lack."""
    panels: Mapping[str, tuple[str, ...]]
    """Which of them are drawn together, by the axis' label."""
    usual: str
    """The metric where none is named."""
    gap: str
    """The value whose difference between training and validation examples is told."""

    @property
    def gap_label(self) -> str:
        """That value in words: "accuracy"."""
        return self.metrics[f"val_{self.gap}"].short
