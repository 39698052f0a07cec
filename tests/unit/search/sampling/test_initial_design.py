"""The initial design: the cheapest configurations first."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from conftest import SPACE

from hpsearch.config import TrialConfig
from hpsearch.networks.network import Size
from hpsearch.search import claims
from hpsearch.search.attributes import FILE_KEY
from hpsearch.search.lookup import load_study
from hpsearch.search.queueing import enqueue
from hpsearch.search.sampling import initial_design as start
from hpsearch.search.sampling.initial_design import MOST, cheapest_first, cost
from hpsearch.search.sampling.samplers import _Given, make_sampler
from hpsearch.search.study import OpenStudy
from hpsearch.search_sections import BudgetSection
from hpsearch.space import PartialConfig, Replay, Space, suggest_config
from hpsearch.study_file import StudyFile

LIMIT = BudgetSection(max_parameters=300_000)
NONE = BudgetSection()


def size(config: TrialConfig) -> Size:
    return config.network.size((64,), 10)


def sizes(space: Space, drawn: Sequence[Mapping[str, Any]]) -> list[int]:
    return [size(suggest_config(space, Replay(params))).parameters for params in drawn]


def costs(space: Space, drawn: Sequence[Mapping[str, Any]]) -> list[float]:
    configs = [suggest_config(space, Replay(params)) for params in drawn]
    return [cost(config, size(config)) for config in configs]


def claim(study: OpenStudy) -> dict[str, Any]:
    """Start a trial; its parameters."""
    trial = claims.claim(study)
    assert trial is not None
    suggest_config(study.file.space, trial)
    return trial.params


@pytest.fixture
def space() -> Space:
    choices = {"type": "categorical", "choices": [32, 64, 128, 256]}
    return Space.model_validate({**SPACE, "batch_size": choices})


def test_the_cheapest_comes_first_and_none_is_too_large(space: Space) -> None:
    drawn = cheapest_first(space, 20, 0, size, LIMIT)
    found = costs(space, drawn)
    assert found == sorted(found)
    assert len(set(found)) == 20
    assert max(sizes(space, drawn)) <= 300_000
    assert max(sizes(space, cheapest_first(space, 20, 0, size, NONE))) > 300_000


def test_a_small_batch_makes_a_network_dearer() -> None:
    small, large = TrialConfig(batch_size=32), TrialConfig(batch_size=256)
    network = Size(parameters=1_000, macs=1_000)
    assert cost(small, network) == 202_000
    assert cost(large, network) == 26_125


def test_they_follow_from_the_seed(space: Space) -> None:
    first, again, other = (cheapest_first(space, 5, seed, size, LIMIT) for seed in (0, 0, 1))
    assert first == again
    assert not any(params in first for params in other)


def test_only_their_order_is_chosen(space: Space) -> None:
    few, more = (cheapest_first(space, count, 0, size, NONE) for count in (4, 8))
    assert all(params in more for params in few)


def test_not_too_many_are_drawn(space: Space) -> None:
    assert len(cheapest_first(space, MOST + 1, 0, size, NONE)) == MOST


def test_a_limit_that_hardly_any_keeps_ends_the_draws(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "MAX_TRIES", 3)
    assert len(cheapest_first(space, 2, 0, size, BudgetSection(max_macs=1))) == 2


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_workers_take_them_in_order_and_what_is_enqueued_between(
    open_study: Callable[..., OpenStudy], pruner: str
) -> None:
    chosen = {"sampler": {"type": "tpe", "n_startup_trials": 4}, "pruner": {"type": pruner}}
    one, two = open_study(**chosen), open_study(**chosen)
    ahead = one.first_trials
    assert len(ahead) == 4
    assert [claim(one), claim(two)] == ahead[:2]
    enqueue(one, PartialConfig(layers=1, units=77), "here")
    assert claim(two)["units_0"] == 77
    assert [claim(one), claim(two)] == ahead[2:]
    assert claim(one) not in ahead


def test_what_is_cut_off_goes_on_and_the_next_one_is_the_next(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study()
    ahead = study.first_trials
    assert claim(study) == ahead[0]
    assert claims.interrupt(study, 0)
    assert [claim(study), claim(study)] == ahead[:2]


@pytest.mark.parametrize(
    ("trials", "enqueued", "ahead"), [(3, 0, 3), (50, 0, 10), (12, 6, 4), (4, 6, 0)]
)
def test_a_short_search_leaves_out_nothing_that_was_drawn(
    open_study: Callable[..., OpenStudy], trials: int, enqueued: int, ahead: int
) -> None:
    enqueue = [{"layers": 1, "units": 70 + number} for number in range(enqueued)]
    study = open_study(name="short", budget={"trials": trials}, enqueue=enqueue)
    drawn = study.first_trials
    assert len(drawn) == ahead
    assert all(params in open_study(budget={"trials": 50}).first_trials for params in drawn)


def test_a_study_that_goes_on_with_fewer_takes_fewer(open_study: Callable[..., OpenStudy]) -> None:
    first = open_study().first_trials
    study = open_study(sampler={"type": "tpe", "n_startup_trials": 2})
    assert study.first_trials == first[:2]


def test_a_smaller_limit_passes_over_what_is_too_large(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study()
    claim(study)
    assert claims.redraw(study, 0, "too large")
    assert claim(study) == study.first_trials[1]


def test_gaussian_processes_are_given_theirs_too(make_file: Callable[..., StudyFile]) -> None:
    file = make_file(sampler={"type": "gp"})
    assert isinstance(make_sampler(file, 0, {"layers": 1}), _Given)


@pytest.mark.parametrize(
    "sampler", [{"type": "tpe", "cheapest_first": False}, {"type": "random"}, {"type": "qmc"}]
)
def test_other_samplers_draw_their_first_trials_themselves(
    open_study: Callable[..., OpenStudy], sampler: dict[str, Any]
) -> None:
    study = open_study(sampler=sampler)
    assert study.first_trials == []
    assert claim(study)


def test_a_study_that_goes_on_with_another_sampler_leaves_them(
    open_study: Callable[..., OpenStudy],
) -> None:
    first = open_study().first_trials
    study = open_study(sampler={"type": "random"})
    assert claim(study) not in first


def test_a_study_of_before_goes_on(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study(sampler={"type": "tpe", "cheapest_first": False})
    stored = study.optuna.user_attrs[FILE_KEY]
    del stored["sampler"]["cheapest_first"]
    study.optuna.set_user_attr(FILE_KEY, stored)
    again = load_study(study.storage, "study")
    assert again.first_trials == []
    assert claim(again)
