"""Forks: exactly the trials that are valid in both, as the new study's own, or nothing at all."""

import errno
import itertools
import multiprocessing
import os
import shutil
import signal
import statistics
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
import sqlalchemy as sa
from conftest import SPACE
from fakes import parts, score, train
from optuna.trial import FrozenTrial, TrialState

from hpsearch.config import TrialConfig
from hpsearch.errors import Failure, InputError, UnreachableError
from hpsearch.home import CURVES, WEIGHTS, Home
from hpsearch.objective import Objective
from hpsearch.outputs.copies import UNFINISHED_FILE, Copies
from hpsearch.parsing import parse
from hpsearch.search import budget, claims, trials
from hpsearch.search import fork as forks
from hpsearch.search.attributes import DATASET_KEY, FORKED_KEY, SAME_KEY
from hpsearch.search.confirmation import ensure_confirmation_study
from hpsearch.search.history import history, record
from hpsearch.search.lookup import load_study, names
from hpsearch.search.making import open_or_create
from hpsearch.search.storage import Storage
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy
from hpsearch.space import suggest_config
from hpsearch.study_file import StudyFile

pytestmark = pytest.mark.slow

DATA = {
    "fingerprint": "f" * 64,
    "source": "digits",
    "input_shape": [8],
    "class_names": ["0", "1", "2"],
}
Make = Callable[..., StudyFile]
Open = Callable[..., OpenStudy]
Finish = Callable[..., FrozenTrial]

LAYERS, WIDTHS, RATES = (1, 2, 3), (16, 32, 64), (0.001, 0.01)


def finite(layers: Any, widths: Any, rates: Any = RATES, **fields: Any) -> dict[str, Any]:
    """A space of a few configurations."""
    return {
        "layers": layers,
        "units": widths,
        "optimizer": {"adam": {"learning_rate": {"type": "categorical", "choices": [*rates]}}},
        **fields,
    }


def choices(*values: Any) -> dict[str, Any]:
    return {"type": "categorical", "choices": [*values]}


def whole(low: int, high: int, **more: Any) -> dict[str, Any]:
    return {"type": "int", "low": low, "high": high, **more}


@pytest.fixture(autouse=True)
def _few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks, "AT_ONCE", 3)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """A database with the study ``every``, to copy."""
    path = tmp_path_factory.mktemp("every") / "studies.db"
    shutil.copy(empty_database, path)
    table = {
        "name": "study", "dataset": {"source": "digits"}, "training": {"epochs": 5},
        "space": finite(whole(1, 3), choices(*WIDTHS)), "budget": {"trials": 50},
        "sampler": {"type": "grid"},
    }  # fmt: skip
    storage = open_storage(f"sqlite:///{path}")
    study, _ = open_or_create(storage, parse(StudyFile, table, "study.toml"), DATA)
    for index, (layers, width, rate) in enumerate(itertools.product(LAYERS, WIDTHS, RATES)):
        asked = optuna.trial.FixedTrial(
            {"layers": layers, "units": width, "optimizer": "adam", "adam.learning_rate": rate}
        )
        suggest_config(study.file.space, asked)
        study.optuna.add_trial(
            optuna.trial.create_trial(
                params=asked.params,
                distributions=asked.distributions,
                value=index / 100,
                intermediate_values={1: index / 10},
                user_attrs={"epochs": 1},
            )
        )
    storage.close()
    return path


@pytest.fixture
def every(filled: Path, home: Home, connect: Callable[[], Storage]) -> OpenStudy:
    """A study in which every configuration of a finite space completed, each with its value."""
    shutil.copy(filled, home.database)
    return load_study(connect(), "study")


def searched(study: OpenStudy, home: Home) -> None:
    """Run a study to its end with a trainer that knows what is good."""
    objective = Objective(study=study, parts=parts(), home=home, trainer=train)
    while objective.run_one():
        pass


def configs(study: OpenStudy) -> list[TrialConfig | None]:
    return [trials.config(study, trial) for trial in study.trials()]


@pytest.mark.parametrize(
    ("space", "layers", "widths", "rates"),
    [
        (finite(whole(1, 3), choices(*WIDTHS)), LAYERS, WIDTHS, RATES),  # the same
        (finite(whole(1, 5), choices(8, *WIDTHS, 128)), LAYERS, WIDTHS, RATES),  # wider
        (finite(whole(2, 5), choices(32, 64, 128)), (2, 3), (32, 64), RATES),  # both
        (finite(2, choices(*WIDTHS)), (2,), WIDTHS, RATES),  # a range becomes a value
        (finite(whole(1, 3), whole(16, 64, log=True)), LAYERS, WIDTHS, RATES),  # another kind
        (finite(whole(1, 3), whole(16, 64, step=16)), LAYERS, WIDTHS, RATES),
        (finite(whole(1, 3, step=2), whole(16, 60, step=4)), (1, 3), (16, 32), RATES),
        (finite(whole(1, 3), whole(20, 64, per_layer=True)), LAYERS, (32, 64), RATES),
        (finite(whole(1, 3), 32, (0.01, 0.1)), LAYERS, (32,), (0.01,)),
        (finite(whole(1, 3), 32, l2=choices(0.0, 0.1)), LAYERS, (32,), RATES),  # a value: a range
        (finite(whole(1, 3), 32, l2=0.1), (), (), ()),  # nothing fits
        (finite(whole(4, 5), choices(*WIDTHS)), (), (), ()),
        (finite(whole(1, 3), 32) | {"optimizer": {"type": "adam"}}, LAYERS, (32,), (0.001,)),
        (finite(whole(1, 3), 32) | {"optimizer": {"sgd": {}}}, (), (), ()),
    ],
)
def test_exactly_what_lies_in_the_new_space_is_taken(  # noqa: PLR0917  # fixtures
    every: OpenStudy,
    make_file: Make,
    space: dict[str, Any],
    layers: tuple[int, ...],
    widths: tuple[int, ...],
    rates: tuple[float, ...],
) -> None:
    file = make_file(name="new", space=space, budget={"trials": 60})
    plan = forks.plan(every, file)
    wanted = set(itertools.product(layers, widths, rates))

    def key(config: TrialConfig | None) -> tuple[int, int, float]:
        assert config is not None
        return config.network.layers, config.network.units[0], config.optimizer.learning_rate

    old = configs(every)
    new = replace(every, file=file)
    taken = [trials.config(new, one.trial) for one in plan.taken]
    assert {key(config) for config in taken} == wanted
    assert len(taken) == len(wanted)
    assert len(plan.left.get("outside", ())) == len(old) - len(wanted)
    assert not plan.left.keys() - {"outside"}
    for number in plan.left.get("outside", ()):
        assert key(old[number]) not in wanted or wanted == set()
    for one, config in zip(plan.taken, taken, strict=True):
        assert config == old[one.number]
        for name, distribution in one.trial.distributions.items():
            assert distribution._contains(distribution.to_internal_repr(one.trial.params[name]))
        asked = optuna.trial.FixedTrial(one.trial.params)
        suggest_config(file.space, asked)
        # Optuna's samplers take it as their own.
        assert asked.distributions == one.trial.distributions


@pytest.mark.parametrize(
    ("space", "taken"),
    [
        (finite(whole(1, 3), whole(20, 64, per_layer=True)), 12),
        (finite(2, choices(*WIDTHS)), 6),
        (finite(whole(4, 5), choices(*WIDTHS)), 0),
    ],
)
def test_what_is_taken_becomes_the_new_studys_own(
    every: OpenStudy, make_file: Make, home: Home, space: dict[str, Any], taken: int
) -> None:
    file = make_file(name="new", space=space, budget={"trials": 60})
    new, plan = forks.fork(every, file, DATA, Copies(home))
    found = new.trials()
    assert len(found) == len(plan.taken) == taken
    assert plan.left == forks.plan(every, file).left
    for one, trial in zip(plan.taken, found, strict=True):
        before = every.trials()[one.number]
        assert trials.config(new, trial) == trials.config(every, before)
        assert trial.params == one.trial.params
        assert trial.distributions == one.trial.distributions
        assert trial.values == before.values
        assert trial.intermediate_values == before.intermediate_values
        assert trial.user_attrs[FORKED_KEY] == {"study": "study", "number": one.number}
    again, is_new = open_or_create(new.storage, file, DATA)
    assert not is_new
    assert again.study_id == new.study_id


def test_why_trials_are_left_behind_is_counted(
    every: OpenStudy, make_file: Make, home: Home
) -> None:
    file = make_file(name="new", space=finite(whole(2, 3), choices(16, 32)), budget={"trials": 60})
    _, plan = forks.fork(every, file, DATA, Copies(home))
    assert plan.outside == {"layers": 6, "units": 6}
    assert len(plan.left["outside"]) == 10  # two of them for both
    assert plan.by_state == {"complete": 8, "pruned": 0, "failed": 0}
    limit = {"trials": 60, "max_parameters": 8 * 32 + 32 + 32 * 3 + 3}
    file = make_file(name="small", space=finite(whole(1, 3), choices(*WIDTHS)), budget=limit)
    small, plan = forks.fork(every, file, DATA, Copies(home))
    assert plan.left.keys() == {"max_parameters"}
    assert len(plan.taken) + len(plan.left["max_parameters"]) == 18
    assert all(t.user_attrs["parameters"] <= limit["max_parameters"] for t in small.trials())


def test_all_that_counts_is_taken_as_it_was(
    open_study: Open, finish: Finish, make_file: Make, home: Home
) -> None:
    old = open_study()
    complete = finish(old, 0.75)
    finish(old, 0.25, TrialState.PRUNED)
    for failure in (Failure.DIVERGED, Failure.PROGRAM_ERROR, Failure.TOO_LARGE, None):
        trial = claims.claim(old)
        assert trial is not None
        suggest_config(old.file.space, trial)
        trial.report(0.125, 1)
        trial.set_user_attr("device", "CPU")
        if failure is None:
            claims.interrupt(old, trial.number)
        else:
            claims.fail(old, trial.number, failure, "why")
    running = claims.claim(old)  # the successor of the one that was interrupted
    assert running is not None
    old.optuna.enqueue_trial({"layers": 1})
    new, plan = forks.fork(old, make_file(name="new"), DATA, Copies(home))
    assert plan.left == {
        "program_error": (3,), "too_large": (4,), "interrupted": (5,), "running": (6,),
        "waiting": (7,),
    }  # fmt: skip
    assert plan.by_state == {"complete": 1, "pruned": 1, "failed": 1}
    assert new.counts().counted == 3
    found = new.trials()
    for before, after in zip(old.trials()[:3], found, strict=True):
        assert after.params == before.params
        assert after.state == before.state
        assert after.datetime_start == before.datetime_start
        assert after.datetime_complete == before.datetime_complete
        assert after.user_attrs.items() >= before.user_attrs.items()
    assert found[2].user_attrs["failure"] == "diverged"
    assert found[2].user_attrs["device"] == "CPU"
    assert trials.best(new).values == complete.values
    # Its seed is what its number in the old study gave it.
    far = forks.fork(old, make_file(name="far", seed=9), DATA, Copies(home))[0]
    assert [t.user_attrs["seed"] for t in far.trials()] == [t.user_attrs["seed"] for t in found]
    assert len(old.trials()) == 8


def test_numbers_of_the_old_study_are_mapped_or_dropped(
    open_study: Open, make_file: Make, home: Home
) -> None:
    space = {"layers": {"type": "int", "low": 1, "high": 3}}
    old = open_study(space=space, budget={"trials": 20})
    for layers, same in ((3, None), (1, None), (2, None), (1, 1), (2, 2), (1, 1)):
        old.optuna.enqueue_trial({"layers": layers}, user_attrs={"resumes": 0, "earlier": [0]})
        trial = claims.claim(old)
        assert trial is not None
        suggest_config(old.file.space, trial)
        if same is not None:
            trial.set_user_attr(SAME_KEY, same)
        old.optuna.tell(trial, 0.5 + layers / 10)
    narrow = {"layers": {"type": "int", "low": 1, "high": 2}}
    new, _ = forks.fork(old, make_file(name="new", space=narrow), DATA, Copies(home))
    assert [t.params["layers"] for t in new.trials()] == [1, 2, 1, 2, 1]
    assert [t.user_attrs.get(SAME_KEY) for t in new.trials()] == [None, None, 0, 1, 0]
    assert not any({"resumes", "earlier"} & t.user_attrs.keys() for t in new.trials())
    assert [one["number"] for one in trials.best_row(new)["repeats"]] == [1, 3]


def test_the_next_suggestion_uses_what_is_taken(
    open_study: Open, make_file: Make, home: Home
) -> None:
    old = open_study(sampler={"type": "random"}, pruner={"type": "none"}, budget={"trials": 14})
    searched(old, home)
    wide = SPACE | {"layers": {"type": "int", "low": 1, "high": 8}}

    def next_scores(study: OpenStudy) -> list[float]:
        found = []
        for _ in range(6):
            trial = claims.claim(study)
            assert trial is not None
            config = suggest_config(study.file.space, trial)
            found.append(score(study.file.recipe(config, 0, {})))
            study.optuna.tell(trial, found[-1])
        return found

    sections = {"space": wide, "budget": {"trials": 60}}
    new, plan = forks.fork(old, make_file(name="new", **sections), DATA, Copies(home))
    assert len(plan.taken) == 14
    assert new.first_trials == []  # nothing is drawn at random any more
    random = make_file(name="random", sampler={"type": "random"}, **sections)
    at_random = forks.fork(old, random, DATA, Copies(home))[0]
    assert statistics.fmean(next_scores(new)) > statistics.fmean(next_scores(at_random)) + 0.05


def test_a_start_that_is_taken_in_part_is_drawn_to_its_end(
    open_study: Open, make_file: Make, home: Home, finish: Finish
) -> None:
    old = open_study()
    for _ in range(4):
        finish(old)
    new, _ = forks.fork(old, make_file(name="new", budget={"trials": 20}), DATA, Copies(home))
    assert len(new.first_trials) == 6
    drawn = [finish(new).params for _ in range(6)]
    assert drawn == new.first_trials
    assert not any(params in old.first_trials for params in drawn)  # which old would try next
    assert new.given(10) is None


def test_random_search_does_not_draw_what_is_taken_again(
    open_study: Open, make_file: Make, home: Home, finish: Finish
) -> None:
    random = {"sampler": {"type": "random"}}
    old = open_study(**random)
    finish(old)
    assert claims.claim(old) is not None  # runs: it is left behind
    for _ in range(3):
        finish(old)
    file = make_file(name="new", budget={"trials": 20}, **random)
    new, _ = forks.fork(old, file, DATA, Copies(home))
    for _ in range(5):
        finish(new)
    again = [
        forks.fork(
            new, make_file(name="third", budget={"trials": 30}, **random), DATA, Copies(home)
        )
    ]
    third = again[0][0]
    finish(third)
    params = [tuple(sorted(trial.params.items())) for trial in third.trials()]
    assert len(set(params)) == len(params) == 10


def test_quasi_random_points_go_on(
    open_study: Open, make_file: Make, home: Home, finish: Finish
) -> None:
    section = {"sampler": {"type": "qmc"}, "space": {"units": SPACE["units"]}}
    old = open_study(**section)
    for _ in range(5):
        finish(old)
    new, _ = forks.fork(old, make_file(name="new", **section), DATA, Copies(home))
    drawn = [finish(new).params for _ in range(5)]
    assert not any(params in [t.params for t in old.trials()] for params in drawn)


def test_successive_halving_knows_how_far_trials_came(
    open_study: Open, make_file: Make, home: Home
) -> None:
    old = open_study(pruner={"type": "none"}, training={"epochs": 5}, budget={"trials": 3})
    searched(old, home)
    sections = {"training": {"epochs": 5}, "pruner": {"type": "successive_halving"}}
    new, _ = forks.fork(old, make_file(name="new", **sections), DATA, Copies(home))
    for trial in new.trials():
        rungs = {k: v for k, v in trial.system_attrs.items() if k.startswith("completed_rung")}
        values = trial.intermediate_values
        assert rungs == {"completed_rung_0": values[1], "completed_rung_1": values[4]}


def test_what_is_enqueued_and_was_tried_is_not_tried_again(
    open_study: Open, make_file: Make, home: Home, finish: Finish
) -> None:
    old = open_study(enqueue=[{"layers": 2}])
    first = finish(old)
    whole_one = {
        "layers": first.params["layers"],
        "units": [first.params["units_0"], first.params["units_1"]],
        "dropout": [first.params["dropout_0"], first.params["dropout_1"]],
        "optimizer": {
            "type": first.params["optimizer"],
            "learning_rate": next(v for k, v in first.params.items() if k.endswith("rate")),
        },
    }
    enqueue = [{"layers": 2}, whole_one, {"layers": 4}]
    new, _ = forks.fork(old, make_file(name="new", enqueue=enqueue), DATA, Copies(home))
    assert new.counts().waiting == 1
    assert new.trials()[1].system_attrs["fixed_params"] == {"layers": 4}


def test_a_budget_that_is_met_is_said(every: OpenStudy, make_file: Make, home: Home) -> None:
    space = finite(whole(1, 3), choices(*WIDTHS))
    new, _ = forks.fork(every, make_file(name="new", space=space), DATA, Copies(home))
    assert new.counts().counted == 18
    assert budget.ending(new) == "trials"
    assert claims.claim(new) is None


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"training": {"epochs": 6}}, "training.epochs: 5 -> 6"),
        ({"objective": {"metric": "val_loss"}}, 'objective.metric: "val_accuracy" -> "val_loss"'),
        ({"dataset": {"source": "digits", "split_seed": 1}}, "dataset.split_seed: 0 -> 1"),
        ({"name": "study"}, "study study: already exists"),
        ({"sampler": {"type": "grid"}, "space": {"layers": SPACE["layers"]}}, "choose another sam"),
        ({"enqueue": [{"units": 2048}], "budget": {"max_parameters": 9}}, "make it smaller"),
    ],
)
def test_what_cannot_be_compared_is_refused(  # noqa: PLR0917  # fixtures
    open_study: Open, finish: Finish, make_file: Make, home: Home,
    sections: dict[str, Any], said: str,
) -> None:  # fmt: skip
    old = open_study()
    finish(old)
    with pytest.raises(InputError) as caught:
        forks.fork(old, make_file(**{"name": "new"} | sections), DATA, Copies(home))
    assert said in str(caught.value)
    assert optuna.get_all_study_names(old.storage) == ["study"]


def test_other_data_and_confirmation_studies_are_refused(
    open_study: Open, finish: Finish, make_file: Make, home: Home
) -> None:
    old, file = open_study(), make_file(name="new")
    finish(old)
    with pytest.raises(InputError, match=r"fingerprint ffffffffffff -> 000000000000"):
        forks.fork(old, file, DATA | {"fingerprint": "0" * 64}, home)
    with pytest.raises(InputError, match="is the confirmation study of"):
        forks.fork(ensure_confirmation_study(old), file, DATA, Copies(home))
    # What may differ does not matter.
    other = {"seed": 5, "sampler": {"type": "random"}, "pruner": {"type": "none"}}
    new, plan = forks.fork(old, make_file(name="new", **other), DATA, Copies(home))
    assert (len(plan.taken), new.file.seed) == (1, 5)
    assert new.optuna.user_attrs[DATASET_KEY] == DATA


def left_files(home: Home, study: OpenStudy) -> None:
    """Give each trial of a study files, as training leaves them."""
    for trial in study.trials():
        folder = home.trial_run(study.name, trial.number)
        folder.mkdir(parents=True)
        for name in (CURVES, WEIGHTS, "checkpoint.npz"):
            (folder / name).write_text(f"{name} of {trial.number}")


def test_what_trials_left_is_copied(every: OpenStudy, make_file: Make, home: Home) -> None:
    left_files(home, every)
    shutil.rmtree(home.trial_run("study", 1))
    file = make_file(name="new", space=finite(whole(2, 3), choices(*WIDTHS)))
    _, plan = forks.fork(every, file, DATA, Copies(home))
    for index, one in enumerate(plan.taken):
        folder = home.trial_run("new", index)
        if one.number == 1:
            assert not folder.exists()
            continue
        assert {file.name for file in folder.iterdir()} == {CURVES, WEIGHTS}
        assert (folder / CURVES).read_text() == f"{CURVES} of {one.number}"
    assert not (home.study_runs("new") / UNFINISHED_FILE).exists()


@pytest.mark.parametrize("fault", ["copy", "storage"])
def test_a_fork_that_fails_leaves_nothing(
    every: OpenStudy, make_file: Make, home: Home, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    left_files(home, every)
    file = make_file(name="new", space=finite(whole(1, 3), choices(*WIDTHS)))
    calls = itertools.count()
    copy, add = shutil.copy2, Storage.add_trials

    def full(*args: Any) -> Any:
        if next(calls) == 7:
            raise OSError(errno.ENOSPC, "No space left on device")
        return copy(*args)

    def away(*args: Any) -> Any:
        if next(calls) == 4:
            raise optuna.exceptions.StorageInternalError("gone")
        return add(*args)

    with monkeypatch.context() as patch:
        if fault == "copy":
            patch.setattr(shutil, "copy2", full)
            with pytest.raises(UnreachableError, match="cannot be copied here: No space left"):
                forks.fork(every, file, DATA, Copies(home))
        else:
            patch.setattr(Storage, "add_trials", away)
            with pytest.raises(optuna.exceptions.StorageInternalError):
                forks.fork(every, file, DATA, Copies(home))
    assert optuna.get_all_study_names(every.storage) == ["study"]
    assert not home.study_runs("new").exists()
    assert len(forks.fork(every, file, DATA, Copies(home))[1].taken) == 18


def test_others_set_up_studies_while_trials_are_taken_over(
    every: OpenStudy, make_file: Make, home: Home, connect: Callable[[], Storage]
) -> None:
    left_files(home, every)
    file = make_file(name="new", space=finite(whole(1, 3), choices(*WIDTHS)))
    there: list[list[str]] = []

    def meanwhile(_: str, done: int, __: int) -> None:
        if done == 3:
            storage = connect()
            Copies(home).refuse_foreign_runs(storage, "new")  # as run does
            open_or_create(storage, make_file(name="another"), DATA)
            there.append(names(storage))

    new, _ = forks.fork(every, file, DATA, Copies(home), report=meanwhile)
    assert there == [["another", "study"]]
    assert len(new.trials()) == 18
    assert (home.trial_run("new", 17) / WEIGHTS).read_text() == f"{WEIGHTS} of 17"
    assert sorted(path.name for path in home.runs.iterdir()) == ["new", "study"]


def test_one_of_the_forks_name_that_is_started_meanwhile_is_kept(
    every: OpenStudy, make_file: Make, home: Home, connect: Callable[[], Storage]
) -> None:
    left_files(home, every)
    file = make_file(name="new", space=finite(whole(1, 3), choices(*WIDTHS)))

    def meanwhile(_: str, done: int, __: int) -> None:
        if done == 3:
            open_or_create(connect(), make_file(name="new"), DATA)
            home.trial_run("new", 0).mkdir(parents=True)

    with pytest.raises(InputError, match="study new: already exists"):
        forks.fork(every, file, DATA, Copies(home), report=meanwhile)
    assert sorted(optuna.get_all_study_names(every.storage)) == ["new", "study"]
    assert load_study(every.storage, "new").trials() == []
    assert [path.name for path in home.study_runs("new").iterdir()] == ["trial-00000"]
    assert sorted(path.name for path in home.runs.iterdir()) == ["new", "study"]


def test_two_forks_at_once_both_come_to_their_end(
    every: OpenStudy, make_file: Make, home: Home, connect: Callable[[], Storage]
) -> None:
    space = finite(whole(1, 3), choices(*WIDTHS))
    forked: list[int] = []

    def second() -> None:
        study = load_study(connect(), "study")
        forked.append(
            len(forks.fork(study, make_file(name="b", space=space), DATA, Copies(home))[1].taken)
        )

    thread = threading.Thread(target=second)

    def meanwhile(_: str, done: int, __: int) -> None:
        if done == 3:
            thread.start()
            thread.join(0.2)

    first, _ = forks.fork(
        every, make_file(name="a", space=space), DATA, Copies(home), report=meanwhile
    )
    thread.join(30)
    assert forked == [len(first.trials())] == [18]
    assert sorted(optuna.get_all_study_names(every.storage)) == ["a", "b", "study"]


def die(where: str, home: Home, file: StudyFile) -> None:
    """Fork a study, and be killed on the way; in a process of its own."""
    calls, copy, add = itertools.count(), shutil.copy2, Storage.add_trials

    def kill(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def then(what: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args: kill() if next(calls) == 5 else what(*args)

    if where == "copy":
        shutil.copy2 = then(copy)
    elif where == "add":
        Storage.add_trials = then(add)  # type: ignore[method-assign]
    elif where == "publish":
        Storage.publish = kill  # type: ignore[assignment]
    else:
        Path.unlink = kill  # type: ignore[assignment,method-assign]
    forks.fork(load_study(open_storage(home.storage_url()), "study"), file, DATA, Copies(home))


@pytest.mark.parametrize("where", ["copy", "add", "publish"])
def test_a_fork_that_is_killed_is_in_nobodys_way(
    every: OpenStudy, make_file: Make, home: Home, connect: Callable[[], Storage], where: str
) -> None:
    left_files(home, every)
    file = make_file(name="new", space=finite(whole(1, 3), choices(*WIDTHS)))
    every.storage.close()  # no connection goes along
    # Forked: one that starts Python anew would import for a second.
    process = multiprocessing.get_context("fork").Process(target=die, args=(where, home, file))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    storage = connect()
    assert names(storage) == ["study"]
    with pytest.raises(InputError, match=r"study nwe: not found; known: study$"):
        load_study(storage, "nwe")
    if where == "publish":  # run FILE in place of the fork
        Copies(home).refuse_foreign_runs(storage, "new")
        assert not home.study_runs("new").exists()
        assert open_or_create(storage, file, DATA)[1]
        assert optuna.get_all_study_names(storage) == ["study", "new"]
        assert not home.study_runs(".new.forking").exists()
        return
    new, plan = forks.fork(load_study(storage, "study"), file, DATA, Copies(home))
    assert len(plan.taken) == len(new.trials()) == 18
    assert sorted(optuna.get_all_study_names(storage)) == ["new", "study"]
    assert not (home.study_runs("new") / UNFINISHED_FILE).exists()


def test_an_empty_folder_is_in_nobodys_way(every: OpenStudy, home: Home) -> None:
    home.study_runs("new").mkdir(parents=True)  # by a fork that was killed before it copied
    Copies(home).refuse_foreign_runs(every.storage, "new")
    assert not home.study_runs("new").exists()


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_copies_that_were_removed_in_part_are_known_as_such(
    every: OpenStudy, home: Home, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    runs, calls, rmdir = home.study_runs("new"), itertools.count(1), os.rmdir
    for index in range(3):
        home.trial_run("new", index).mkdir(parents=True)
    (runs / UNFINISHED_FILE).touch()

    def stop(*args: Any, **options: Any) -> None:
        if next(calls) == number:
            raise KeyboardInterrupt
        rmdir(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rmdir", stop)
        with pytest.raises(KeyboardInterrupt):
            Copies(home).refuse_foreign_runs(every.storage, "new")
    Copies(home).refuse_foreign_runs(every.storage, "new")
    assert not runs.exists()


def test_a_fork_that_is_killed_at_its_end_keeps_its_files(
    every: OpenStudy, make_file: Make, home: Home, connect: Callable[[], Storage]
) -> None:
    left_files(home, every)
    machine = {"os": "Linux", "cpu": "a", "cores": 2, "memory": 1, "gpus": [], "versions": {}}
    record(every, ["run", "study.toml"], {"host": "here", **machine})
    file = make_file(name="new", space=finite(whole(1, 3), choices(*WIDTHS)))
    every.storage.close()  # no connection goes along
    process = multiprocessing.get_context("fork").Process(target=die, args=("end", home, file))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    storage = connect()
    new = load_study(storage, "new")
    assert [one["study"] for one in history(new)["commands"]] == ["study"]
    Copies(home).refuse_foreign_runs(storage, "new")  # as the run that goes on
    storage.delete_study(new.study_id)  # as delete --keep-files: a copy of it needs them
    with pytest.raises(InputError, match="holds runs of another study named new"):
        Copies(home).refuse_foreign_runs(storage, "new")
    assert (home.trial_run("new", 17) / CURVES).exists()


def test_a_fork_whose_making_was_not_answered_keeps_its_files(
    every: OpenStudy, make_file: Make, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link to the server breaks between the commit and its answer."""
    left_files(home, every)
    publish = Storage.publish

    def unheard(*args: Any) -> None:
        publish(*args)
        raise sa.exc.OperationalError("COMMIT", {}, Exception("the link broke"))

    monkeypatch.setattr(Storage, "publish", unheard)
    file = make_file(name="new", space=finite(whole(1, 3), choices(*WIDTHS)))
    with pytest.raises(sa.exc.OperationalError):
        forks.fork(every, file, DATA, Copies(home))
    assert load_study(every.storage, "new").counts().complete > 0
    assert (home.trial_run("new", 17) / CURVES).exists()


def test_runs_of_another_storage_are_not_written_over(
    every: OpenStudy, make_file: Make, home: Home, tmp_path: Path
) -> None:
    home.trial_run("new", 0).mkdir(parents=True)
    with pytest.raises(InputError, match="holds runs of another study named new"):
        forks.fork(every, make_file(name="new"), DATA, Copies(home))
    assert home.trial_run("new", 0).exists()
    other = open_storage(f"sqlite:///{tmp_path / 'other.db'}")
    Copies(home).refuse_foreign_runs(other, "elsewhere")
    other.close()


def test_a_fork_has_a_portfolio_of_its_own(
    open_study: Callable[..., OpenStudy], make_file: Callable[..., StudyFile], home: Home
) -> None:
    old = open_study(name="old", portfolio=[{"layers": 3}])
    file = make_file(name="new", space={**SPACE, "layers": 1}, portfolio=[{"layers": 1}])
    made, _ = forks.fork(old, file, old.data, Copies(home))
    assert [one.network.layers for one in made.file.portfolio] == [1]
