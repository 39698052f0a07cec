"""Pruners: what is built from the study file, and when a trial is ended."""

import random
from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from hpsearch.search import claims
from hpsearch.search.sampling import pruners
from hpsearch.search.sampling.pruners import warmup
from hpsearch.search.study import OpenStudy
from hpsearch.search_sections import Median
from hpsearch.space import suggest_config
from hpsearch.study_file import StudyFile


@pytest.mark.parametrize(
    ("section", "kind", "inside"),
    [
        ({"type": "median", "n_startup_trials": 2}, "MedianPruner", {"_n_startup_trials": 2}),
        (
            {"type": "percentile", "percentile": 40.0, "n_warmup_steps": 0, "interval_steps": 3},
            "PercentilePruner",
            {"_percentile": 40.0, "_n_warmup_steps": 1, "_interval_steps": 3},
        ),
        (
            {"type": "successive_halving", "min_resource": 2},
            "SuccessiveHalvingPruner",
            {"_min_resource": 2, "_reduction_factor": 4},
        ),
        ({"type": "hyperband"}, "HyperbandPruner", {"_max_resource": 5, "_reduction_factor": 3}),
        ({"type": "hyperband", "min_resource": 9}, "HyperbandPruner", {"_max_resource": 9}),
        ({"type": "none"}, "NopPruner", {}),
    ],
)
def test_the_section_becomes_optunas_pruner(
    open_study: Callable[..., OpenStudy], section: dict[str, Any], kind: str, inside: dict[str, Any]
) -> None:
    pruner = rule_of(open_study(pruner=section))
    assert type(pruner) is getattr(optuna.pruners, kind)
    assert {key: getattr(pruner, key) for key in inside} == inside


def rule_of(study: OpenStudy) -> Any:
    """Optuna's own pruner, which judges by what is in the study."""
    return getattr(study.optuna.pruner, "_rule", study.optuna.pruner)


@pytest.mark.parametrize(
    ("metric", "options"),
    [
        ("val_accuracy", {"type": "median"}),
        ("val_loss", {"type": "median", "n_startup_trials": 1, "n_warmup_steps": 0}),
        ("val_loss", {"type": "median", "interval_steps": 2, "n_startup_trials": 6}),
        ("val_accuracy", {"type": "percentile", "percentile": 30.0, "interval_steps": 2}),
        ("val_loss", {"type": "percentile", "percentile": 30.0, "n_startup_trials": 2}),
    ],
)
def test_it_answers_as_optuna_does_that_reads_all_trials(
    open_study: Callable[..., OpenStudy], metric: str, options: dict[str, Any]
) -> None:
    study = open_study(
        training={"epochs": 6},
        pruner=options,
        objective={"metric": metric},
        space={},
        budget={"trials": 14},
    )
    optunas = rule_of(study)
    chance = random.Random(1)  # noqa: S311  # to be the same again, not secret
    answers = []
    for _ in range(14):
        trial = claims.claim(study)
        assert trial is not None
        level = chance.random()
        for epoch in range(1, 1 + chance.choice([2, 6, 6])):  # some stop early
            value = chance.choice([level, 0.9 * level, 0.5])
            trial.report(value, epoch)
            answers.append(trial.should_prune())
            frozen = study.storage.get_trial(study.trial_id(trial.number))
            assert answers[-1] == optunas.prune(study.optuna, frozen)
            if answers[-1] and chance.random() < 0.7:
                study.optuna.tell(trial, state=TrialState.PRUNED)
                break
        else:
            study.optuna.tell(trial, chance.random())
    assert {bool(answer) for answer in answers} == {True, False}


@pytest.mark.parametrize(("epochs", "steps"), [(1, 1), (5, 1), (6, 2), (30, 6)])
def test_a_fifth_of_the_epochs_is_left_in_peace(
    make_file: Callable[..., StudyFile], epochs: int, steps: int
) -> None:
    file = make_file(training={"epochs": epochs})
    assert warmup(file, Median()) == steps
    assert warmup(file, Median(n_warmup_steps=0)) == 0


def test_a_bad_trial_is_pruned_after_the_warmup_only(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study(training={"epochs": 10}, pruner={"type": "median", "n_startup_trials": 1})
    ended_at = []
    for level in (0.9, 0.1):
        trial = claims.claim(study)
        assert trial is not None
        suggest_config(study.file.space, trial)
        for epoch in range(1, 11):
            trial.report(level, epoch)
            if trial.should_prune():
                break
        ended_at.append(epoch)
        study.optuna.tell(trial, level)
    assert ended_at == [10, 3]  # two epochs of warm-up


@pytest.mark.parametrize(
    ("memory", "startup", "pruned"), [(4, 1, False), (1, 1, True), (1, 3, False), (1, 5, False)]
)
def test_a_trial_is_compared_with_the_newest_trials(
    open_study: Callable[..., OpenStudy],
    monkeypatch: pytest.MonkeyPatch,
    memory: int,
    startup: int,
    pruned: bool,
) -> None:
    monkeypatch.setattr(pruners, "MEMORY", memory)
    section = {"type": "median", "n_startup_trials": startup, "n_warmup_steps": 0}
    study = open_study(pruner=section)
    for level in (0.1, 0.1, 0.1, 0.9):
        study.optuna.add_trial(
            create_trial(state=TrialState.COMPLETE, value=level, intermediate_values={1: level})
        )
    study.optuna.add_trial(
        create_trial(state=TrialState.PRUNED, value=1.0, intermediate_values={1: 1.0})
    )
    assert study.storage.values_at(study.study_id, 1, 2) == [0.9, 0.1]
    assert study.storage.values_at(study.study_id, 2, 9) == [None] * 4
    trial = claims.claim(study)
    assert trial is not None
    trial.report(0.5, 1)
    assert trial.should_prune() == pruned
