"""Replays of scripts/bench/search/stopping.py: what happens in one, and by which rules."""

import math
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.pruners import BasePruner, MedianPruner, PercentilePruner, SuccessiveHalvingPruner
from optuna.trial import TrialState

BENCH = Path(__file__).parents[3] / "scripts" / "bench"


@pytest.fixture
def bench() -> Iterator[SimpleNamespace]:
    path, known = [*sys.path], {*sys.modules}
    sys.path.insert(0, str(BENCH / "search"))
    names = ("pools", "replayed", "compared", "stopping_rules", "judged")
    yield SimpleNamespace(**{name: import_module(name) for name in names})
    sys.path[:] = path
    for name in sys.modules.keys() - known:
        if str(BENCH) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def training(bench: SimpleNamespace) -> Callable[..., Any]:
    def make(*errors: float, seconds: float = 1.0) -> Any:
        return bench.pools.Training(errors=errors, seconds=seconds, worth=min(errors))

    return make


PAIRS: dict[str, tuple[Callable[[Any], Any], BasePruner]] = {
    "median": (lambda rules: rules.percentile(50.0, 3, 0.2), MedianPruner(3, 5)),
    "best quarter": (lambda rules: rules.percentile(25.0, 3, 0.1), PercentilePruner(25.0, 3, 3)),
    "halving": (
        lambda rules: rules.halving(2, 3),
        SuccessiveHalvingPruner(min_resource=2, reduction_factor=3),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_pruner_decides_as_that_of_optuna(
    bench: SimpleNamespace, training: Callable[..., Any], name: str
) -> None:
    make, theirs = PAIRS[name]
    ours, random = make(bench.stopping_rules), np.random.default_rng(0)
    drawn = [training(*(random.random() + random.random(20))) for _ in range(30)]
    study = optuna.create_study(pruner=theirs)
    trials = [bench.replayed.Trial(training=one) for one in drawn]
    search = bench.replayed.Search(trials=trials, until=math.inf, at=[[] for _ in range(20)])
    for trial in trials:
        other, trial.state = study.ask(), "running"
        while trial.state == "running":
            bench.replayed._train(search, trial, ours, None)
            other.report(trial.error, trial.epoch)
            is_pruned = trial.epoch < 20 and other.should_prune()
            assert is_pruned == (trial.state == "pruned")
        if is_pruned:
            study.tell(other, state=TrialState.PRUNED)
        else:
            study.tell(other, trial.best)
    assert {one.state for one in trials} == {"pruned", "complete"}


def test_two_workers_train_and_the_end_cuts_off_what_runs(
    bench: SimpleNamespace, training: Callable[..., Any]
) -> None:
    drawn = [training(0.5, 0.4), training(0.9, 0.8, seconds=2.0), training(0.3, 0.2)]
    never, in_order = bench.stopping_rules.never, bench.stopping_rules.InOrder()
    found = bench.replayed.replay(drawn, in_order, never, None, (1.0, 3.5, 9.0))
    before, cut_off, after = found.stood
    assert before.complete is None
    assert before.counted == 0.5
    assert (cut_off.complete.best, cut_off.counted) == (0.4, 0.3)
    assert after.complete.best == 0.2
    assert found.seconds == 8.0


def test_patience_completes_a_trial_with_its_best_epoch(
    bench: SimpleNamespace, training: Callable[..., Any]
) -> None:
    drawn = [training(0.5, 0.3, 0.4, 0.4, 0.1)]
    never, in_order = bench.stopping_rules.never, bench.stopping_rules.InOrder()
    found = bench.replayed.replay(drawn, in_order, never, 2, (9.0,))
    assert found.stood[0].complete.best == 0.3
    assert found.seconds == 4.0


@pytest.mark.parametrize("kind", ["IEpoch", "Pasha"])
def test_what_is_left_of_the_time_finishes_the_best(
    bench: SimpleNamespace, training: Callable[..., Any], kind: str
) -> None:
    drawn = [training(*np.linspace(0.2 * last, 0.1 * last, 9)) for last in (5, 3, 1, 4, 2)]
    rules = bench.stopping_rules
    steering = rules.IEpoch(0.0, 1) if kind == "IEpoch" else rules.Pasha(3, 1)
    found = bench.replayed.replay(drawn, steering, rules.never, None, (15.0,))
    assert found.stood[0].complete.best == pytest.approx(0.1)


def test_no_trial_begins_that_is_not_expected_to_end(
    bench: SimpleNamespace, training: Callable[..., Any]
) -> None:
    drawn = [training(*[0.5] * 4) for _ in range(9)]
    rules = bench.stopping_rules
    steering = rules.LastMinutes(fits=True)
    found = bench.replayed.replay(drawn, steering, rules.never, None, (10.0,))
    assert found.search.begun == 4


def test_a_rule_that_is_better_everywhere_is_chosen_and_told_so(bench: SimpleNamespace) -> None:
    judged, default = bench.judged, bench.compared.DEFAULT
    regret = np.random.default_rng(0).random(12)
    values = {default: regret, "worse": regret + 0.1, "better": regret - 0.1}
    told, chosen = judged.held_out(values, list(values))
    assert chosen == [("better", judged.DRAWS // 4)]
    assert told.mean == pytest.approx(-0.1)
    assert judged.difference(values["worse"], regret).low == pytest.approx(0.1)
