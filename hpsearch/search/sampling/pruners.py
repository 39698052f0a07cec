"""Pruners: what each ``[pruner]`` of the study file is in Optuna."""

import math
from collections.abc import Callable, Mapping
from copy import copy
from functools import partial
from types import SimpleNamespace

from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
)
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from hpsearch.data.section import Folds
from hpsearch.search.sampling.view import view
from hpsearch.search.storage import Storage
from hpsearch.search_sections import Hyperband, Median, NoPruner, Percentile, SuccessiveHalving
from hpsearch.study_file import StudyFile

ValuesAt = Callable[[int], list[float | None]]
MEMORY = 1_000
"""Complete trials, the newest ones, that a percentile pruner compares a trial with; more where it
starts after more only."""


def make_pruner(file: StudyFile, storage: Storage, study_id: int) -> BasePruner:
    """The pruner that ends unpromising trials of a study; its steps are epochs, from 1.

    Args:
        file: the study.
        storage: where it is kept.
        study_id: its key there.
    """
    section = file.pruner
    options = section.model_dump(exclude={"type", "n_warmup_steps"})
    match section:
        case Median() | Percentile():
            kind = MedianPruner if isinstance(section, Median) else PercentilePruner
            # One step more of warm-up: Optuna's count starts at 0, epochs at 1.
            first = warmup(file, section) + 1
            rule = kind(n_warmup_steps=first, **options)
            newest = max(MEMORY, section.n_startup_trials)
            values_at = partial(storage.values_at, study_id, newest=newest)
            return _ByQuery(rule, first, values_at, file.training.epochs)
        case SuccessiveHalving():
            return _of_epochs(SuccessiveHalvingPruner(**options), file)
        case Hyperband():
            most = max(file.training.epochs, section.min_resource)
            return _of_epochs(HyperbandPruner(max_resource=most, **options), file)
        case NoPruner():
            return NopPruner()


def _of_epochs(rule: BasePruner, file: StudyFile) -> BasePruner:
    """A pruner that goes by rungs; in a cross-validation of the first fold alone.

    A rung between the last epoch of a trial that stopped early and the step of its folds would be
    given the folds' mean, which is no value of that epoch.
    """
    return _WithinEpochs(rule, file) if isinstance(file.dataset.validation, Folds) else rule


class _WithinEpochs(BasePruner):
    """A pruner that is not asked at steps behind the epochs."""

    def __init__(self, rule: BasePruner, file: StudyFile) -> None:
        """Args: the rule; the study's file."""
        self._rule, self._epochs = rule, file.training.epochs

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether the rule ends the trial at the epoch that it reported last."""
        step = trial.last_step
        return step is not None and step <= self._epochs and self._rule.prune(study, trial)


class _ByQuery(BasePruner):
    """Optuna's percentile pruner, which gets the other trials' values by one query.

    By itself it reads every running trial anew and walks through all complete ones at each report:
    at 10,000 trials and 32 workers an answer took up to seconds. Only the newest complete trials
    are asked for, so that an answer costs the same however long the study is.
    """

    def __init__(
        self, rule: PercentilePruner, first: int, values_at: ValuesAt, epochs: int
    ) -> None:
        """Args: the rule; the first step at which it prunes; the query, which is given a step; the
        last step of an epoch, behind which those of folds are.
        """
        self._rule, self._first, self._values_at = rule, first, values_at
        self._epochs = epochs

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether the rule ends the trial at the step that it reported last."""
        step = trial.last_step
        if step is None or step < self._first:
            return False
        others = [
            SimpleNamespace(
                state=TrialState.COMPLETE,
                intermediate_values={} if value is None else {step: value},
            )
            for value in self._values_at(step)
        ]
        if step > self._epochs:  # a mean of folds, which no epoch of the first one makes better
            trial = copy(trial)
            trial.intermediate_values = {step: trial.intermediate_values[step]}
        # All that the rule asks of the study are its complete trials, and of these that value.
        return self._rule.prune(view(study, others), trial)


def warmup(file: StudyFile, section: Median | Percentile) -> int:
    """Epochs in which no trial is pruned: as written, else a fifth of the epochs, rounded up."""
    if section.n_warmup_steps is not None:
        return section.n_warmup_steps
    return math.ceil(file.training.epochs / 5)


def rungs(file: StudyFile, reported: Mapping[int, float]) -> dict[str, float]:
    """What successive halving keeps of a trial, as system attributes, from what it reported.

    Only of a trial that another study takes over is it not there already. (Hyperband's brackets
    go by study and number: a trial taken over competes in none.)
    """
    section, found = file.pruner, dict[str, float]()
    if not isinstance(section, SuccessiveHalving):
        return found
    step = section.min_resource * section.reduction_factor**section.min_early_stopping_rate
    while step in reported:
        found[f"completed_rung_{len(found)}"] = reported[step]
        step *= section.reduction_factor
    return found


def hint(file: StudyFile) -> str | None:
    """Advice on a pruner that does not go with the sampler, or None."""
    if file.sampler.type == "gp" and file.pruner.type != "none":
        return 'hint: "gp" learns from complete trials only; with it, set pruner.type = "none"'
    return None
