"""What is confirmed of a study: its leaders, its best configurations; and its baseline."""

from dataclasses import dataclass

from hpsearch.config import TrialConfig
from hpsearch.search import trials as rows
from hpsearch.search.shapes import ConfirmRequest
from hpsearch.search.study import OpenStudy

BASELINE = "baseline"
"""What a run is of that is of no trial."""


@dataclass(frozen=True, kw_only=True)
class Leader:
    """A configuration that is confirmed."""

    of: str
    """The number of its trial, or "baseline"."""
    config: TrialConfig
    found: float | None
    """The value by which the search found it; None of the baseline."""

    @property
    def name(self) -> str:
        """How a reader is told of it: "trial 12" or "the baseline"."""
        return told(self.of)


def told(of: str) -> str:
    """How a reader is told of a configuration that is confirmed."""
    return "the baseline" if of == BASELINE else f"trial {of}"


def leaders(study: OpenStudy, top: int) -> list[Leader]:
    """The best configurations of a study, each once, and its baseline.

    Args:
        study: the study.
        top: how many of the best.

    Raises:
        NoTrialError: no trial has completed.
    """
    rows.best(study)  # says what is wrong where there is none
    found: list[Leader] = []
    for trial in rows.ranked(study.trials(), study.file.objective.measure):
        if len(found) == top:
            break
        config = rows.config(study, trial)
        if config is not None and config not in [one.config for one in found]:
            found.append(Leader(of=str(trial.number), config=config, found=trial.values[0]))
    if study.file.baseline is not None:
        found.append(Leader(of=BASELINE, config=study.file.baseline, found=None))
    return found


def requested_leaders(study: OpenStudy, last: ConfirmRequest) -> list[Leader]:
    """What the last ``confirm`` was about, in its order; the baseline as it is now."""
    found = []
    for of in last.of:
        config, value = study.file.baseline, None
        if of != BASELINE:
            trial = rows.find(study, int(of))
            config, value = rows.config(study, trial), trial.values[0]
        if config is not None:
            found.append(Leader(of=of, config=config, found=value))
    return found
