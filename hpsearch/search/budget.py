"""The budget: when a study is over, what is used of it, and requests to stop."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median_low
from typing import Any, Literal

from optuna.trial import FrozenTrial, TrialState

from hpsearch.clock import Mark, mark
from hpsearch.errors import Failure, InputError, uses_place
from hpsearch.fields import Section
from hpsearch.parsing import parse
from hpsearch.ranking import is_better
from hpsearch.search.attributes import BUDGET_KEY, CLOSED_KEY, FAILURE_KEY, SINCE_KEY, STOP_KEY
from hpsearch.search.sampling.grid import grid_size
from hpsearch.search.shapes import Stop
from hpsearch.search.storage import TrialSummary
from hpsearch.search.study import OpenStudy
from hpsearch.search_sections import BudgetSection, Grid
from hpsearch.study_file import StudyFile
from hpsearch.walks import settle

MAX_FAILURES = 10
"""Trials in a row that may fail by their configurations since the last ``run`` began."""

Ending = Literal["trials", "timeout", "plateau", "failures"]

ENDED: dict[Ending, str] = {
    "trials": "all its trials are done",
    "timeout": "its time is used up",
    "plateau": "no trial has improved on the best for long",
    "failures": "its last trials all failed",
}
"""Why a study has ended, for a reader."""


def ending(study: OpenStudy, known: Sequence[TrialSummary] | None = None) -> Ending | None:
    """Why no further trial should start, or None while there is something left to do.

    Places that running trials hold are not spent yet: they may come back.

    Args:
        study: the study.
        known: its trials, where they were read just now; None: they are read where that is needed.
    """
    attributes, counts = study.optuna.user_attrs, study.counts()
    budget = study.budget_of(attributes)
    if counts.counted >= budget.trials:
        return "trials"
    if attributes.get(CLOSED_KEY):
        return None if counts.waiting or counts.running else "trials"
    if counts.failed < MAX_FAILURES and budget.timeout is None and budget.plateau is None:
        return None
    trials = study.trial_summaries() if known is None else known
    if len(_failures_since(trials, attributes)) >= MAX_FAILURES:
        return "failures"
    if budget.timeout is not None and seconds_used(trials) >= budget.timeout:
        return "timeout"
    if budget.plateau is not None and since_best(study, trials) >= budget.plateau:
        return "plateau"
    return None


def counts(trial: FrozenTrial) -> bool:
    """Whether a finished trial used up a place in the budget."""
    if trial.state == TrialState.FAIL:
        return uses_place(trial.user_attrs.get(FAILURE_KEY))
    return trial.state.is_finished()


def since_best(study: OpenStudy, trials: Sequence[TrialSummary]) -> int:
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


def failures_in_a_row(study: OpenStudy, trials: Sequence[TrialSummary]) -> list[Failure]:
    """Why the last counted trials failed, the latest first, as far as there is no other among them.

    Only trials that were made since the last ``run`` began are looked at.
    """
    return _failures_since(trials, study.optuna.user_attrs)


def _failures_since(trials: Sequence[TrialSummary], attributes: Mapping[str, Any]) -> list[Failure]:
    """The same, from the attributes of a study."""
    since = attributes.get(SINCE_KEY, 0)
    failures: list[Failure] = []
    for trial in reversed(_in_order_of_ending(trials[since:])):
        failure = Failure.known(trial.failure)
        if failure is None:
            break
        failures.append(failure)
    return failures


def change_budget(study: OpenStudy, given: Mapping[str, Any]) -> BudgetSection:
    """Change limits of a study, as ``hpsearch run --trials N`` does; the others stay.

    Args:
        study: the study; it may be running.
        given: keys of ``[budget]`` and their values, as one writes them in a study file.

    Returns:
        The budget as it is now: a grid has no more trials than points.

    Raises:
        InputError: a value that is none, or a confirmation study.
    """
    if study.is_closed:
        raise InputError(
            f"study {study.name}: has as many trials as were asked for by confirming; it has no"
            " budget of its own"
        )

    def changed(stored: Any) -> dict[str, Any]:
        before = study.file.budget.model_dump(mode="json") if stored is None else stored
        table = {"budget": {**before, **given}}
        budget = parse(_Budgeted, table, f"study {study.name}").budget
        return at_most(study.file, budget, stored).model_dump(mode="json")

    found = study.storage.revise(study.study_id, BUDGET_KEY, changed)
    return BudgetSection.model_validate(found)


class _Budgeted(Section):
    """What messages name as ``budget.trials``."""

    budget: BudgetSection


def at_most(
    file: StudyFile, budget: BudgetSection, stored: Mapping[str, Any] | None
) -> BudgetSection:
    """A budget as it is kept: a grid has no more trials than points.

    Args:
        file: the study file.
        budget: as it is wanted.
        stored: the study's budget so far; None: it has none yet.
    """
    if not isinstance(file.sampler, Grid):
        return budget
    wanted = [settle(file.space, partial) for partial in file.first]
    most = grid_size(file.space, wanted)
    if stored is not None:
        # An older version tried points twice that were enqueued, and counted them so.
        most = max(most, min(stored["trials"], grid_size(file.space) + len(wanted)))
    return budget.model_copy(update={"trials": min(budget.trials, most)})


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
    return _over(study.optuna.user_attrs.get(STOP_KEY))


def _over(stop: Mapping[str, Any] | None) -> int:
    """The same, from the last request."""
    return 0 if stop is None else int(stop["number"]) - (not stop["over"])


def stop_requested(study: OpenStudy, since: int | None = None) -> Stop | None:
    """What was asked for: "leave" with a checkpoint, or end "now"; None: nothing.

    Args:
        study: the study.
        since: what :func:`stops_over` was when a process began, which leaves although another
            ``run`` may have begun since then; None: a request that is over is none.
    """
    stop = study.optuna.user_attrs.get(STOP_KEY)
    since = _over(stop) if since is None else since
    return None if stop is None or stop["number"] <= since else stop["how"]


def _in_order_of_ending(trials: Sequence[TrialSummary]) -> list[TrialSummary]:
    """The counted trials, the one that ended first at the beginning."""
    return sorted((t for t in trials if t.counts), key=lambda t: t.end or datetime.max)


def seconds_used(
    trials: Sequence[TrialSummary], now: datetime | None = None, here: Mark | None = None
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
    trials: Sequence[TrialSummary], now: datetime, here: Mark
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
