"""What MLflow is told of a study's trials, as plain values."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hpsearch.errors import Failure
from hpsearch.home import Home
from hpsearch.recipe import dump
from hpsearch.search import attributes as attr
from hpsearch.search import trials as rows
from hpsearch.search.recipes import recipe_of
from hpsearch.search.storage.facts import STATES
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import Trial
from hpsearch.training import curves

INTERRUPTED = "interrupted"
"""The state of a trial that was cut off; it goes on under another number."""

_UNTRAINED = (Failure.TOO_LARGE, Failure.ADOPTED)

_FIGURES = (
    attr.BEST_EPOCH_KEY, attr.EPOCHS_KEY, attr.TRAIN_ACCURACY_KEY, attr.TRAIN_VALUE_KEY,
    attr.GAP_KEY, attr.SECONDS_KEY, attr.PARAMETERS_KEY, attr.MACS_KEY,
)  # fmt: skip
"""Attributes that are told as figures when a trial has ended."""

_TEXTS = (
    attr.SEED_KEY,
    attr.WORKER_KEY,
    attr.DEVICE_KEY,
    attr.FAILURE_KEY,
    attr.SAME_KEY,
    attr.OF_KEY,
    attr.KIND_KEY,
)
"""Attributes that are told as tags, where a trial has them."""


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """The values of one epoch."""

    number: int
    """From 1."""
    time: int
    """When it ended, in milliseconds since 1970."""
    values: Mapping[str, float]
    """By name; not a number where training diverged."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """One training, under whatever numbers it has gone on after it was cut off."""

    study: OpenStudy
    home: Home
    trial: Trial
    """The last trial that has begun."""
    began: datetime | None
    """When the first one did."""

    @property
    def origin(self) -> int:
        """The number of the first of its trials, by which it is known."""
        return attr.origin(self.trial)

    @property
    def state(self) -> str:
        """complete, pruned, failed, running, or interrupted."""
        if self.trial.user_attrs.get(attr.FAILURE_KEY) == Failure.INTERRUPTED:
            return INTERRUPTED
        return STATES[self.trial.state]

    @property
    def params(self) -> dict[str, str]:
        """What is searched, by Optuna's names; texts of any length."""
        return {name: str(value) for name, value in self.trial.params.items()}

    @property
    def tags(self) -> dict[str, str]:
        """State, number, seed, worker ..."""
        known = self.trial.user_attrs
        told = {key: str(known[key]) for key in _TEXTS if known.get(key) is not None}
        return {"state": self.state, "trial": str(self.trial.number), **told}

    @property
    def figures(self) -> dict[str, float]:
        """What came of it: ``value`` and figures of the epoch that counts; of a refit none that
        follows from validation examples.
        """
        known = self.trial.user_attrs
        found = {key: float(known[key]) for key in _FIGURES if known.get(key) is not None}
        if rows.is_refit(self.trial):
            return {key: value for key, value in found.items() if key not in rows.JUDGED}
        return {"value": self.trial.values[0], **found} if self.trial.values else found

    def epochs(self, after: int = 0) -> list[Epoch]:
        """Its epochs so far, with all values where the curves are on this machine.

        Those that were trained on another one have the objective's value alone, which the database
        has.

        Args:
            after: only epochs with a larger number.
        """
        found = curves.read(self.home.trial_run(self.study.name, self.trial.number))
        metric, epochs = self.study.file.objective.metric, self.study.file.training.epochs
        known = [(one.epoch, one.row()) for one in found] or [
            (step, {metric: value})
            for step, value in sorted(rows.epoch_values(self.trial, epochs).items())
        ]
        time, told = milliseconds(self.began), []
        for number, row in known:
            taken = row.pop("seconds", 0.0)
            time += 0 if math.isnan(taken) else round(1000 * taken)
            row.pop("epoch", None)
            if number > after:
                told.append(Epoch(number=number, time=time, values=self._told(row)))
        return told

    def _told(self, row: Mapping[str, float]) -> Mapping[str, float]:
        """What is told of an epoch: of a refit nothing of the validation examples."""
        if not rows.is_refit(self.trial):
            return row
        return {key: value for key, value in row.items() if not key.startswith("val_")}

    def recipe(self) -> str:
        """The recipe that trains it again, as TOML."""
        return dump(recipe_of(self.study, self.trial), ".toml")


def all_told(study: OpenStudy, home: Home) -> list[Told]:
    """The trainings of a study that have begun, in order.

    What was too large and drawn again has trained nothing, nor has what was adopted.

    Args:
        study: the study.
        home: where trials leave their curves on this machine.
    """
    trials = study.trials()
    last = {
        attr.origin(one): one
        for one in trials
        if one.datetime_start and one.user_attrs.get(attr.FAILURE_KEY) not in _UNTRAINED
    }
    return [
        Told(study=study, home=home, trial=one, began=trials[origin].datetime_start)
        for origin, one in last.items()
    ]


def milliseconds(moment: datetime | None) -> int:
    """A moment in milliseconds since 1970; without a time zone it is of this machine's."""
    return 0 if moment is None else round(1000 * moment.timestamp())


def chunks(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    """Items in parts of at most so many."""
    return [items[start : start + size] for start in range(0, len(items), size)]
