"""Results of a model on the test split, as plain values for a reader, whatever its task."""

from collections.abc import Mapping
from typing import Any

from hpsearch.tasks import TASKS
from hpsearch.tasks.task import Score, Task

Ends = tuple[float, float]
"""Of a 95 % interval, by the number of examples: the lower and the upper one."""


def task_of(result: Mapping[str, Any]) -> Task:
    """The task whose headline a result has.

    Args:
        result: an evaluation as plain values, or what the record of test accesses keeps of some.

    Raises:
        KeyError: it is no result of a known task.
    """
    for task in TASKS.values():
        if task.headline.name in result:
            return task
    raise KeyError(f"no result: {sorted(result)}")


def interval_of(result: Mapping[str, Any], score: Score) -> Ends | None:
    """The 95 % interval of a score of an evaluation; None where it has none.

    Args:
        result: as for :func:`task_of`.
        score: one of its task's.
    """
    if f"{score.name}_low" in result:
        return result[f"{score.name}_low"], result[f"{score.name}_high"]
    ends = result.get(f"{score.name}_interval")
    return None if ends is None else (ends[0], ends[1])


def written(result: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """The metrics of an evaluation for a reader: name, value, interval or "", how that is found.

    Args:
        result: an evaluation's fields by name, as ``dataclasses.asdict`` gives them; of an
            ``Evaluation`` of an earlier version there is the accuracy alone.
    """
    return [
        (
            score.metric.short,
            score.metric.written(result[score.name]),
            interval_text(result, score),
            score.how,
        )
        for score in _known(result)
    ]


def interval_text(result: Mapping[str, Any], score: Score) -> str:
    """A score's interval for a reader: "0.9022 to 0.9331"; empty where there is none."""
    ends = interval_of(result, score)
    return " to ".join(map(score.metric.written, ends)) if ends else ""


def _known(result: Mapping[str, Any]) -> list[Score]:
    """The scores that a result has, with the interval that belongs to them."""
    return [
        score
        for score in task_of(result).scores
        if result.get(score.name) is not None
        and {f"{score.name}_low", f"{score.name}_interval"} & result.keys()
    ]
