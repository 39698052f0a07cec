"""Claims: starting a trial, giving its place in the budget back, and taking it from the dead."""

import contextlib
import logging
import math
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState

from hpsearch.errors import Failure
from hpsearch.networks import NETWORKS
from hpsearch.search import attributes as attr
from hpsearch.search.budget import stop_requested
from hpsearch.search.sampling.samplers import make_sampler
from hpsearch.search.storage import BudgetSpentError, Heartbeat, waiting_trial
from hpsearch.search.study import OpenStudy, size_of
from hpsearch.space import smallest

_log = logging.getLogger(__name__)

MAX_DEATHS = 3
"""Workers that may die of a trial, one after the other and none getting further than the one
before, until that is the configuration's fault."""

MAX_REDRAWN = 50
"""Draws for what was enqueued of a network whose size is known only when it is built."""

PROMPT = 1.0
"""Seconds within which who sends no heartbeat must be reaped: where writing takes longer,
another program's lock may be what keeps the worker from it, too."""


def claim(study: OpenStudy) -> Trial | None:
    """Start a trial: one that goes on where another stood, else the first waiting one, else a new
    one.

    None where none may start: no place is free, a stop was asked for, or the study is closed. It is
    started when this returns; who takes it sends heartbeats from then on. No other worker starts
    the same trial, and all together never start more than the budget allows (see
    ``storage.Storage``).
    """
    try:
        trial = _resumed(study) or study.optuna.ask()
    except BudgetSpentError:
        return None
    given = study.given(trial.number)
    study.optuna.sampler = make_sampler(study.file, study.shift + trial.number, given)
    return trial


def _resumed(study: OpenStudy) -> Trial | None:
    """Start the first waiting trial that goes on where another stood; None: there is none.

    ``Study.ask`` by itself takes waiting trials by their numbers, so that these came last.
    """
    for waiting in study.optuna.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        if attr.RESUMES_KEY not in waiting.user_attrs:
            continue
        trial_id = study.trial_id(waiting.number)
        with contextlib.suppress(UpdateFinishedTrialError):  # another worker was quicker
            if study.storage.set_trial_state_values(trial_id, TrialState.RUNNING):
                return Trial(study.optuna, trial_id)
    return None


def interrupt(study: OpenStudy, number: int, message: str = "interrupted before its end") -> bool:
    """Fail a running trial as interrupted and put a successor in the queue.

    Returns:
        False where the trial had ended meanwhile: then nothing was done.
    """
    trial_id = study.trial_id(number)
    trial = study.storage.get_trial(trial_id)
    successor = _successor(study, trial, deaths=trial.user_attrs.get(attr.DEATHS_KEY, 0))
    return study.storage.fail(trial_id, Failure.INTERRUPTED, message, successor)


def redraw(study: OpenStudy, number: int, message: str) -> bool:
    """Fail a trial as too large; what was asked for of it is tried again, the rest drawn anew.

    What is too large by itself has no successor. Of a network whose size is known only when it is
    built, that is one of which nothing is left to be drawn, or was in vain too often.

    Returns:
        False where the trial had ended meanwhile: then nothing was done.
    """
    trial_id = study.trial_id(number)
    trial = study.storage.get_trial(trial_id)
    wanted = attr.requested_params(trial)
    is_open = any(
        name.partition(".")[0] in ("network", *NETWORKS) for name in trial.params.keys() - wanted
    )
    if wanted and is_open:
        in_vain = [one for one in study.trials() if attr.requested_params(one) == wanted]
        is_open = len(in_vain) < MAX_REDRAWN
    sizes = [size_of(config, study.data) for config in smallest(study.file.space, wanted)]
    fits = any(is_open if size is None else not study.budget.excess(size) for size in sizes)
    successor = waiting_trial(wanted) if wanted and fits else None
    if wanted and not fits:
        message = f"{message}; it was enqueued so, and is not tried again"
        _log.warning("trial %d is too large: %s", number, message)
    return study.storage.fail(trial_id, Failure.TOO_LARGE, message, successor)


def fail(study: OpenStudy, number: int, failure: Failure, message: str) -> bool:
    """End a running trial without a value and without a successor.

    Returns:
        False where it had ended meanwhile (its lease was lost): then nothing was done.
    """
    return study.storage.fail(study.trial_id(number), failure, message)


def reap(
    study: OpenStudy,
    heartbeats: Sequence[Heartbeat],
    is_gone: Callable[[Heartbeat], bool],
    silent: Collection[int] = (),
    *,
    blame: bool = True,
) -> list[int]:
    """End the running trials whose worker is dead; the numbers of those trials.

    Each goes on in a new trial. Where one worker after the other dies of it and none gets further
    than the one before, it is the configuration's fault and counts as crashed, or it would be
    tried for ever.

    Args:
        study: the study.
        heartbeats: the last ones of its running trials, just read. Who has sent another one
            since then lives.
        is_gone: asked of each, whether the trial's worker is known to be gone.
        silent: the trials whose workers have sent no heartbeat for too long.
        blame: whether the death may be the trial's fault; not where we killed the worker.
    """
    reaped, until = [], time.monotonic() + PROMPT
    gone = {heartbeat.number for heartbeat in heartbeats if is_gone(heartbeat)}
    dead = [heartbeat for heartbeat in heartbeats if heartbeat.number in gone.union(silent)]
    blame = blame and bool(dead) and stop_requested(study) != "now"
    for heartbeat in dead:
        trial_id = study.trial_id(heartbeat.number)
        trial = study.storage.get_trial(trial_id)
        deaths = _deaths(trial) if blame else trial.user_attrs.get(attr.DEATHS_KEY, 0)
        if deaths >= MAX_DEATHS:
            failure, successor = Failure.CRASHED, None
            message = f"{deaths} workers died running it, and none got further than the one before"
        else:
            failure, successor = Failure.INTERRUPTED, _successor(study, trial, deaths=deaths)
            message = "its worker died"
        limit = math.inf if heartbeat.number in gone else until
        if study.storage.fail(trial_id, failure, message, successor, last=heartbeat, until=limit):
            reaped.append(heartbeat.number)
    return reaped


def _deaths(trial: FrozenTrial) -> int:
    """Workers that have died of a trial without progress, the one that has died now included."""
    got_further = (trial.last_step or 0) > trial.user_attrs.get(attr.REACHED_KEY, 0)
    return 1 if got_further else int(trial.user_attrs.get(attr.DEATHS_KEY, 0)) + 1


def _successor(study: OpenStudy, trial: FrozenTrial, *, deaths: int) -> FrozenTrial | None:
    """The waiting trial that goes on for an interrupted one.

    It has the same parameters and seed, and knows where to look for checkpoints; it is a new
    trial, so that an owner that was only suspended cannot write into it. What was enqueued, or is
    of the initial design, is kept too where it had not come to it yet. Another trial that was cut
    off before it had parameters needs none: the next one takes its place. One that has a seed has
    begun, in a space of fixed values without any.
    """
    given = None if study.is_closed else study.given(trial.number)
    params = (given or {}) | attr.fixed_params(trial) | trial.params
    job = {key: trial.user_attrs[key] for key in attr.JOB_KEYS if key in trial.user_attrs}
    if not (params or job or attr.SEED_KEY in trial.user_attrs):
        return None
    attrs: dict[str, Any] = {
        **job,
        attr.RESUMES_KEY: attr.origin(trial),
        attr.EARLIER_KEY: [trial.number, *attr.earlier(trial)],
    }
    if attr.SEED_KEY in trial.user_attrs:
        attrs[attr.SEED_KEY] = trial.user_attrs[attr.SEED_KEY]
    if deaths:
        attrs[attr.DEATHS_KEY] = deaths
    if reached := max(trial.last_step or 0, trial.user_attrs.get(attr.REACHED_KEY, 0)):
        attrs[attr.REACHED_KEY] = reached
    return waiting_trial(
        params, user=attrs, system={attr.REQUESTED_KEY: attr.requested_params(trial)}
    )
