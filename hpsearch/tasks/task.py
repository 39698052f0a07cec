"""A task: what networks are trained for, by which metrics they are judged, and what is recorded."""

from collections.abc import Mapping
from dataclasses import dataclass

from hpsearch.tasks.metric import Metric


@dataclass(frozen=True, kw_only=True)
class Score:
    """A metric of a model on the test split."""

    name: str
    """The field of the task's evaluation, and what files call it: "f1_macro"."""
    metric: Metric
    how: str
    """By what its 95 % interval is found."""
    column: str = ""
    """Its head in tables with one line for each seed; empty: it has no column there."""


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
    """The value whose difference between training and validation examples is told;
    a field of the task's evaluation as well."""
    scores: tuple[Score, ...]
    """Of a model on the test split, the headline first."""

    @property
    def headline(self) -> Score:
        """By what a model is known on the test split."""
        return self.scores[0]

    @property
    def columns(self) -> tuple[Score, ...]:
        """What tables with one line for each seed have beside the headline."""
        return tuple(score for score in self.scores if score.column)

    @property
    def recorded(self) -> tuple[str, ...]:
        """The names of what the record of test accesses keeps."""
        return (self.headline.name, *(score.name for score in self.columns))

    @property
    def gap_metric(self) -> Metric:
        """What :attr:`gap` is a value of."""
        return self.metrics[f"val_{self.gap}"]
