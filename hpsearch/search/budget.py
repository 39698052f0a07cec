"""The budget: when a study is over, taking a place in it, and giving a place back."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Literal

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState

from hpsearch.errors import Failure
from hpsearch.search.samplers import make_sampler
from hpsearch.search.storage import BudgetSpentError
from hpsearch.search.study import OpenStudy

ORPHANED = "left behind by a worker that was killed"
"""Failure message of a trial that somebody else had to end."""

Ending = Literal["trials", "timeout", "plateau"]


def ending(study: OpenStudy) -> Ending | None:
    """Why no further trial should start, or None while there is something left to do.

    Places that running trials hold are not spent yet: they may come back.
    """
    budget = study.budget
    if study.counts().counted >= budget.trials:
        return "trials"
    if budget.timeout is None and budget.plateau is None:
        return None
    trials = study.trials()
    if budget.timeout is not None and seconds_used(trials) >= budget.timeout:
        return "timeout"
    if budget.plateau is not None and since_best(study, trials) >= budget.plateau:
        return "plateau"
    return None


def claim(study: OpenStudy) -> Trial | None:
    """Start a trial: the first waiting one, else a new one; None where no place is free.

    No other worker starts the same trial, and all workers together never start more than the
    budget allows (see ``storage.Storage``).
    """
    try:
        trial = study.optuna.ask()
    except BudgetSpentError:
        return None
    study.optuna.sampler = make_sampler(study.file, trial.number)
    return trial


def interrupt(study: OpenStudy, number: int, message: str = "cut off before its end") -> bool:
    """Fail a running trial as interrupted and put a successor in the queue.

    The successor has the same parameters and seed; it is a new trial, so that an owner that was
    only suspended cannot write into it. What was enqueued is kept too where it had not been drawn
    yet. A sampled trial cut off before it had parameters gets no successor: the next sampled one
    takes its place.

    Returns:
        False where the trial had ended meanwhile: then nothing was done.
    """
    if not fail(study, number, Failure.INTERRUPTED, message):
        return False
    trial = study.storage.get_trial(study.trial_id(number))
    params = trial.system_attrs.get("fixed_params", {}) | trial.params
    if params:
        origin = trial.user_attrs.get("resumes", number)
        attrs = {"resumes": origin, "seed": trial.user_attrs.get("seed")}
        study.optuna.enqueue_trial(params, user_attrs=attrs)
    return True


def fail(study: OpenStudy, number: int, failure: Failure, message: str) -> bool:
    """End a running trial without a value.

    Returns:
        False where it had ended meanwhile (it was taken away): then nothing was done.
    """
    storage, trial_id = study.storage, study.trial_id(number)
    try:
        storage.set_trial_user_attr(trial_id, "failure", failure.value)
        storage.set_trial_user_attr(trial_id, "failure_message", message[:500])
        return storage.set_trial_state_values(trial_id, TrialState.FAIL)
    except UpdateFinishedTrialError:
        return False


def reap(study: OpenStudy, is_dead: Callable[[FrozenTrial], bool]) -> list[int]:
    """Interrupt the running trials whose owner is dead; the numbers of those trials."""
    running = [t for t in study.trials() if t.state == TrialState.RUNNING and is_dead(t)]
    return [trial.number for trial in running if interrupt(study, trial.number, ORPHANED)]


def counts(trial: FrozenTrial) -> bool:
    """Whether a finished trial used up a place in the budget."""
    if trial.state == TrialState.FAIL:
        failure = trial.user_attrs.get("failure")
        return failure is not None and Failure(failure).counts
    return trial.state.is_finished()


def since_best(study: OpenStudy, trials: Sequence[FrozenTrial]) -> int:
    """Counted trials that ended after the best one so far; 0 before any completed."""
    ended = sorted(
        (t for t in trials if counts(t)), key=lambda t: t.datetime_complete or datetime.max
    )
    best: float | None = None
    last = len(ended)
    for index, trial in enumerate(ended):
        if trial.state == TrialState.COMPLETE and study.file.objective.better(
            trial.values[0], best
        ):
            best, last = trial.values[0], index + 1
    return len(ended) - last


def seconds_used(trials: Sequence[FrozenTrial], now: datetime | None = None) -> float:
    """Seconds in which at least one trial was running: the length of the union of their times.

    Nobody knows how long a trial really ran whose worker was killed; it is not reckoned, rather
    than the hours or days until somebody noticed.
    """
    now = now or datetime.now()  # Optuna's times are naive local ones
    spans = sorted(
        (t.datetime_start, t.datetime_complete or now)
        for t in trials
        if t.datetime_start and t.user_attrs.get("failure_message") != ORPHANED
    )
    total, reached = timedelta(), datetime.min
    for start, end in spans:
        if end > reached:
            total += end - max(start, reached)
            reached = end
    return total.total_seconds()
