"""The budget: when a study is over, taking a place in it, and giving a place back."""

import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median_low
from typing import Any, Literal

from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from hpsearch.errors import Failure, uses_place
from hpsearch.ranking import is_better
from hpsearch.search.asked import ASKED_KEY, FIXED_KEY, asked, fixed
from hpsearch.search.clock import Mark, mark
from hpsearch.search.samplers import make_sampler
from hpsearch.search.storage import STOP_KEY, Brief, BudgetSpentError, Pulse
from hpsearch.search.study import OpenStudy, size_of
from hpsearch.space import smallest

MAX_DEATHS = 3
"""Workers that may die of a trial, one after the other and none getting further than the one
before, until that is the configuration's fault."""

MAX_FAILURES = 10
"""Trials in a row that may fail by their configurations since the last ``run`` began."""

PROMPT = 1.0
"""Seconds within which who gives no sign of life must be reaped: where writing takes longer,
another program's lock may be what keeps the worker from it, too."""

JOB_KEYS = ("config", "of", "kind", "recipe_changes")
"""Trial user attributes of a fixed configuration: what it is, and whose."""

SINCE_KEY = "failures_since"
"""Study user attribute: the number of trials when the last ``run`` began."""

Ending = Literal["trials", "timeout", "plateau", "failures"]

ENDED: dict[Ending, str] = {
    "trials": "all its trials are done",
    "timeout": "its time is used up",
    "plateau": "no trial has improved on the best for long",
    "failures": "its last trials all failed",
}
"""Why a study has ended, for a reader."""
Stop = Literal["leave", "now"]


def ending(study: OpenStudy) -> Ending | None:
    """Why no further trial should start, or None while there is something left to do.

    Places that running trials hold are not spent yet: they may come back.
    """
    budget, counts = study.budget, study.counts()
    if counts.counted >= budget.trials:
        return "trials"
    if study.is_closed:
        return None if counts.waiting or counts.running else "trials"
    if counts.failed < MAX_FAILURES and budget.timeout is None and budget.plateau is None:
        return None
    trials = study.briefs()
    if len(failures_in_a_row(study, trials)) >= MAX_FAILURES:
        return "failures"
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
    given = study.given(trial.number)
    study.optuna.sampler = make_sampler(study.file, study.shift + trial.number, given)
    return trial


def interrupt(study: OpenStudy, number: int, message: str = "interrupted before its end") -> bool:
    """Fail a running trial as interrupted and put a successor in the queue.

    Returns:
        False where the trial had ended meanwhile: then nothing was done.
    """
    trial_id = study.trial_id(number)
    trial = study.storage.get_trial(trial_id)
    successor = _successor(study, trial, deaths=trial.user_attrs.get("deaths", 0))
    return study.storage.fail(trial_id, Failure.INTERRUPTED, message, successor)


def redraw(study: OpenStudy, number: int, message: str) -> bool:
    """Fail a trial as too large; what was asked for of it is tried again, the rest drawn anew.

    What is too large by itself has no successor.

    Returns:
        False where the trial had ended meanwhile: then nothing was done.
    """
    trial_id, limit = study.trial_id(number), study.budget.max_parameters
    wanted = asked(study.storage.get_trial(trial_id))
    least = size_of(smallest(study.file.space, wanted), study.data)
    again = wanted and (limit is None or least <= limit)
    successor = _waiting({FIXED_KEY: wanted}, {}) if again else None
    return study.storage.fail(trial_id, Failure.TOO_LARGE, message, successor)


def fail(study: OpenStudy, number: int, failure: Failure, message: str) -> bool:
    """End a running trial without a value and without a successor.

    Returns:
        False where it had ended meanwhile (it was taken away): then nothing was done.
    """
    return study.storage.fail(study.trial_id(number), failure, message)


def reap(
    study: OpenStudy,
    pulses: Sequence[Pulse],
    is_gone: Callable[[Pulse], bool],
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
        pulses: the last signs of life of its running trials, just read. Who has given another one
            since then lives.
        is_gone: asked of each, whether the trial's worker is known to be gone.
        silent: the trials whose workers have given no sign of life for too long.
        blame: whether the death may be the trial's fault; not where we killed the worker.
    """
    reaped, until = [], time.monotonic() + PROMPT
    gone = {pulse.number for pulse in pulses if is_gone(pulse)}
    dead = [pulse for pulse in pulses if pulse.number in gone.union(silent)]
    blame = blame and bool(dead) and stop_requested(study) != "now"
    for pulse in dead:
        trial_id = study.trial_id(pulse.number)
        trial = study.storage.get_trial(trial_id)
        deaths = _deaths(trial) if blame else trial.user_attrs.get("deaths", 0)
        if deaths >= MAX_DEATHS:
            failure, successor = Failure.CRASHED, None
            message = f"{deaths} workers died running it, and none got further than the one before"
        else:
            failure, successor = Failure.INTERRUPTED, _successor(study, trial, deaths=deaths)
            message = "its worker died"
        limit = math.inf if pulse.number in gone else until
        if study.storage.fail(trial_id, failure, message, successor, last=pulse, until=limit):
            reaped.append(pulse.number)
    return reaped


def _deaths(trial: FrozenTrial) -> int:
    """Workers that have died of a trial without progress, the one that has died now included."""
    got_further = (trial.last_step or 0) > trial.user_attrs.get("reached", 0)
    return 1 if got_further else int(trial.user_attrs.get("deaths", 0)) + 1


def _successor(study: OpenStudy, trial: FrozenTrial, *, deaths: int) -> FrozenTrial | None:
    """The waiting trial that goes on for an interrupted one.

    It has the same parameters and seed, and knows where to look for checkpoints; it is a new
    trial, so that an owner that was only suspended cannot write into it. What was enqueued, or
    drawn ahead for it, is kept too where it had not come to it yet. Another trial that was cut off
    before it had parameters needs none: the next one takes its place.
    """
    given = None if study.is_closed else study.given(trial.number)
    params = (given or {}) | fixed(trial) | trial.params
    job = {key: trial.user_attrs[key] for key in JOB_KEYS if key in trial.user_attrs}
    if not (params or job):
        return None
    attrs: dict[str, Any] = {
        **job,
        "resumes": origin(trial),
        "earlier": [trial.number, *earlier(trial)],
    }
    if "seed" in trial.user_attrs:
        attrs["seed"] = trial.user_attrs["seed"]
    if deaths:
        attrs["deaths"] = deaths
    if reached := max(trial.last_step or 0, trial.user_attrs.get("reached", 0)):
        attrs["reached"] = reached
    return _waiting({FIXED_KEY: params, ASKED_KEY: asked(trial)}, attrs)


def origin(trial: FrozenTrial) -> int:
    """The number of the trial that this one goes on for, the first of them; or its own."""
    return int(trial.user_attrs.get("resumes", trial.number))


def earlier(trial: FrozenTrial) -> list[int]:
    """The numbers of the trials that this one goes on for, the latest first."""
    return [int(number) for number in trial.user_attrs.get("earlier", ())]


def _waiting(system_attrs: dict[str, Any], user_attrs: dict[str, Any]) -> FrozenTrial:
    return create_trial(state=TrialState.WAITING, system_attrs=system_attrs, user_attrs=user_attrs)


def counts(trial: FrozenTrial) -> bool:
    """Whether a finished trial used up a place in the budget."""
    if trial.state == TrialState.FAIL:
        return uses_place(trial.user_attrs.get("failure"))
    return trial.state.is_finished()


def since_best(study: OpenStudy, trials: Sequence[Brief]) -> int:
    """Counted trials that ended after the best one so far; 0 before any completed."""
    ended = _in_order_of_ending(trials)
    best: float | None = None
    last = len(ended)
    for index, trial in enumerate(ended):
        if (
            trial.state == TrialState.COMPLETE
            and trial.value is not None
            and is_better(study.file.objective.measure, trial.value, best)
        ):
            best, last = trial.value, index + 1
    return len(ended) - last


def failures_in_a_row(study: OpenStudy, trials: Sequence[Brief]) -> list[Failure]:
    """Why the last counted trials failed, the latest first, as far as there is no other among them.

    Only trials that were made since the last ``run`` began are looked at.
    """
    since = study.optuna.user_attrs.get(SINCE_KEY, 0)
    failures: list[Failure] = []
    for trial in reversed(_in_order_of_ending(trials[since:])):
        failure = Failure.known(trial.failure)
        if failure is None:
            break
        failures.append(failure)
    return failures


def begin_run(study: OpenStudy) -> None:
    """Note that a ``run`` begins: what ``stop`` asked for is over, failures count anew."""
    study.optuna.set_user_attr(SINCE_KEY, study.storage.get_n_trials(study.study_id))
    study.storage.revise(study.study_id, STOP_KEY, lambda stop: stop and stop | {"over": True})


def request_stop(study: OpenStudy, how: Stop) -> int:
    """Ask the study's workers, wherever they are, to leave. From now on no trial starts.

    Returns:
        The number of the request, from 1.
    """

    def ask(before: Any) -> dict[str, Any]:
        number = before["number"] + 1 if before else 1
        return {"number": number, "how": how, "over": False}

    return int(study.storage.revise(study.study_id, STOP_KEY, ask)["number"])


def stops_over(study: OpenStudy) -> int:
    """The number of the last request to stop after which a ``run`` has begun; 0: there is none."""
    stop = study.optuna.user_attrs.get(STOP_KEY)
    return 0 if stop is None else int(stop["number"]) - (not stop["over"])


def stop_requested(study: OpenStudy, since: int | None = None) -> Stop | None:
    """What was asked for: "leave" with a checkpoint, or end "now"; None: nothing.

    Args:
        study: the study.
        since: what :func:`stops_over` was when a process began, which leaves although another
            ``run`` may have begun since then; None: a request that is over is none.
    """
    stop = study.optuna.user_attrs.get(STOP_KEY)
    since = stops_over(study) if since is None else since
    return None if stop is None or stop["number"] <= since else stop["how"]


def _in_order_of_ending(trials: Sequence[Brief]) -> list[Brief]:
    """The counted trials, the one that ended first at the beginning."""
    return sorted((t for t in trials if t.counts), key=lambda t: t.end or datetime.max)


def seconds_used(
    trials: Sequence[Brief], now: datetime | None = None, here: Mark | None = None
) -> float:
    """Seconds in which at least one trial was running: the length of the union of their times.

    Args:
        trials: the trials.
        now: the time of day, in UTC without a time zone; None: the present one.
        here: the same by this machine's clock.
    """
    now = now or datetime.now(UTC).replace(tzinfo=None)
    total, reached = timedelta(), datetime.min
    for start, end in sorted(_spans(trials, now, here or mark())):
        total += max(end - max(start, reached), timedelta())
        reached = max(end, reached)
    return total.total_seconds()


def _spans(
    trials: Sequence[Brief], now: datetime, here: Mark
) -> Iterator[tuple[datetime, datetime]]:
    """When trials started and ended, or now.

    The time of day may be set back or forward while trials run. So each start of a machine has one
    date, by most of its trials; from there on all is reckoned by the machine's own clock, as far as
    that was noted.
    """
    boots: dict[str, list[datetime]] = {}
    for trial in trials:
        if trial.start and (began := trial.clock_start):
            boots.setdefault(began.boot, []).append(trial.start - timedelta(seconds=began.seconds))
    begun = {boot: median_low(dates) for boot, dates in boots.items()}

    def date(moment: Mark) -> datetime:
        return begun[moment.boot] + timedelta(seconds=moment.seconds)

    now = date(here) if here.boot in begun else now
    for trial in trials:
        if trial.start is None:
            continue
        if (began := trial.clock_start) is None:
            yield trial.start, trial.end or now
            continue
        start = date(began)
        ended = trial.clock_end if trial.end else here
        if ended and ended.boot == began.boot:
            yield start, date(ended)
        else:  # as long as the dates say
            yield start, start + (trial.end - trial.start) if trial.end else now
