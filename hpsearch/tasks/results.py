"""Results of a classifier on the test split, as plain values for a reader."""

from collections.abc import Mapping
from typing import Any

from hpsearch.tasks.classification import ACCURACY, AUC, BALANCED_ACCURACY, F1_MACRO, LOSS
from hpsearch.tasks.metric import Metric

Ends = tuple[float, float]
"""Of a 95 % interval, by the number of examples: the lower and the upper one."""

OTHERS: dict[str, tuple[Metric, str]] = {
    "f1_macro": (F1_MACRO, "bootstrap"),
    "balanced_accuracy": (BALANCED_ACCURACY, "bootstrap"),
    "auc": (AUC, "DeLong"),
    "log_loss": (LOSS, "standard error"),
}
"""Metrics of ``hpsearch.tasks.evaluation.Evaluation`` beside the accuracy, by the name of its
field, and how the interval of each is found."""


def with_intervals(result: Mapping[str, Any]) -> list[tuple[str, float, Ends | None, str]]:
    """The metrics of an evaluation for a reader: name, value, interval, and how that is found.

    Args:
        result: ``dataclasses.asdict`` of an ``Evaluation``; of one of an earlier version there is
            the accuracy alone.
    """
    ends = (result["accuracy_low"], result["accuracy_high"])
    found: list[tuple[str, float, Ends | None, str]] = [
        (ACCURACY.short, result["accuracy"], ends, "Wilson")
    ]
    for name, (metric, how) in OTHERS.items():
        if f"{name}_interval" in result and result[name] is not None:
            found.append((metric.short, result[name], result[f"{name}_interval"], how))
    return found
