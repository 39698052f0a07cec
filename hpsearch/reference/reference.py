"""Reference: what models of scikit-learn reach on the examples that networks are judged by."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from hpsearch.ranking import is_better
from hpsearch.tasks.metric import Metric
from hpsearch.tasks.task import Task
from hpsearch.text import decimal

Name = Literal["trees", "linear"]
TITLES: Mapping[Name, str] = {"trees": "gradient-boosted trees", "linear": "a linear model"}
"""For readers."""
DEFAULTS = " (scikit-learn's defaults)"
"""Behind the first."""

Value = Annotated[float, Field(ge=-1e100, le=1e100)]
"""Of a metric."""


class Reference(BaseModel):
    """What one model reached. Studies keep it: a newer version may have more keys."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    name: Name
    values: dict[str, Value] = {}
    """On the validation examples, by the metric's name: "val_rmse"; of a cross-validation the mean
    over the folds."""
    test: dict[str, Value] | None
    """The same on the test examples, without ``val_``; None where there were none."""
    interval: list[Value] | None = None
    """The ends of the 95 % interval of the task's headline on the test examples, by their number;
    None where there were none, or where nothing scatters."""
    examples: int
    """Training examples that it was given."""
    with_validation: bool = False
    """Whether the validation examples are among them."""
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


_LIST = TypeAdapter(list[Reference])


def boosted_trees(found: Sequence[Reference], metric: Metric) -> float | None:
    """What the trees reached; None where that is not known."""
    return next((one.values.get(metric.name) for one in found if one.name == "trees"), None)


def mean_of(folds: Sequence[Sequence[Reference]]) -> tuple[Reference, ...]:
    """What models reach in the mean over folds; of the examples those of the first fold are told.

    Models, and metrics, that are not known of every fold are left out.

    Args:
        folds: what they reached in each, at least one fold.
    """
    by_name = [{one.name: one for one in fold} for fold in folds]
    return tuple(
        _mean([fold[name] for fold in by_name])
        for name in by_name[0]
        if all(name in fold for fold in by_name)
    )


def _mean(found: Sequence[Reference]) -> Reference:
    """One model in the mean over folds."""
    known = [key for key in found[0].values if all(key in one.values for one in found)]
    means = {key: statistics.fmean(one.values[key] for one in found) for key in known}
    seconds = sum(one.seconds for one in found)
    return found[0].model_copy(update={"values": means, "seconds": seconds})


def line(found: Sequence[Reference], metric: Metric, best: float | None = None) -> str:
    """What the models reached, for a reader: "gradient-boosted trees (scikit-learn's defaults):
    RMSE 0.4712, better than the best network; a linear model: 0.7281".

    Args:
        found: of :func:`hpsearch.reference.measure.measure`.
        metric: one of those of validation examples.
        best: what the best network reached on these; None: it is not known.

    Returns:
        one line; empty where no model has the metric.
    """
    told = [one for one in found if metric.name in one.values]
    return "; ".join(
        f"{TITLES[one.name]}{'' if i else DEFAULTS}{_given(one)}: "
        f"{'' if i else f'{metric.short} '}{decimal(one.values[metric.name])}"
        f"{', better than the best network' if _wins(one, metric, best) else ''}"
        for i, one in enumerate(told)
    )


def sentence(found: Sequence[Reference], metric: Metric, best: float) -> str:
    """How the models stand to the best network: "Gradient-boosted trees with scikit-learn's
    defaults reach 0.9550 on the same validation examples, better than the best network (0.9225)."

    Args:
        found: of :func:`hpsearch.reference.measure.measure`.
        metric: one of those of validation examples.
        best: what the best network reached on these.

    Returns:
        one or two sentences; empty where no model has the metric.
    """
    told = [one for one in found if metric.name in one.values]
    if not told:
        return ""
    first, *others = told
    is_even = first.values[metric.name] == best
    stands = "as good as" if is_even else "not as good as"
    stands = "better than" if _wins(first, metric, best) else stands
    reaches = _reaches(first, metric, " with scikit-learn's defaults")
    text = (
        f"{reaches} on the same validation examples, {stands} the best network ({decimal(best)})."
    )
    for one in others:
        better = ", better than the network" if _wins(one, metric, best) else ""
        text += f" {_reaches(one, metric)}{better}."
    return text


def _reaches(one: Reference, metric: Metric, how: str = "") -> str:
    """The beginning of a sentence: "A linear model reaches 0.7281"."""
    title, verb = TITLES[one.name], "reach" if one.name == "trees" else "reaches"
    value = decimal(one.values[metric.name])
    return f"{title[0].upper()}{title[1:]}{how}{_given(one)} {verb} {value}"


def cells_on_test(one: Reference, task: Task) -> list[str]:
    """What a table has of a model on the test split: headline, interval, other scores."""
    known = one.test or {}
    first, *beside = [
        score.metric.written(known[score.name]) if score.name in known else ""
        for score in (task.headline, *task.columns)
    ]
    return [first, " to ".join(map(task.headline.metric.written, one.interval or ())), *beside]


def titled(one: Reference) -> str:
    """A model, and of how much it was given a part: "a linear model on 10 of 20 inputs"."""
    return f"{TITLES[one.name]}{_given(one)}"


def trained_on(found: Sequence[Reference]) -> str:
    """On which examples models were trained, for a reader: "trained on 3,600 training examples".

    Args:
        found: one at least, all on the same.
    """
    which = "training and validation" if found[0].with_validation else "training"
    return f"trained on {found[0].of_examples:,} {which} examples"


def recorded(result: Mapping[str, Any] | None) -> list[Reference]:
    """The models in what a test access came to; none where it has none that can be read."""
    try:
        return _LIST.validate_python((result or {}).get("reference") or [])
    except ValidationError:  # another program has changed it
        return []


def _wins(one: Reference, metric: Metric, best: float | None) -> bool:
    """Whether a model is better than the best network."""
    return best is not None and is_better(metric, one.values[metric.name], best)


def _given(one: Reference) -> str:
    """Of how much a model was given a part."""
    parts = [
        f"{some:,} of {all_of_them:,} {what}"
        for some, all_of_them, what in (
            (
                one.examples,
                one.of_examples,
                "examples" if one.with_validation else "training examples",
            ),
            (one.inputs, one.of_inputs, "inputs"),
        )
        if some < all_of_them
    ]
    return f" on {' and '.join(parts)}" if parts else ""
