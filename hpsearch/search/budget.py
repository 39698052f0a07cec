"""The budget: when a study is over, taking a place in it, and giving a place back."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from hpsearch.errors import Failure, uses_place
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

    Returns:
        False where the trial had ended meanwhile: then nothing was done.
    """
    trial_id = study.trial_id(number)
    successor = _successor(study.storage.get_trial(trial_id))
    return study.storage.fail(trial_id, Failure.INTERRUPTED, message, successor)


def redraw(study: OpenStudy, number: int, message: str) -> bool:
    """Fail a trial as too large; what was enqueued of it is drawn again, the rest anew.

    Returns:
        False where the trial had ended meanwhile: then nothing was done.
    """
    trial_id = study.trial_id(number)
    asked = study.storage.get_trial(trial_id).system_attrs.get("fixed_params")
    successor = _waiting({"fixed_params": asked}, {}) if asked else None
    return study.storage.fail(trial_id, Failure.TOO_LARGE, message, successor)


def fail(study: OpenStudy, number: int, failure: Failure, message: str) -> bool:
    """End a running trial without a value and without a successor.

    Returns:
        False where it had ended meanwhile (it was taken away): then nothing was done.
    """
    return study.storage.fail(study.trial_id(number), failure, message)


def reap(study: OpenStudy, is_dead: Callable[[FrozenTrial], bool]) -> list[int]:
    """End the running trials whose owner is dead; the numbers of those trials.

    Each is tried again once. If its worker dies again it is the configuration's fault: it counts
    as crashed, or it would be tried for ever.
    """
    reaped = []
    for trial in study.trials():
        if trial.state != TrialState.RUNNING or not is_dead(trial):
            continue
        trial_id, again = study.trial_id(trial.number), trial.user_attrs.get("orphans", 0)
        if again:
            done = study.storage.fail(trial_id, Failure.CRASHED, "its worker died, twice")
        else:
            successor = _successor(trial, orphans=again + 1)
            done = study.storage.fail(trial_id, Failure.INTERRUPTED, ORPHANED, successor)
        if done:
            reaped.append(trial.number)
    return reaped


def _successor(trial: FrozenTrial, orphans: int | None = None) -> FrozenTrial | None:
    """The waiting trial that goes on for an interrupted one.

    It has the same parameters and seed; it is a new trial, so that an owner that was only
    suspended cannot write into it. What was enqueued is kept too where it had not been drawn yet.
    A sampled trial cut off before it had parameters needs none: the next one takes its place.
    """
    params = trial.system_attrs.get("fixed_params", {}) | trial.params
    if not params:
        return None
    carried = ("seed", "orphans")
    attrs = {key: trial.user_attrs[key] for key in carried if key in trial.user_attrs}
    attrs["resumes"] = trial.user_attrs.get("resumes", trial.number)
    if orphans is not None:
        attrs["orphans"] = orphans
    return _waiting({"fixed_params": params}, attrs)


def _waiting(system_attrs: dict[str, Any], user_attrs: dict[str, Any]) -> FrozenTrial:
    return create_trial(state=TrialState.WAITING, system_attrs=system_attrs, user_attrs=user_attrs)


def counts(trial: FrozenTrial) -> bool:
    """Whether a finished trial used up a place in the budget."""
    if trial.state == TrialState.FAIL:
        return uses_place(trial.user_attrs.get("failure"))
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
