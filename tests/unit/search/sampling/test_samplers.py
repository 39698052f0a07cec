"""Samplers: reproducible searches, workers that never meet, and grids."""

import importlib.util
from collections.abc import Callable
from typing import Any
from unittest import mock

import fakes
import optuna
import pytest
from conftest import SPACE
from optuna.pruners import _filter_study

from hpsearch.errors import Failure, InputError
from hpsearch.search import claims, trials
from hpsearch.search.sampling import samplers
from hpsearch.search.sampling.conditional import ConditionalTPESampler
from hpsearch.search.sampling.samplers import make_sampler
from hpsearch.search.study import OpenStudy
from hpsearch.space import suggest_config
from hpsearch.study_file import StudyFile

pytestmark = pytest.mark.slow

SHALLOW = SPACE | {"layers": {"type": "int", "low": 1, "high": 2}}
SAMPLERS: list[dict[str, Any]] = [
    {"type": "tpe", "n_startup_trials": 4},
    {"type": "tpe", "n_startup_trials": 4, "group": True},
    {"type": "tpe", "n_startup_trials": 4, "conditional": True},
    {"type": "random"},
    {"type": "qmc"},
    {"type": "grid"},
]
"""Those that need trials to learn from have some after four."""
if importlib.util.find_spec("torch"):
    SAMPLERS.append({"type": "gp", "n_startup_trials": 3})


def sections(sampler: dict[str, Any], seed: int = 0) -> dict[str, Any]:
    space = fakes.FINITE if sampler["type"] == "grid" else SHALLOW
    return {"sampler": sampler, "space": space, "seed": seed, "budget": {"trials": 24}}


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: "-".join(map(str, s.values())))
def test_one_worker_draws_the_same_again_and_another_seed_draws_others(
    open_study: Callable[..., OpenStudy],
    sampler: dict[str, Any],
) -> None:
    runs = []
    for name, seed in (("first", 0), ("again", 0), ("other", 1)):
        study = open_study(name=name, **sections(sampler, seed))
        runs.append(fakes.draw(study, 6))
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
    first, second = fakes.draw(open_study(**chosen), 4), fakes.draw(open_study(**chosen), 4)
    assert all(params not in first for params in second)


def test_tpe_draws_what_optunas_draws_until_a_study_is_long(
    open_study: Callable[..., OpenStudy], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = sections({"type": "tpe", "n_startup_trials": 11})
    study = open_study(**chosen | {"space": SPACE})
    fakes.draw(study, 12)
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
    fakes.draw(study, 6)
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
    fakes.draw(study, 1)
    study.optuna.pruner.prune(study.optuna, study.trials()[0])  # it makes its brackets when asked
    brackets: dict[int, int] = {}
    seen: dict[int, int] = {}
    infer = optuna.samplers.TPESampler.infer_relative_search_space

    def spy(sampler: Any, seen_study: Any, trial: optuna.trial.FrozenTrial) -> Any:
        seen[trial.number] = len(seen_study.get_trials())
        return infer(sampler, seen_study, trial)

    monkeypatch.setattr(optuna.samplers.TPESampler, "infer_relative_search_space", spy)
    for number in range(1, 12):
        fakes.draw(study, 1)
        # The trial itself was running then, and is among them now.
        newest = study.trials()[number]
        brackets[number] = len(_filter_study(study.optuna, newest).get_trials())
    assert seen == brackets
    assert max(seen.values()) < 12


def test_tpe_learns(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study(**(sections({"type": "tpe"}) | {"budget": {"trials": 30}}))
    fakes.draw(study, 30)
    values = [trial.values[0] for trial in study.trials()]
    assert sum(values[-10:]) > sum(values[:10])


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


def test_conditional_is_hpsearchs_own_and_excludes_optunas_ways(
    make_file: Callable[..., StudyFile],
) -> None:
    options = {"type": "tpe", "conditional": True, "n_startup_trials": 3, "n_ei_candidates": 5}
    ours: Any = make_sampler(make_file(sampler=options | {"constant_liar": False}), 0)
    ours = ours._sampler
    assert isinstance(ours, ConditionalTPESampler)
    assert (ours._startup, ours._candidates, ours._liar) == (3, 5, False)
    for more in ({"group": True}, {"multivariate": True}, {"multivariate": False}):
        with pytest.raises(InputError, match="conditional excludes multivariate and group"):
            make_file(sampler=options | more)


def test_every_trial_of_a_conditional_space_has_a_configuration(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study(**sections({"type": "tpe", "n_startup_trials": 2}))
    fakes.draw(study, 12)
    assert all(trials.config(study, trial) for trial in study.trials())
