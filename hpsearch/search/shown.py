"""A trial as those see it who watch a study, here or over HTTP: plain values."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from hpsearch.config import describe
from hpsearch.search import trials as rows
from hpsearch.search.attributes import DEVICE_KEY, FAILURE_KEY, WORKER_KEY
from hpsearch.search.budget import counts as uses_place
from hpsearch.search.confirmation import name_of
from hpsearch.search.storage.facts import STATES
from hpsearch.search.storage.reading import utc
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import Trial


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One trial at one moment."""

    number: int
    name: str
    """As in a line: "trial 7", of a confirmation run "trial 12, seed 2 of 5"."""
    state: str
    """"complete", "pruned", "failed", "running" or "waiting"."""
    failure: str | None
    """The class of failure of one that failed."""
    value: float | None
    """None, too, of a refit, whose validation examples trained it; ``latest`` likewise."""
    counted: bool
    """Whether it uses up a place of the budget."""
    step: int | None
    """The last epoch that is done, from 1; behind the epochs of a training a fold of it."""
    latest: float | None
    """The value that was reported there."""
    started: datetime | None
    """In UTC; None: it waits."""
    ended: datetime | None
    """In UTC; None: it has not."""
    worker: str
    """"host:pid"; empty where another program runs it."""
    device: str
    """In words for people; empty likewise."""

    @property
    def is_open(self) -> bool:
        """Whether it is not over: it runs, or waits to."""
        return self.state in ("running", "waiting")

    @property
    def cell(self) -> str:
        """Its name in a column of trials."""
        return self.name.removeprefix("trial ").removeprefix("the ")

    def plain(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        times = {key: one and one.isoformat() for key, one in (
            ("started", self.started), ("ended", self.ended),
        )}  # fmt: skip
        return {**asdict(self), **times}

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> "Shown":
        """What :meth:`plain` wrote, among other keys."""
        values = {key: row[key] for key in cls.__dataclass_fields__}
        for key in ("started", "ended"):
            values[key] = values[key] and datetime.fromisoformat(values[key])
        return cls(**values)


def shown(study: OpenStudy, trial: Trial) -> Shown:
    """A trial of a study as it stands now."""
    told, step, is_judged = trial.user_attrs, trial.last_step, not rows.is_refit(trial)
    return Shown(
        number=trial.number,
        name=name_of(study, trial),
        state=STATES[trial.state],
        failure=told.get(FAILURE_KEY) and str(told[FAILURE_KEY]),
        value=trial.values[0] if trial.values and is_judged else None,
        counted=uses_place(trial),
        step=step,
        latest=trial.intermediate_values[step] if step is not None and is_judged else None,
        started=None if trial.datetime_start is None else utc(trial.datetime_start),
        ended=None if trial.datetime_complete is None else utc(trial.datetime_complete),
        worker=str(told.get(WORKER_KEY, "")),
        device=str(told.get(DEVICE_KEY, "")),
    )


def setting_of(study: OpenStudy, trial: Trial) -> str:
    """The configuration of a trial in one line, as far as it is drawn."""
    config = rows.config(study, trial)
    return describe(config) if config else ""
