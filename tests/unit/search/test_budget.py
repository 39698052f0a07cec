"""The budget: when a study is over, what counts, and trials that are given back."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from hpsearch.clock import Mark
from hpsearch.errors import Failure
from hpsearch.search import budget, claims, queueing
from hpsearch.search.attributes import origin
from hpsearch.search.storage import Heartbeat, TrialSummary
from hpsearch.search.study import OpenStudy
from hpsearch.space import PartialConfig, suggest_config

Finish = Callable[..., FrozenTrial]
NOON = datetime(2026, 5, 1, 12)


def at(start: int | None, end: int | None) -> TrialSummary:
    """A trial from minute ``start`` to minute ``end`` after noon."""
    return TrialSummary(
        number=0,
        state=TrialState.FAIL,
        start=None if start is None else NOON + timedelta(minutes=start),
        end=None if end is None else NOON + timedelta(minutes=end),
        value=None,
        failure=None,
    )


@pytest.mark.parametrize(
    ("spans", "minutes"),
    [
        ([], 0),
        ([(None, None)], 0),
        ([(0, 10)], 10),
        ([(0, 10), (20, 25)], 15),
        ([(0, 10), (5, 15)], 15),
        ([(5, 15), (0, 30), (10, 20)], 30),
        ([(0, 10), (55, None)], 15),
        ([(0, None), (0, 10)], 60),
    ],
)
def test_time_counts_once_however_many_trials_run(
    spans: list[tuple[int | None, int | None]], minutes: int
) -> None:
    trials = [at(*span) for span in spans]
    assert budget.seconds_used(trials, NOON + timedelta(hours=1)) == minutes * 60


def clocked(
    start: int, end: int | None, began: int, ended: int | None, boot: str = "a"
) -> TrialSummary:
    """As :func:`at`, with minutes of a machine's clock."""
    return replace(
        at(start, end),
        clock_start=Mark(boot, began * 60.0),
        clock_end=None if ended is None else Mark(boot, ended * 60.0),
    )


DAY = 24 * 60
HOUR_TWICE = [clocked(10 * (n % 6), 10 * (n % 6) + 10, 10 * n, 10 * n + 10) for n in range(12)]


@pytest.mark.parametrize(
    ("trials", "minutes"),
    [
        ([clocked(0, 10, 50, 60)], 10),
        ([clocked(0, DAY + 10, 50, 60)], 10),  # forward by a day
        ([clocked(0, -50, 50, 60)], 10),  # back by an hour
        (HOUR_TWICE, 120),  # back by an hour between two trials
        (HOUR_TWICE[::-1], 120),
        ([clocked(0, 70, 0, 10), clocked(65, 75, 5, 15)], 15),  # of two that run side by side
        ([clocked(0, None, 600, None)], 400),  # it runs here since before a jump
        ([clocked(DAY, None, 990, None)], 10),
        ([clocked(0, 10, 0, 10), clocked(5, 15, 7000, 7010, "b")], 15),  # two machines
        ([clocked(0, 10, 0, 10), clocked(5, None, 7000, None, "b")], 1000),
        (  # beside another machine, after a trial on a wrong date
            [
                clocked(-9000, -8990, 0, 10),
                clocked(20, 30, 20, 30),
                clocked(40, 50, 40, 50),
                clocked(40, 50, 7040, 7050, "b"),
            ],
            30,
        ),
        ([clocked(0, 10, 50, None)], 10),  # its end is not known by that clock
        ([at(0, 10), clocked(20, DAY, 50, 60)], 20),  # one of an older version
        ([clocked(0, 10, 50, 40)], 0),
    ],
)
def test_a_clock_that_is_set_changes_no_time_that_was_used(
    trials: list[TrialSummary], minutes: int
) -> None:
    now, here = NOON + timedelta(minutes=1000), Mark("a", 1000 * 60.0)
    assert budget.seconds_used(trials, now, here) == minutes * 60


def ended(state: TrialState, value: float | None = None, failure: str | None = None) -> FrozenTrial:
    attrs = {} if failure is None else {"failure": failure}
    return create_trial(state=state, value=value, user_attrs=attrs)


@pytest.mark.parametrize(
    ("trial", "counts"),
    [
        (ended(TrialState.COMPLETE, 0.5), True),
        (ended(TrialState.PRUNED), True),
        (ended(TrialState.RUNNING), False),
        (ended(TrialState.WAITING), False),
        (ended(TrialState.FAIL), False),  # by hand, in the dashboard
        *[(ended(TrialState.FAIL, failure=failure), failure.counts) for failure in Failure],
    ],
)
def test_what_counts(trial: FrozenTrial, counts: bool) -> None:
    assert budget.counts(trial) == counts
    summary = TrialSummary(
        number=0,
        state=trial.state,
        start=None,
        end=None,
        value=trial.value,
        failure=trial.user_attrs.get("failure"),
    )
    assert summary.counts == counts


@pytest.mark.parametrize(
    ("metric", "values", "since"),
    [
        ("val_accuracy", [], 0),
        ("val_accuracy", [None, None], 0),
        ("val_accuracy", [0.5], 0),
        ("val_accuracy", [0.5, 0.4, None, 0.5], 3),
        ("val_accuracy", [0.5, 0.4, 0.6], 0),
        ("val_accuracy", [None, 0.5, None], 1),
        ("val_loss", [0.5, 0.4, 0.6], 1),
    ],
)
def test_trials_since_the_best(
    open_study: Callable[..., OpenStudy],
    metric: str,
    values: list[float | None],
    since: int,
) -> None:
    ran = at(0, 0)
    trials = [
        replace(
            ran,
            state=TrialState.PRUNED if value is None else TrialState.COMPLETE,
            value=value,
            end=NOON + timedelta(minutes=minute),
        )
        for minute, value in enumerate(values)
    ]
    interrupted = replace(ran, failure="interrupted", end=NOON + timedelta(hours=2))
    study = open_study(objective={"metric": metric})
    assert budget.since_best(study, [interrupted, *reversed(trials)]) == since


def test_the_end_by_number(open_study: Callable[..., OpenStudy], finish: Finish) -> None:
    study = open_study(budget={"trials": 2})
    finish(study)
    assert budget.ending(study) is None
    finish(study, state=TrialState.PRUNED)
    assert budget.ending(study) == "trials"
    assert claims.claim(study) is None
    assert budget.ending(open_study(budget={"trials": 3})) is None
    assert budget.ending(study) is None  # a run elsewhere has raised it


def test_the_end_by_time(open_study: Callable[..., OpenStudy], finish: Finish) -> None:
    study = open_study(budget={"trials": 9, "timeout": "1h"})
    finish(study)
    assert budget.ending(study) is None
    trial = create_trial(state=TrialState.PRUNED)
    trial.datetime_start, trial.datetime_complete = NOON, NOON + timedelta(hours=2)
    study.optuna.add_trial(trial)
    assert budget.ending(study) == "timeout"


def test_the_end_by_a_plateau(open_study: Callable[..., OpenStudy], finish: Finish) -> None:
    study = open_study(budget={"trials": 9, "plateau": 2})
    endings = []
    for value in (0.5, 0.6, 0.6, 0.1):
        finish(study, value)
        endings.append(budget.ending(study))
    assert endings == [None, None, None, "plateau"]


def test_what_was_enqueued_survives_a_cut_before_it_was_drawn(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study(enqueue=[{"layers": 3, "units": 100}])
    cut = claims.claim(study)
    assert cut is not None
    cut.suggest_int("layers", 1, 5)  # and no further
    assert claims.interrupt(study, cut.number)
    again = claims.claim(study)
    assert again is not None
    assert suggest_config(study.file.space, again).network.units == (100, 100, 100)


def test_what_was_drawn_ahead_survives_a_cut_before_it_was_taken(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study()
    for _ in range(2):
        cut = claims.claim(study)
        assert cut is not None
        assert claims.interrupt(study, cut.number)
    again = claims.claim(study)
    assert again is not None
    suggest_config(study.file.space, again)
    assert again.params == study.first_trials[0]
    following = claims.claim(study)
    assert following is not None
    suggest_config(study.file.space, following)
    assert following.params == study.first_trials[1]


def test_nothing_takes_the_place_of_a_trial_that_was_never_drawn(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study(sampler={"type": "random"})
    cut = claims.claim(study)
    assert cut is not None
    assert claims.interrupt(study, cut.number)
    counts = study.counts()
    assert (counts.uncounted, counts.waiting) == (1, 0)


def test_a_trial_of_a_space_of_fixed_values_goes_on(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study(space={"layers": 1}, sampler={"type": "random"})
    cut = claims.claim(study)
    assert cut is not None
    suggest_config(study.file.space, cut)
    assert cut.params == {}
    cut.set_user_attr("seed", 17)
    assert claims.interrupt(study, cut.number)
    again = claims.claim(study)
    assert again is not None
    assert again.user_attrs == {"resumes": 0, "earlier": [0], "seed": 17}


def test_a_trial_that_was_cut_off_goes_on_before_others_begin(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study()
    for layers in (2, 3, 4):
        queueing.enqueue(study, PartialConfig(layers=layers), "mine.toml")
    cut = claims.claim(study)
    assert cut is not None
    suggest_config(study.file.space, cut)
    assert claims.interrupt(study, cut.number)
    started = [claims.claim(study) for _ in range(3)]
    assert [trial.number for trial in started if trial] == [3, 1, 2]


def test_a_trial_cut_off_twice_keeps_its_seed_and_its_origin(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study()
    for number in range(3):
        trial = claims.claim(study)
        assert trial is not None
        assert trial.number == number
        suggest_config(study.file.space, trial)
        if number == 0:
            trial.set_user_attr("seed", 17)
        claims.interrupt(study, number)
    last = study.trials()[3]
    assert last.user_attrs == {"resumes": 0, "earlier": [2, 1, 0], "seed": 17}
    assert origin(last) == 0


def test_only_the_running_trials_of_the_dead_are_reaped(
    open_study: Callable[..., OpenStudy], finish: Finish
) -> None:
    study = open_study()
    finish(study)
    running: list[optuna.Trial] = []
    for _ in range(2):
        trial = claims.claim(study)
        assert trial is not None
        suggest_config(study.file.space, trial)
        running.append(trial)
    asked: list[int] = []

    def is_gone(heartbeat: Heartbeat) -> bool:
        asked.append(heartbeat.number)
        return heartbeat.number == 2

    heartbeats = study.storage.heartbeats(study.study_id)
    assert claims.reap(study, heartbeats, is_gone) == [2]
    assert asked == [1, 2]
    states: list[Any] = [trial.state for trial in study.trials()]
    assert states == [
        TrialState.COMPLETE, TrialState.RUNNING, TrialState.FAIL, TrialState.WAITING
    ]  # fmt: skip
    assert "its worker died" in study.trials()[2].user_attrs["failure_message"]


def test_many_failures_in_a_row_end_the_study_until_it_is_run_again(
    open_study: Callable[..., OpenStudy], finish: Finish
) -> None:
    study = open_study(budget={"trials": 99})

    def fail(times: int, failure: Failure) -> None:
        for _ in range(times):
            trial = claims.claim(study)
            assert trial is not None
            claims.fail(study, trial.number, failure, "because")

    fail(budget.MAX_FAILURES - 1, Failure.DIVERGED)
    finish(study)
    fail(budget.MAX_FAILURES - 1, Failure.DIVERGED)
    fail(3, Failure.INTERRUPTED)  # says nothing about configurations
    assert budget.ending(study) is None
    fail(1, Failure.TIMEOUT)
    assert budget.ending(study) == "failures"
    found = budget.failures_in_a_row(study, study.trial_summaries())
    assert found == [Failure.TIMEOUT] + [Failure.DIVERGED] * (budget.MAX_FAILURES - 1)
    budget.begin_run(study)
    assert budget.ending(study) is None
    fail(budget.MAX_FAILURES, Failure.OUT_OF_MEMORY)
    assert budget.ending(study) == "failures"


def test_a_stop_lasts_until_the_next_run(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study()
    assert budget.stop_requested(study) is None
    budget.begin_run(study)
    assert budget.stops_over(study) == 0
    assert [budget.request_stop(study, how) for how in ("leave", "now")] == [1, 2]
    assert budget.stop_requested(open_study()) == "now"
    assert budget.stops_over(study) == 1
    budget.begin_run(study)
    budget.begin_run(study)
    assert budget.stop_requested(study) is None
    assert budget.stops_over(study) == 2
