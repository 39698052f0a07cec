"""Reference: what models of scikit-learn reach on the examples that networks are judged by."""

from collections.abc import Mapping, Sequence
from typing import Literal

from hpsearch.fields import Section
from hpsearch.tasks.metric import Metric

Name = Literal["trees", "linear"]
TITLES: Mapping[Name, str] = {"trees": "gradient-boosted trees", "linear": "a linear model"}
"""For readers."""
DEFAULTS = " (scikit-learn's defaults)"
"""Behind the first."""


class Reference(Section):
    """What one model reached."""

    name: Name
    values: dict[str, float]
    """On the validation examples, by the metric's name: "val_rmse"."""
    test: dict[str, float] | None
    """The same on the test examples, without ``val_``; None where there were none."""
    examples: int
    """Training examples that it was given."""
    of_examples: int
    """Those that there are."""
    inputs: int
    """Features that it was given; the parts of a date count one each."""
    of_inputs: int
    """Those that there are."""
    seconds: float
    """Of training and predicting."""
    scikit_learn: str
    """Its version."""


def line(found: Sequence[Reference], metric: Metric) -> str:
    """What the models reached, for a reader: "gradient-boosted trees (scikit-learn's defaults):
    RMSE 0.4712; a linear model: 0.7281".

    Args:
        found: of :func:`hpsearch.reference.measure.measure`.
        metric: one of those of validation examples.

    Returns:
        one line; empty where no model has the metric.
    """
    told = [one for one in found if metric.name in one.values]
    return "; ".join(
        f"{TITLES[one.name]}{'' if i else DEFAULTS}{_given(one)}: "
        f"{'' if i else f'{metric.short} '}{_shown(one.values[metric.name])}"
        for i, one in enumerate(told)
    )


def _given(one: Reference) -> str:
    """Of how much a model was given a part."""
    parts = [
        f"{some:,} of {all_of_them:,} {what}"
        for some, all_of_them, what in (
            (one.examples, one.of_examples, "training examples"),
            (one.inputs, one.of_inputs, "inputs"),
        )
        if some < all_of_them
    ]
    return f" on {' and '.join(parts)}" if parts else ""


def _shown(value: float) -> str:
    """Four digits behind the point of a small value, four in all of a larger one."""
    if abs(value) < 10:
        return f"{value:.4f}"
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
