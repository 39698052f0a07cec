"""Rows: what commands print of trials and studies."""

import json
from collections.abc import Callable
from datetime import datetime

import pytest
import sqlalchemy as sa
from optuna.trial import FrozenTrial, TrialState

from hpsearch.cli.best import print_best
from hpsearch.errors import Failure, InputError, NoTrialError
from hpsearch.figures.points import points, ranked
from hpsearch.report.leaders import leaders as best_rows
from hpsearch.search import claims, trials
from hpsearch.search.attributes import DATASET_KEY
from hpsearch.search.leaders import leaders
from hpsearch.search.lookup import load_study
from hpsearch.search.study import OpenStudy
from hpsearch.space import suggest_config
from hpsearch.tasks.classification import ACCURACY
from hpsearch.tasks.interval import wilson

Finish = Callable[..., FrozenTrial]


def test_one_row_for_each_state(open_study: Callable[..., OpenStudy], finish: Finish) -> None:
    study = open_study(enqueue=[{"layers": 2}])
    finish(study, 0.75)
    finish(study, 0.25, TrialState.PRUNED)
    third = claims.claim(study)
    assert third is not None
    third.set_user_attr("parameters", 12)
    claims.fail(study, 2, Failure.DIVERGED, "NaN in epoch 1")
    running = claims.claim(study)
    assert running is not None
    suggest_config(study.file.space, running)
    running.report(0.5, 2)
    study.optuna.enqueue_trial({"layers": 4})

    rows = [trials.row(study, trial) for trial in study.trials()]
    assert [row["state"] for row in rows] == [
        "complete", "pruned", "failed", "running", "waiting"
    ]  # fmt: skip
    assert [row["values"] for row in rows] == [[0.75], [0.25], None, None, None]
    assert [row["failure"] for row in rows] == [None, None, "diverged", None, None]
    assert rows[0]["config"]["layers"] == len(rows[0]["config"]["units"]) == 2
    assert rows[2]["config"] == {}
    assert rows[2]["parameters"] == 12
    assert rows[3]["epochs"] == 2
    assert trials.is_running(study.trials()[3])
    assert trials.is_complete(study.trials()[0])
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows


def test_a_waiting_trial_shows_what_was_enqueued_whole(
    open_study: Callable[..., OpenStudy],
) -> None:
    space = {"layers": {"type": "int", "low": 1, "high": 3}}
    study = open_study(space=space, enqueue=[{"layers": 3}])
    assert trials.row(study, study.trials()[0])["config"]["layers"] == 3


def test_the_best_is_the_first_of_equals(
    open_study: Callable[..., OpenStudy], finish: Finish
) -> None:
    study = open_study()
    for value in (0.5, 0.75, 0.75):
        finish(study, value)
    finish(study, 0.99, TrialState.PRUNED)
    assert trials.best(study).number == 1
    row = trials.best_row(study)
    assert (row["study"], row["number"], row["values"]) == ("study", 1, [0.75])
    assert row.keys() >= {"config", "parameters"}


def test_of_equals_the_one_with_the_smaller_loss_is_the_best_then_the_smaller_one(
    open_study: Callable[..., OpenStudy], finish: Finish
) -> None:
    study = open_study()
    finish(study, 0.5)
    for loss, parameters in ((None, 10), (0.25, 30), (0.125, 30), (0.125, 20), (0.125, 20)):
        trial = claims.claim(study)
        assert trial is not None
        suggest_config(study.file.space, trial)
        facts = {"parameters": parameters, "val_loss": loss}
        for key, value in facts.items():
            if value is not None:
                trial.set_user_attr(key, value)
        study.optuna.tell(trial, 0.75)
    assert trials.best(study).number == 4
    every = [trial.number for trial in trials.ranked(study.trials(), ACCURACY)]
    assert every == [4, 5, 3, 2, 1, 0]
    assert [one.of for one in leaders(study, 3)] == ["4", "5", "3"]
    rows = [trials.row(study, trial) for trial in study.trials()]
    assert [row["number"] for row in best_rows(rows, ACCURACY)] == every[:5]
    drawn = points(rows, [{} for _ in rows], {})
    assert [point.number for point in ranked(drawn, ACCURACY)] == every


def test_without_a_finite_value_there_is_no_best_and_the_study_is_listed(
    open_study: Callable[..., OpenStudy], finish: Finish
) -> None:
    study = open_study()
    finish(study, float("inf"))
    assert trials.find_best(study) is None
    assert trials.summary(study)["best"] is None


def test_the_best_says_on_how_many_examples_it_was_measured(
    open_study: Callable[..., OpenStudy],
    finish: Finish,
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = open_study()
    finish(study, 1.0)
    row = trials.best_row(study)
    assert (row["validation_examples"], row["interval"]) == (None, None)  # it was not kept
    study.optuna.set_user_attr(DATASET_KEY, study.data | {"validation": 46})
    row = trials.best_row(load_study(study.storage, study.name))
    assert (row["validation_examples"], row["interval"]) == (46, list(wilson(46, 46)))
    print_best(row, "val_accuracy")
    assert "on 46 validation examples: 95 % interval 0.9229 to 1.0000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("case", "is_shown"),
    [
        (
            ({}, "val_accuracy"),
            {"label_smoothing": True, "embedding_sigma": False, "augment": False},
        ),
        (({}, "val_rmse"), {"batch_size": True, "label_smoothing": False}),
        (({}, "val_loss"), {"label_smoothing": True}),  # a metric of both tasks
        (({"numeric_embedding": "periodic"}, "val_accuracy"), {"embedding_sigma": True}),
        (
            ({"augment": {"flip": False, "translate": 2}}, "val_accuracy"),
            {"translate 2": True, "flip": True},
        ),
    ],
)
def test_settings_that_play_no_part_in_the_best_are_not_shown(
    open_study: Callable[..., OpenStudy],
    finish: Finish,
    capsys: pytest.CaptureFixture[str],
    case: tuple[dict[str, object], str],
    is_shown: dict[str, bool],
) -> None:
    change, metric = case
    study = open_study()
    finish(study, 1.0)
    row = trials.best_row(study)
    print_best({**row, "config": row["config"] | change}, metric)
    told = capsys.readouterr().out
    assert {name: name in told for name in is_shown} == is_shown


def test_the_best_of_a_loss_is_the_lowest(
    open_study: Callable[..., OpenStudy], finish: Finish
) -> None:
    study = open_study(objective={"metric": "val_loss"})
    for value in (0.5, 0.25, 0.75):
        finish(study, value)
    assert trials.best(study).number == 1
    assert trials.summary(study)["best"] == 0.25


def test_without_a_complete_trial_there_is_no_best(
    open_study: Callable[..., OpenStudy], finish: Finish
) -> None:
    study = open_study()
    finish(study, 0.5, TrialState.PRUNED)
    with pytest.raises(NoTrialError, match="1 pruned") as caught:
        trials.best(study)
    assert caught.value.exit_code == 1
    assert trials.summary(study)["best"] is None


@pytest.mark.parametrize("number", [-1, 1, 99])
def test_a_trial_that_is_not_there(
    open_study: Callable[..., OpenStudy], finish: Finish, number: int
) -> None:
    study = open_study()
    finish(study)
    assert trials.find(study, 0).number == 0
    with pytest.raises(InputError, match=f"has no trial {number}; it has 1"):
        trials.find(study, number)


def test_workers_are_read_by_as_many_queries_however_many_they_are(
    open_study: Callable[..., OpenStudy],
) -> None:
    study, asked = open_study(), list[str]()
    study.storage.owner = {"worker": "here:1", "device": "CPU"}
    sa.event.listen(
        study.storage.engine, "before_cursor_execute", lambda *args: asked.append(args[2])
    )
    counts = []
    for number in range(1, 4):
        assert claims.claim(study) is not None
        asked.clear()
        assert [one["trial"] for one in trials.live_workers(study)] == [*range(number)]
        counts.append(len(asked))
    assert len(set(counts)) == 1


def test_a_study_in_numbers(open_study: Callable[..., OpenStudy], finish: Finish) -> None:
    study = open_study()
    study.storage.owner = {"worker": "here:1", "device": "GPU 0"}
    finish(study, 0.5)
    for failure in (Failure.OUT_OF_MEMORY, Failure.TOO_LARGE):
        trial = claims.claim(study)
        assert trial is not None
        claims.fail(study, trial.number, failure, "x")
    assert claims.claim(study) is not None
    shown = trials.details(study)
    assert (shown["complete"], shown["failed"], shown["running"]) == (1, 1, 1)
    assert shown["uncounted"] == 1
    assert shown["counted"] == 2
    assert shown["best"] == 0.5
    (worker,) = shown["workers"]
    assert datetime.fromisoformat(worker.pop("last_seen")).tzinfo is not None
    assert 0 <= worker.pop("silent") < 60
    assert worker == {
        "worker": "here:1",
        "host": "here",
        "pid": 1,
        "device": "GPU 0",
        "trial": 3,
        "epoch": None,
    }
    assert shown["budget"]["trials"] == 10
    assert shown["dataset"]["fingerprint"] == "f" * 64
    assert shown["provenance"]["versions"]["hpsearch"]
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown
