"""Studies: made, gone on with, refused when they would compare unlike with unlike."""

from collections.abc import Callable
from typing import Any

import optuna
import pytest
import sqlalchemy as sa
from conftest import SPACE
from optuna.trial import FrozenTrial

from hpsearch.errors import Failure, InputError, StudyGoneError
from hpsearch.search import claims, queueing, removing
from hpsearch.search.confirmation import ensure_confirmation_study
from hpsearch.search.lookup import load_study, names
from hpsearch.search.making import open_or_create
from hpsearch.search.moving import move_data
from hpsearch.search.storage import Storage
from hpsearch.search.study import OpenStudy
from hpsearch.space import PartialConfig, suggest_config
from hpsearch.study_file import StudyFile

Make = Callable[..., StudyFile]
DATASET = {"fingerprint": "f" * 64, "input_shape": [8, 8, 1], "class_names": list("0123456789")}


def test_a_new_study_holds_what_it_was_made_of(
    connect: Callable[[], Storage], make_file: Make
) -> None:
    file = make_file(objective={"metric": "val_loss"})
    study, is_new = open_or_create(connect(), file, DATASET)
    assert is_new
    assert study.file == file
    assert study.name == "study"
    attrs = study.optuna.user_attrs
    assert attrs["dataset"] == DATASET
    assert attrs["versions"].keys() >= {"hpsearch", "python", "keras", "tensorflow", "optuna"}
    assert attrs["created"].endswith("+00:00")
    assert study.optuna.direction == optuna.study.StudyDirection.MINIMIZE
    assert study.optuna.metric_names == ["val_loss"]
    again, is_new = open_or_create(connect(), file, DATASET)
    assert not is_new
    assert again.study_id == study.study_id


def test_a_study_goes_on_with_the_precision_that_it_began_with(
    connect: Callable[[], Storage], make_file: Make
) -> None:
    """Studies made before the precision was measured have float32 in their file."""
    old = {"epochs": 5, "precision": "float32"}
    for training in (old, {"epochs": 5}, old):
        study, _ = open_or_create(connect(), make_file(training=training), DATASET)
        assert study.file.training.precision == "float32"
    other = make_file(training=old | {"precision": "auto"})
    with pytest.raises(InputError, match=r'training.precision: "float32" -> "auto"'):
        open_or_create(connect(), other, DATASET)


def test_a_study_goes_on_with_the_early_stopping_that_it_began_with(
    connect: Callable[[], Storage], make_file: Make
) -> None:
    """It did not follow the objective's metric in earlier versions, and the file says nothing."""
    file = make_file(objective={"metric": "val_loss"})
    watched = {"early_stopping": {"monitor": "val_accuracy"}}
    old = make_file(objective={"metric": "val_loss"}, training={"epochs": 5} | watched)
    open_or_create(connect(), old, DATASET)
    again, is_new = open_or_create(connect(), file, DATASET)
    assert not is_new
    for stopping in (again.file, load_study(connect(), "study").file):
        assert stopping.training == old.training
    written = {"early_stopping": {"monitor": "val_loss"}}
    with pytest.raises(InputError, match=r'monitor: "val_accuracy" -> "val_loss"'):
        open_or_create(
            connect(),
            make_file(objective={"metric": "val_loss"}, training={"epochs": 5} | written),
            DATASET,
        )


@pytest.mark.parametrize(
    ("sections", "keys"),
    [
        ({"seed": 1}, ["seed: 0 -> 1"]),
        ({"training": {"epochs": 6}}, ["training.epochs: 5 -> 6"]),
        ({"objective": {"metric": "val_loss"}}, ['objective.metric: "val_accuracy" -> "val_loss"']),
        ({"dataset": {"source": "digits", "scale": "unit"}}, ["dataset.scale"]),
        ({"space": SPACE | {"l2": 0.1}}, ["space.l2: 0.0 -> 0.1"]),
        ({"space": SPACE | {"layers": 3}}, ["space.layers"]),
        ({"seed": 2, "training": {"epochs": 7}}, ["seed: 0 -> 2", "training.epochs: 5 -> 7"]),
    ],
)
def test_another_search_under_the_same_name_is_refused(
    connect: Callable[[], Storage], make_file: Make, sections: dict[str, Any], keys: list[str]
) -> None:
    open_or_create(connect(), make_file(), DATASET)
    with pytest.raises(InputError) as caught:
        open_or_create(connect(), make_file(budget={"trials": 99}, **sections), DATASET)
    message = str(caught.value)
    for key in keys:
        assert f"\n  {key}" in message
    assert "repeat the --set" in message
    # A fork takes over values, and these must mean the same.
    is_comparable = not {"training", "objective", "dataset"} & sections.keys()
    assert ("hpsearch fork study NEW.toml" in message) == is_comparable
    assert "from Python: give another name=..." in " ".join(message.split())
    assert "hpsearch delete study), of which no trial has started" in message
    assert load_study(connect(), "study").budget.trials == 10  # nothing was written
    assert claims.claim(load_study(connect(), "study")) is not None
    with pytest.raises(InputError, match=r"hpsearch delete study\)$"):
        open_or_create(connect(), make_file(**sections), DATASET)


def test_other_data_are_refused(connect: Callable[[], Storage], make_file: Make) -> None:
    open_or_create(connect(), make_file(), DATASET)
    with pytest.raises(InputError, match=r"the data itself \(fingerprint ffffffffffff -> 0000"):
        open_or_create(connect(), make_file(), {"fingerprint": "0" * 64})


def test_what_does_not_change_the_search_may_change(
    connect: Callable[[], Storage], make_file: Make
) -> None:
    first, _ = open_or_create(connect(), make_file(), DATASET)
    file = make_file(
        budget={"trials": 20, "plateau": 5},
        workers={"count": 3},
        sampler={"type": "random"},
        pruner={"type": "none"},
        baseline={"layers": 1},
        enqueue=[{"layers": 2}],
    )
    second, is_new = open_or_create(connect(), file, DATASET)
    assert not is_new
    assert second.file == file

    assert isinstance(second.optuna.pruner, optuna.pruners.NopPruner)
    assert first.budget.trials == 20  # seen by those that run already
    assert first.counts().waiting == 1


def test_enqueued_configurations_are_enqueued_once(
    connect: Callable[[], Storage], make_file: Make
) -> None:
    file = make_file(enqueue=[{"layers": 2}, {}, {"layers": 2}, {"layers": 3, "units": 64}])
    for _ in range(2):
        study, _ = open_or_create(connect(), file, DATASET)
    assert [t.system_attrs["fixed_params"] for t in study.trials()] == [
        {"layers": 2},
        {"layers": 3, "units_0": 64, "units_1": 64, "units_2": 64},
    ]


def test_a_budget_is_no_larger_than_its_grid(
    connect: Callable[[], Storage], make_file: Make
) -> None:
    space = {"layers": SPACE["layers"]}
    for trials, total in ((3, 3), (50, 5)):
        file = make_file(
            name=f"grid{trials}", sampler={"type": "grid"}, space=space, budget={"trials": trials}
        )
        assert open_or_create(connect(), file, DATASET)[0].budget.trials == total


def test_who_joins_keeps_the_budget_but_for_what_is_said(
    connect: Callable[[], Storage], make_file: Make
) -> None:
    written = make_file(budget={"trials": 50}).budget

    def budget_after(trials: int, *explicit: str) -> int:
        file = make_file(budget={"trials": trials})
        args = (connect(), file, DATASET)
        study, _ = open_or_create(*args, written=written, explicit=explicit)
        return study.budget.trials

    assert budget_after(100, "trials") == 100  # run FILE --trials 100
    assert budget_after(50) == 100  # run FILE, in another terminal
    assert budget_after(50, "timeout") == 100
    assert budget_after(60, "trials") == 60
    assert budget_after(50, "trials") == 50


def test_a_budget_that_changed_in_the_file_is_taken(
    connect: Callable[[], Storage], make_file: Make
) -> None:
    open_or_create(connect(), make_file(budget={"trials": 50}), DATASET)
    study, _ = open_or_create(connect(), make_file(budget={"trials": 70, "plateau": 9}), DATASET)
    assert (study.budget.trials, study.budget.plateau) == (70, 9)


def test_many_enqueued_configurations_take_one_transaction(
    connect: Callable[[], Storage], make_file: Make
) -> None:
    """Thousands of them took minutes, and as long again at each ``run``."""
    storage, commits = connect(), []
    sa.event.listen(storage.engine, "commit", commits.append)

    def commits_for(count: int) -> int:
        commits.clear()
        entries = [{"layers": 1, "units": 64 + index} for index in range(count)]
        for _ in range(2):
            study, _ = open_or_create(
                storage, make_file(name=f"a{count}", enqueue=entries), DATASET
            )
        waiting = [trial.system_attrs["fixed_params"]["units_0"] for trial in study.trials()]
        assert waiting == [64 + index for index in range(count)]
        assert [trial.number for trial in study.trials()] == [*range(count)]
        return len(commits)

    assert commits_for(40) == commits_for(2)


def test_nothing_is_queued_into_a_study_that_is_gone(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study()
    removing.delete([study], None)
    waiting = optuna.trial.create_trial(state=optuna.trial.TrialState.WAITING)
    with pytest.raises(StudyGoneError):
        study.storage.add_trials(study.study_id, [waiting])
    assert study.storage.counts(study.study_id).waiting == 0


def test_an_enqueued_configuration_that_is_too_large_is_refused(
    connect: Callable[[], Storage], make_file: Make
) -> None:
    file = make_file(
        budget={"trials": 5, "max_parameters": 1000}, enqueue=[{"layers": 1, "units": 2048}]
    )
    with pytest.raises(InputError, match=r"enqueue\[0\]: has at least 24579 parameters"):
        open_or_create(
            connect(), file, DATASET | {"input_shape": [8], "class_names": ["0", "1", "2"]}
        )
    assert optuna.get_all_study_names(connect()) == []


def test_a_wrong_grid_writes_nothing(connect: Callable[[], Storage], make_file: Make) -> None:
    with pytest.raises(InputError, match="study study: sampler"):
        open_or_create(connect(), make_file(sampler={"type": "grid"}), DATASET)
    assert optuna.get_all_study_names(connect()) == []


def test_an_unknown_study_is_said_with_those_that_are_there(
    connect: Callable[[], Storage], make_file: Make
) -> None:
    with pytest.raises(InputError, match="study stduy: not found; there are no studies yet"):
        load_study(connect(), "stduy")
    open_or_create(connect(), make_file(), DATASET)
    with pytest.raises(InputError, match=r"did you mean study\? known: study"):
        load_study(connect(), "stduy")


def test_a_study_of_plain_optuna_is_left_alone(
    connect: Callable[[], Storage], make_file: Make
) -> None:
    plain = optuna.create_study(study_name="plain", storage=connect())
    for name in ("b", "a"):
        open_or_create(connect(), make_file(name=name), DATASET)
    assert names(connect()) == ["a", "b"]
    with pytest.raises(InputError, match="study plain: was not made by hpsearch"):
        load_study(connect(), "plain")
    with pytest.raises(InputError, match="study plain: was not made by hpsearch"):
        open_or_create(connect(), make_file(name="plain"), DATASET)
    assert plain.user_attrs == {}


def test_a_study_of_a_later_version_is_said_to_be_one(
    connect: Callable[[], Storage], make_file: Make
) -> None:
    study, _ = open_or_create(connect(), make_file(), DATASET)
    stored = study.optuna.user_attrs["study_file"]
    study.optuna.set_user_attr("study_file", stored | {"novelty": 1})
    with pytest.raises(InputError, match="study study: novelty: unknown key"):
        load_study(connect(), "study")


def test_what_was_too_large_may_be_enqueued_again(open_study: Callable[..., OpenStudy]) -> None:
    """Also where it was interrupted first, so that another trial went on for it."""
    study = open_study()
    config = PartialConfig(layers=1, units=64)
    assert queueing.enqueue(study, config, "mine.toml") == 0
    first = claims.claim(study)
    assert first is not None
    suggest_config(study.file.space, first)
    claims.interrupt(study, first.number)
    assert queueing.enqueue(study, config, "mine.toml") is None  # it waits
    second = claims.claim(study)
    assert second is not None
    claims.fail(study, second.number, Failure.TOO_LARGE, "over the limit that was lowered")
    assert queueing.enqueue(study, config, "mine.toml") == 0


def test_enqueue_says_what_is_wrong(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study()
    with pytest.raises(InputError, match=r"mine.toml: layers = 9 is not in the space \(1 to 5\)"):
        queueing.enqueue(study, PartialConfig(layers=9), "mine.toml")
    with pytest.raises(InputError, match=r"mine\.toml: sets no field"):
        queueing.enqueue(study, PartialConfig(), "mine.toml")
    assert study.trials() == []


def test_delete_removes_the_study_alone(
    connect: Callable[[], Storage], make_file: Make, finish: Callable[..., FrozenTrial]
) -> None:
    for name in ("gone", "stays"):
        study, _ = open_or_create(connect(), make_file(name=name), DATASET)
        finish(study)
    removing.delete([load_study(connect(), "gone")], None)
    assert names(connect()) == ["stays"]
    assert load_study(connect(), "stays").counts().complete == 1


def test_where_the_data_lie_is_what_was_told_last(
    connect: Callable[[], Storage], make_file: Make
) -> None:
    def told(path: str | None) -> str | None:
        section = {"source": "mnist"} if path is None else {"source": "mnist", "path": path}
        return open_or_create(connect(), make_file(dataset=section), DATASET)[0].file.dataset.path

    assert told("/old/mnist") == "/old/mnist"
    confirmation = ensure_confirmation_study(load_study(connect(), "study"))
    assert confirmation.file.dataset.path == "/old/mnist"
    assert told("/new/mnist") == "/new/mnist"
    assert told(None) == "/new/mnist"
    study, confirmation = (load_study(connect(), name) for name in ("study", "study.confirm"))
    assert confirmation.file.dataset.path == "/new/mnist"
    move_data(confirmation, "/newest/mnist")
    for one in (study, confirmation):
        again = load_study(connect(), one.optuna.study_name)
        assert again.file == one.file.model_copy(update={"dataset": again.file.dataset})
        assert again.file.dataset.path == "/newest/mnist"
