"""Studies that are moved between SQLite and PostgreSQL, and back."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from hpsearch.errors import Failure, InputError, UnreachableError
from hpsearch.search import claims
from hpsearch.search.lookup import load_study
from hpsearch.search.making import open_or_create
from hpsearch.search.storage import Storage
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy
from hpsearch.search.transfer import ARRIVING, transfer
from hpsearch.space import suggest_config
from hpsearch.study_file import StudyFile
from hpsearch.workers.identity import identity

DATASET = {"fingerprint": "f" * 64, "input_shape": [8], "class_names": ["0", "1", "ä'\"\\"]}


@pytest.fixture
def storages(tmp_path: Path, postgres: str) -> Iterator[tuple[Storage, Storage, Storage]]:
    """SQLite, PostgreSQL and another SQLite, all empty."""
    urls = (f"sqlite:///{tmp_path / 'first.db'}", postgres, f"sqlite:///{tmp_path / 'last.db'}")
    opened = tuple(map(open_storage, urls))
    yield opened  # type: ignore[misc]  # as many as there are URLs
    for storage in opened:
        storage.close()


@pytest.fixture
def study(storages: tuple[Storage, ...], make_file: Callable[..., StudyFile]) -> OpenStudy:
    """A study with a trial in every state, in the first storage."""
    storage = storages[0]
    storage.owner = identity()
    study, _ = open_or_create(storage, make_file(budget={"trials": 30}), DATASET)
    for number in range(8):
        trial = claims.claim(study)
        assert trial is not None
        suggest_config(study.file.space, trial)
        for step, value in enumerate((0.1 + 0.2, 1 / 3, math.nan, math.inf, -math.inf, 1e-300), 1):
            trial.report(value, step)
        trial.set_user_attr("text", "ä\u2028\U0001f600'\"\\ %s %(x)s")
        if number == 1:
            claims.interrupt(study, number)
        elif number == 2:
            claims.fail(study, number, Failure.DIVERGED, "NaN")
        elif number == 4:
            continue  # it runs on
        elif number == 3:
            study.optuna.tell(trial, state=TrialState.PRUNED)
        else:
            study.optuna.tell(trial, 1 / 7 + number)
    study.optuna.enqueue_trial({"layers": 2})
    storage.set_study_system_attr(study.study_id, "dashboard:note", "x" * 5000)
    return study


def everything(url: str, name: str) -> Any:
    """All of a study, as Optuna itself reads it; its keys left out."""
    storage = optuna.storages.RDBStorage(url)
    try:
        study = optuna.load_study(study_name=name, storage=storage)
        study_id = storage.get_study_id_from_name(name)
        trials = [
            {k: v for k, v in vars(trial).items() if k != "_trial_id"}
            for trial in study.get_trials()
        ]
        attrs = (study.user_attrs, storage.get_study_system_attrs(study_id), study.directions)
        return attrs, repr(trials)  # NaN is equal to itself in words
    finally:
        storage.remove_session()
        storage.engine.dispose()


def test_there_and_back(storages: tuple[Storage, Storage, Storage], study: OpenStudy) -> None:
    first, middle, last = storages
    seen: list[tuple[str, int, int]] = []
    assert transfer(study, middle, lambda *done: seen.append(done)) == 9
    assert seen[-1] == ("trials of study", 9, 9)
    assert transfer(load_study(middle, study.name), last) == 9
    sent = everything(first.url, study.name)
    assert everything(middle.url, study.name) == sent
    assert everything(last.url, study.name) == sent
    assert load_study(last, study.name).counts() == study.counts()
    # The search goes on there: what waits is claimed first, with the parameters that it has.
    moved = load_study(last, study.name)
    trial = claims.claim(moved)
    assert trial is not None
    assert trial.number == next(t.number for t in study.trials() if t.state == TrialState.WAITING)


def test_what_is_there_is_not_written_over(storages: tuple[Storage, ...], study: OpenStudy) -> None:
    assert transfer(study, storages[1]) == transfer(study, storages[1])  # the same one
    study.optuna.set_user_attr("new", "another")
    with pytest.raises(InputError, match="already has another study with this name"):
        transfer(study, storages[1])
    assert optuna.get_all_study_names(storages[1]) == [study.name]


@pytest.mark.parametrize("target", [1, 2])
def test_what_arrives_otherwise_is_not_kept(
    storages: tuple[Storage, ...],
    study: OpenStudy,
    target: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = study.trials()
    other = create_trial(state=TrialState.COMPLETE, value=0.25)
    other.number, other.datetime_start = whole[-1].number, datetime(2026, 1, 2)
    monkeypatch.setattr(
        storages[target],
        "read_whole",
        lambda *_: replace(study.storage.read_whole(study.study_id), trials=[*whole[:-1], other]),
    )
    with pytest.raises(UnreachableError, match="the copy differs from the original"):
        transfer(study, storages[target])
    assert optuna.get_all_study_names(storages[target]) == []


@pytest.mark.parametrize("target", [1, 2])
def test_others_set_up_studies_meanwhile_and_what_a_kill_left_is_removed(
    storages: tuple[Storage, ...],
    study: OpenStudy,
    make_file: Callable[..., StudyFile],
    target: int,
) -> None:
    there = storages[target]
    there.create_new_study([study.optuna.direction], f".{study.name}{ARRIVING}")

    def meanwhile(_: str, done: int, __: int) -> None:
        if done == 1:
            open_or_create(there, make_file(name="another"), DATASET)

    assert transfer(study, there, meanwhile) == 9
    assert sorted(optuna.get_all_study_names(there)) == sorted([study.name, "another"])


def test_one_of_that_name_that_was_started_meanwhile_is_kept(
    storages: tuple[Storage, ...], study: OpenStudy, make_file: Callable[..., StudyFile]
) -> None:
    def meanwhile(_: str, done: int, __: int) -> None:
        if done == 1:
            open_or_create(storages[1], make_file(), DATASET)

    with pytest.raises(InputError, match="already has another study with this name"):
        transfer(study, storages[1], meanwhile)
    assert optuna.get_all_study_names(storages[1]) == [study.name]
    assert load_study(storages[1], study.name).trials() == []


def test_a_study_that_goes_on_meanwhile_is_not_kept(
    storages: tuple[Storage, ...], study: OpenStudy
) -> None:
    def meanwhile(_: str, done: int, __: int) -> None:
        if done == 2:
            claims.claim(study)

    with pytest.raises(UnreachableError, match="the copy differs from the original"):
        transfer(study, storages[1], meanwhile)
    assert optuna.get_all_study_names(storages[1]) == []
