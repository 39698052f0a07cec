"""Grids: every point once, whoever is cut off and whatever is enqueued."""

import contextlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from conftest import SPACE
from fakes import FINITE, draw
from optuna.trial import Trial

from hpsearch.errors import InputError
from hpsearch.search import claims
from hpsearch.search.sampling.grid import MAX_GRID, grid_size, grid_values
from hpsearch.search.sampling.samplers import check_sampler
from hpsearch.search.study import OpenStudy
from hpsearch.space import suggest_config
from hpsearch.study_file import StudyFile

pytestmark = pytest.mark.slow

GRID: dict[str, Any] = {
    "sampler": {"type": "grid"}, "space": FINITE, "seed": 0, "budget": {"trials": 24},
}  # fmt: skip


def test_a_grid_holds_every_point_once(make_file: Callable[..., StudyFile]) -> None:
    file = make_file(**GRID)
    assert grid_values(file.space) == {
        "layers": [1, 2, 3],
        "activation": ["relu", "tanh"],
        "dropout": [0.0, 0.1],
    }
    assert grid_size(file.space) == 12
    assert grid_size(make_file(space={}).space) == 1


def test_a_grid_is_run_once_beside_what_is_enqueued(open_study: Callable[..., OpenStudy]) -> None:
    chosen = GRID | {
        "budget": {"trials": 100},
        "enqueue": [{"layers": 2}, {"layers": 3, "dropout": 0.1, "activation": "tanh"}],
    }
    workers = [open_study(**chosen) for _ in range(2)]
    assert workers[0].budget.trials == 13  # one of what is enqueued is a point
    while (trial := claims.claim(workers[0])) is not None:
        workers.reverse()
        suggest_config(workers[0].file.space, trial)
        workers[0].optuna.tell(trial, 0.5)
    listed = workers[0].trials()
    assert [listed[0].params["layers"], listed[1].params["dropout"]] == [2, 0.1]
    tried = [tuple(sorted(t.params.items())) for t in listed[1:]]
    values = grid_values(workers[0].file.space)
    names = sorted(values)
    every = itertools.product(*(values[name] for name in names))
    assert sorted(tried) == sorted(tuple(zip(names, point, strict=True)) for point in every)


def test_a_grid_of_an_older_version_keeps_the_budget_that_it_had(
    open_study: Callable[..., OpenStudy],
) -> None:
    """It tried points twice that were enqueued."""
    whole = {"layers": 3, "dropout": 0.1, "activation": "tanh"}
    chosen = GRID | {"budget": {"trials": 100}, "enqueue": [whole]}
    study = open_study(**chosen)
    assert study.budget.trials == 12
    study.optuna.set_user_attr("budget", study.budget.model_dump(mode="json") | {"trials": 13})
    assert open_study(**chosen | {"budget": {"trials": 101}}).budget.trials == 13


@dataclass
class Killed:
    """A trial whose process is killed when it has drawn so many parameters."""

    trial: Trial
    left: int

    def __getattr__(self, name: str) -> Any:
        if not self.left:
            raise InterruptedError
        self.left -= 1
        return getattr(self.trial, name)


@pytest.mark.parametrize("drawn", [0, 1, 2, 3])
def test_a_point_of_the_grid_that_was_cut_off_comes_again(
    open_study: Callable[..., OpenStudy], drawn: int
) -> None:
    """However many of its parameters its trial had."""
    study = open_study(**GRID)
    (first,) = draw(study, 1)
    cut = claims.claim(study)
    assert cut is not None
    point = study.given(cut.number)
    assert point is not None
    assert point != first
    with contextlib.suppress(InterruptedError):
        suggest_config(study.file.space, Killed(cut, drawn))
    assert len(cut.params) == drawn
    assert claims.interrupt(study, cut.number)
    points = draw(study, 11)
    assert points[0] == point
    assert len({str(sorted(params.items())) for params in [first, *points]}) == 12


def test_what_is_asked_for_in_part_takes_no_point_of_the_grid_where_it_was_cut_off(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study(**GRID, enqueue=[{"layers": 2}])
    cut = claims.claim(study)
    assert cut is not None
    suggest_config(study.file.space, cut)
    assert claims.interrupt(study, cut.number)
    drawn, *points = draw(study, 13)
    assert drawn == cut.params
    assert len({str(sorted(params.items())) for params in points}) == 12


def test_a_point_that_is_enqueued_later_is_tried_once(open_study: Callable[..., OpenStudy]) -> None:
    order = draw(open_study(name="alike", **GRID), 12)
    study = open_study(**GRID)
    points = draw(study, 3)
    assert points == order[:3]
    study.optuna.enqueue_trial(order[7])
    points += draw(study, 9)
    assert points[3] == order[7]
    assert sorted(map(str, points)) == sorted(map(str, order))


@pytest.mark.parametrize(
    ("space", "says"),
    [
        ({"l2": {"type": "float", "low": 0.0, "high": 1.0}}, "space.l2 is a real range"),
        (SPACE, "space.dropout is a real range without step"),
        (
            {"optimizer": {"adam": {"beta_1": {"type": "float", "low": 0.8, "high": 0.9}}}},
            "space.optimizer.adam.beta_1 is a real range",
        ),
        (
            {key: SPACE[key] for key in ("layers", "units")},
            "space.units has per_layer = true while layers is a range",
        ),
        (
            {"optimizer": {"adam": {"amsgrad": FINITE["activation"] | {"choices": [True, False]}},
                           "sgd": {}}},
            "space.optimizer.adam.amsgrad belongs to one of several",
        ),
        (
            {"layers": 4, "units": {"type": "int", "low": 1, "high": 100, "per_layer": True}},
            f"100,000,000 points (at most {MAX_GRID:,})",
        ),
    ],
)  # fmt: skip
def test_what_is_no_grid_is_refused_with_the_file_and_a_cure(
    make_file: Callable[..., StudyFile], space: dict[str, Any], says: str
) -> None:
    file = make_file(sampler={"type": "grid"}, space=space)
    with pytest.raises(InputError) as caught:
        check_sampler(file, "mine.toml")
    message = str(caught.value)
    assert message.startswith('mine.toml: sampler.type = "grid": ')
    assert says in message
    assert "another sampler" in message
