"""The conditional sampler: what it draws is what the walk asks for, and it finds what is better."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optuna
import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState, create_trial

from hpsearch.ranges import Suggest
from hpsearch.search.sampling.conditional import Candidate, ConditionalTPESampler, split
from hpsearch.search.sampling.parzen import Parzen
from hpsearch.space import Space, suggest_config

Walk = Callable[[Suggest], Any]


def branches(ask: Suggest) -> list[float]:
    """A branch with one parameter beside one with six."""
    if ask.suggest_categorical("kind", ("short", "long")) == "short":
        return [ask.suggest_float("x", 0.0, 1.0)]
    return [ask.suggest_float(f"y_{number}", 0.0, 1.0) for number in range(6)]


def long_wins(point: Sequence[float]) -> float:
    if len(point) == 1:
        return 0.2 + (point[0] - 0.3) ** 2
    return 3 * float(np.mean((np.array(point) - 0.4) ** 2))


def short_wins(point: Sequence[float]) -> float:
    """In a narrow place; elsewhere it is worse than the long one."""
    if len(point) == 1:
        return min(1.0, 40 * (point[0] - 0.83) ** 2)
    return 0.15 + float(np.mean((np.array(point) - 0.4) ** 2))


def search(
    walk: Walk, loss: Callable[[Any], float], seed: int, count: int, **options: Any
) -> optuna.Study:
    study = optuna.create_study()
    for number in range(count):
        study.sampler = ConditionalTPESampler(walk, 1_000 * seed + number, **options)
        trial = study.ask()
        study.tell(trial, loss(walk(trial)))
    return study


def drawn(study: optuna.Study) -> list[dict[str, Any]]:
    return [trial.params for trial in study.get_trials(deepcopy=False)]


@given(strategies.spaces(), st.integers(0, 2**32))
def test_a_candidate_has_exactly_what_the_walk_asks_for(table: dict[str, Any], seed: int) -> None:
    space, rng = Space.model_validate(table), np.random.default_rng(seed)
    observed: list[dict[str, Any]] = []
    for _ in range(4):  # each follows the ones before it, or the prior
        candidate = Candidate(Parzen(observed), len(observed), rng, {})
        config = suggest_config(space, candidate)
        assert strategies.within(space, config)
        trial = optuna.create_study().ask()
        trial._fixed_params = candidate.params  # one with a single value is never asked for
        assert suggest_config(space, trial) == config
        several = {n: d for n, d in trial.distributions.items() if not d.single()}
        assert several == candidate.distributions
        assert {name: trial.params[name] for name in several} == candidate.params
        observed.append(candidate.params)


def test_a_trial_gets_one_candidate_and_asks_for_nothing_else() -> None:
    study = search(branches, long_wins, 0, 12)
    study.sampler = ConditionalTPESampler(branches, 5)
    frozen = study.ask()._cached_frozen_trial
    space = study.sampler.infer_relative_search_space(study, frozen)
    params = study.sampler.sample_relative(study, frozen, space)
    assert params.keys() == space.keys()
    assert set(params) in ({"kind", "x"}, {"kind", *(f"y_{number}" for number in range(6))})


def test_the_same_seed_and_history_draw_the_same_and_another_seed_others() -> None:
    first, again, other = (drawn(search(branches, long_wins, seed, 25)) for seed in (0, 0, 1))
    assert first == again
    assert all(one not in other for one in first)


def test_it_is_random_until_there_are_enough_trials() -> None:
    study = optuna.create_study()
    for number in range(4):
        study.sampler = ConditionalTPESampler(branches, number, n_startup_trials=3)
        trial = study.ask()
        branches(trial)
        assert bool(trial.relative_params) is (number == 3)
        study.tell(trial, 0.5)


def test_what_is_fixed_decides_what_is_drawn() -> None:
    study = search(branches, short_wins, 0, 30)
    for kind, seed in (("long", 1), ("short", 2)):
        study.enqueue_trial({"kind": kind})
        study.sampler = ConditionalTPESampler(branches, seed)
        trial = study.ask()
        assert len(branches(trial)) == {"long": 6, "short": 1}[kind]
        assert trial.params.keys() == trial.relative_params.keys()


def test_running_trials_count_as_bad() -> None:
    def nearest(*, liar: bool) -> float:
        study = search(lambda ask: ask.suggest_float("x", 0, 1), lambda x: abs(x - 0.5), 0, 40)
        found = []
        for seed in range(20):
            study.sampler = ConditionalTPESampler(
                lambda ask: ask.suggest_float("x", 0, 1), seed, constant_liar=liar
            )
            found.append(study.ask().suggest_float("x", 0, 1))  # and never told
        return float(np.mean(np.diff(sorted(found))))

    assert nearest(liar=True) > 2 * nearest(liar=False)


@pytest.mark.parametrize("loss", [long_wins, short_wins], ids=["long", "short"])
def test_the_better_branch_is_found_whatever_number_of_parameters_it_has(
    loss: Callable[[Any], float],
) -> None:
    wanted = "long" if loss is long_wins else "short"
    for seed in range(3):
        found = search(branches, loss, seed, 100)
        assert found.best_params["kind"] == wanted
        assert found.best_value < 0.05
        assert sum(one["kind"] == wanted for one in drawn(found)[-20:]) > 10


def trial_of(number: int, value: float | None, *reports: float) -> FrozenTrial:
    """A complete trial, or a pruned one where it has no value; without either it is running."""
    state = TrialState.COMPLETE if value is not None else TrialState.PRUNED
    if value is None and not reports:
        state = TrialState.RUNNING
    told = dict(enumerate(reports, 1))
    trial = create_trial(value=value, state=state, intermediate_values=told)
    trial.number = number
    return trial


@pytest.mark.parametrize("maximize", [False, True])
def test_good_are_the_best_complete_trials(maximize: bool) -> None:
    values = [0.5, 0.1, 0.9, 0.3, 0.7] * 4
    trials = [trial_of(number, value) for number, value in enumerate(values)]
    good, rest = split([*trials, trial_of(20, None)], maximize=maximize)
    assert [one.number for one in good] == ([2, 7] if maximize else [1, 6])
    assert sorted(one.number for one in good + rest) == list(range(21))
    assert rest == sorted(rest, key=lambda one: one.number)


def test_pruned_trials_rank_behind_complete_ones_by_how_far_they_came() -> None:
    trials = [trial_of(number, None, 0.1) for number in range(9)]
    trials += [trial_of(9, 0.9), trial_of(10, None, 0.9, 0.8), trial_of(11, None, 0.9, 0.7)]
    trials += [trial_of(number, None, 0.2) for number in range(12, 21)]
    assert [one.number for one in split(trials, maximize=False)[0]] == [9, 10, 11]
    assert [one.number for one in split(trials[:10], maximize=False)[0]] == [9]


def test_never_more_than_25_are_good() -> None:
    trials = [trial_of(number, float(number)) for number in range(400)]
    assert [one.number for one in split(trials, maximize=False)[0]] == list(range(25))
