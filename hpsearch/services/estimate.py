"""How long a whole search will take, reckoned from a moment of its models' training."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from hpsearch.data.section import Folds
from hpsearch.search.sampling.grid import grid_size
from hpsearch.search_sections import Grid
from hpsearch.study_file import StudyFile


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The time of a whole budget, in seconds, before pruning and early stopping shorten it."""

    trials: int
    """At most."""
    epochs: int
    """Of each trial, at most."""
    workers: int
    """That ``run`` starts on this machine unless told otherwise."""
    seconds: float
    """If all trials were of the middle model (as many of each kind of network); of the smallest
    that could be trained, where that one could not. At most ``timeout``."""
    least: float
    """If all were of the smallest model."""
    most: float
    """If all were of the largest one that could be trained; without the timeout."""
    timeout: float | None
    """``budget.timeout``."""

    def plain(self) -> dict[str, Any]:
        """The estimate as JSON."""
        return asdict(self)


def estimate(
    file: StudyFile, models: Sequence[dict[str, Any]], *, workers: int, started: float
) -> Estimate | None:
    """Reckon the time of a study's budget; None where no model could be trained.

    Workers take the trials in turns. Each trial is built and traced before its first epoch, which
    takes as long for a small model as for a large one.

    Args:
        file: the study.
        models: the smallest, middle and largest model, or the only one, as ``check --json`` has it,
            of each kind of network.
        workers: how many train side by side.
        started: seconds that starting TensorFlow took, as it will take each worker.
    """
    known = [one for one in models if one["failure"] is None]
    if not known:
        return None
    trials, epochs = _most_trials(file), file.training.epochs
    validation = file.dataset.validation
    folds = validation.count if isinstance(validation, Folds) else 1
    rounds = math.ceil(trials / workers)
    begin: float = min(one["seconds_to_start"] for one in known)  # the first also loads libraries

    def total(model: dict[str, Any]) -> float:
        seconds: float = model["seconds_per_epoch"]
        return started + rounds * folds * (begin + epochs * seconds)

    middle = [one for one in known if one["model"].startswith("middle")] or known[:1]
    usual, timeout = fmean(map(total, middle)), file.budget.timeout
    return Estimate(
        trials=trials,
        epochs=epochs,
        workers=workers,
        seconds=round(min(usual, timeout or math.inf), 1),
        least=round(min(map(total, known)), 1),
        most=round(max(map(total, known)), 1),
        timeout=timeout,
    )


def _most_trials(file: StudyFile) -> int:
    """The budget's trials; a grid may have fewer points."""
    most = file.budget.trials
    if isinstance(file.sampler, Grid):
        most = min(most, grid_size(file.space) + len(file.first))
    return most
