"""Samplers: reproducible searches, workers that never meet, and grids."""

import contextlib
import importlib.util
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

import fakes
import optuna
import pytest
from conftest import SPACE
from optuna.pruners import _filter_study
from optuna.trial import Trial

from hpsearch.errors import Failure, InputError
from hpsearch.search import claims, trials
from hpsearch.search.sampling import samplers
from hpsearch.search.sampling.samplers import (
    MAX_GRID,
    check_sampler,
    derive_seed,
    grid_size,
    grid_values,
    make_sampler,
)
from hpsearch.search.study import OpenStudy
from hpsearch.space import suggest_config
from hpsearch.study_file import StudyFile

pytestmark = pytest.mark.slow

FINITE = {
    "layers": {"type": "int", "low": 1, "high": 3},
    "dropout": {"type": "float", "low": 0.0, "high": 0.1, "step": 0.1},
    "activation": {"type": "categorical", "choices": ["relu", "tanh"]},
}
SHALLOW = SPACE | {"layers": {"type": "int", "low": 1, "high": 2}}
SAMPLERS: list[dict[str, Any]] = [
    {"type": "tpe", "n_startup_trials": 4},
    {"type": "tpe", "n_startup_trials": 4, "group": True},
    {"type": "random"},
    {"type": "qmc"},
    {"type": "grid"},
]
"""Those that need trials to learn from have some after four."""
if importlib.util.find_spec("torch"):
    SAMPLERS.append({"type": "gp", "n_startup_trials": 3})


def sections(sampler: dict[str, Any], seed: int = 0) -> dict[str, Any]:
    space = FINITE if sampler["type"] == "grid" else SHALLOW
    return {"sampler": sampler, "space": space, "seed": seed, "budget": {"trials": 24}}


def draw(study: OpenStudy, count: int) -> list[dict[str, Any]]:
    """Run trials that are as good as their configuration; the parameters of each."""
    drawn = []
    for _ in range(count):
        trial = claims.claim(study)
        assert trial is not None
        config = suggest_config(study.file.space, trial)
        study.optuna.tell(trial, fakes.score(study.file.recipe(config, 0, {})))
        drawn.append(trial.params)
    return drawn


def test_a_seed_depends_on_all_its_parts() -> None:
    parts = [(0, "trial", 0), (0, "trial", 1), (1, "trial", 0), (0, "sampler", 0), (0, "trial/0")]
    seeds = {derive_seed(seed, *rest) for seed, *rest in parts}
    assert len(seeds) == 4  # the last spells the first
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert derive_seed(0, "trial", 0) == 1725501518  # results of old studies hang on it


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: "-".join(map(str, s.values())))
def test_one_worker_draws_the_same_again_and_another_seed_draws_others(
    open_study: Callable[..., OpenStudy],
    sampler: dict[str, Any],
) -> None:
    runs = []
    for name, seed in (("first", 0), ("again", 0), ("other", 1)):
        study = open_study(name=name, **sections(sampler, seed))
        runs.append(draw(study, 6))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: "-".join(map(str, s.values())))
def test_workers_side_by_side_never_draw_the_same_point(
    open_study: Callable[..., OpenStudy], sampler: dict[str, Any]
) -> None:
    workers = [open_study(**sections(sampler)) for _ in range(3)]
    points = []
    for _ in range(3):
        claimed = [claims.claim(worker) for worker in workers]
        for worker, trial in zip(workers, claimed, strict=True):
            assert trial is not None
            suggest_config(worker.file.space, trial)
            points.append(tuple(sorted(trial.params.items())))
        for worker, trial in zip(workers, claimed, strict=True):
            worker.optuna.tell(trial, 0.5)
    assert len(set(points)) == 9


def test_a_worker_that_starts_again_does_not_repeat_itself(
    open_study: Callable[..., OpenStudy],
) -> None:
    chosen = sections({"type": "random"})
    first, second = draw(open_study(**chosen), 4), draw(open_study(**chosen), 4)
    assert all(params not in first for params in second)


def test_tpe_draws_what_optunas_draws_until_a_study_is_long(
    open_study: Callable[..., OpenStudy], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = sections({"type": "tpe", "n_startup_trials": 11})
    study = open_study(**chosen | {"space": SPACE})
    draw(study, 12)
    points = []
    for memory in (12, 1):
        monkeypatch.setattr(samplers, "MEMORY", memory)
        monkeypatch.setattr(samplers, "BEST", 1)
        ours: Any = make_sampler(study.file, 12)
        optunas = make_sampler(study.file, 12)._sampler  # type: ignore[attr-defined]
        for sampler in (ours, optunas):
            study.optuna.sampler = sampler
            trial = study.optuna.ask()
            suggest_config(study.file.space, trial)
            points.append(trial.params)
            claims.fail(study, trial.number, Failure.INTERRUPTED, "test")
    assert points[0] == points[1]
    assert points[2] != points[3]


def test_a_trials_parameters_cost_one_look_at_the_study(
    open_study: Callable[..., OpenStudy], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study(**sections({"type": "tpe", "n_startup_trials": 2}))
    draw(study, 6)
    trial = claims.claim(study)
    assert trial is not None
    looked = mock.Mock(wraps=study.optuna._storage.get_all_trials)
    monkeypatch.setattr(study.optuna._storage, "get_all_trials", looked)
    suggest_config(study.file.space, trial)
    assert len(trial.params) >= 4
    assert looked.call_count == 1


def test_tpe_learns_from_its_bracket_of_hyperband(
    open_study: Callable[..., OpenStudy], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = sections({"type": "tpe", "n_startup_trials": 1})
    study = open_study(**chosen, pruner={"type": "hyperband"}, training={"epochs": 30})
    draw(study, 1)
    study.optuna.pruner.prune(study.optuna, study.trials()[0])  # it makes its brackets when asked
    brackets: dict[int, int] = {}
    seen: dict[int, int] = {}
    infer = optuna.samplers.TPESampler.infer_relative_search_space

    def spy(sampler: Any, seen_study: Any, trial: optuna.trial.FrozenTrial) -> Any:
        seen[trial.number] = len(seen_study.get_trials())
        return infer(sampler, seen_study, trial)

    monkeypatch.setattr(optuna.samplers.TPESampler, "infer_relative_search_space", spy)
    for number in range(1, 12):
        draw(study, 1)
        # The trial itself was running then, and is among them now.
        newest = study.trials()[number]
        brackets[number] = len(_filter_study(study.optuna, newest).get_trials())
    assert seen == brackets
    assert max(seen.values()) < 12


def test_tpe_learns(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study(**(sections({"type": "tpe"}) | {"budget": {"trials": 30}}))
    draw(study, 30)
    values = [trial.values[0] for trial in study.trials()]
    assert sum(values[-10:]) > sum(values[:10])


def test_a_grid_holds_every_point_once(make_file: Callable[..., StudyFile]) -> None:
    file = make_file(**sections({"type": "grid"}))
    assert grid_values(file.space) == {
        "layers": [1, 2, 3],
        "activation": ["relu", "tanh"],
        "dropout": [0.0, 0.1],
    }
    assert grid_size(file.space) == 12
    assert grid_size(make_file(space={}).space) == 1


def test_a_grid_is_run_once_beside_what_is_enqueued(open_study: Callable[..., OpenStudy]) -> None:
    chosen = sections({"type": "grid"}) | {
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
    chosen = sections({"type": "grid"}) | {"budget": {"trials": 100}, "enqueue": [whole]}
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
    study = open_study(**sections({"type": "grid"}))
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
    study = open_study(**sections({"type": "grid"}), enqueue=[{"layers": 2}])
    cut = claims.claim(study)
    assert cut is not None
    suggest_config(study.file.space, cut)
    assert claims.interrupt(study, cut.number)
    drawn, *points = draw(study, 13)
    assert drawn == cut.params
    assert len({str(sorted(params.items())) for params in points}) == 12


def test_a_point_that_is_enqueued_later_is_tried_once(open_study: Callable[..., OpenStudy]) -> None:
    order = draw(open_study(name="alike", **sections({"type": "grid"})), 12)
    study = open_study(**sections({"type": "grid"}))
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


def test_gp_without_torch_is_refused(
    make_file: Callable[..., StudyFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match="pip install torch"):
        make_sampler(make_file(sampler={"type": "gp"}), 0)


def test_options_reach_optuna(make_file: Callable[..., StudyFile]) -> None:
    tpe: Any = make_sampler(make_file(sampler={"type": "tpe", "n_startup_trials": 3}), 0)
    tpe = tpe._sampler
    assert isinstance(tpe, optuna.samplers.TPESampler)
    assert tpe._n_startup_trials == 3
    assert tpe._constant_liar
    qmc = make_sampler(make_file(sampler={"type": "qmc", "qmc_type": "halton"}), 0)
    assert isinstance(qmc, optuna.samplers.QMCSampler)
    assert qmc._qmc_type == "halton"


def test_every_trial_of_a_conditional_space_has_a_configuration(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study(**sections({"type": "tpe", "n_startup_trials": 2}))
    draw(study, 12)
    assert all(trials.config(study, trial) for trial in study.trials())
