"""The end of a run: how the study stands, and what comes next."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from optuna.trial import FrozenTrial, TrialState

from hpsearch.cli.conclusion import print_conclusion
from hpsearch.search.study import OpenStudy
from hpsearch.services.search import _conclusion

Finish = Callable[..., FrozenTrial]


def test_the_next_steps_are_named_in_their_order(
    open_study: Callable[..., OpenStudy], finish: Finish, capsys: pytest.CaptureFixture[str]
) -> None:
    study = open_study(budget={"trials": 1})
    finish(study, 0.75)
    found = _conclusion(study, 0)
    assert found.exit_code == 0
    print_conclusion(found)
    captured = capsys.readouterr()
    assert captured.out.startswith("val_accuracy 0.7500 in trial 0\n")
    before, _, after = captured.err.partition("Next:\n")
    assert before == "The budget of 1 trial is met.\n"
    commands = [line.split()[:2] for line in after.splitlines()]
    assert commands == [
        ["hpsearch", one]
        for one in ("confirm", "ensemble", "refit", "evaluate", "export", "report")
    ]
    assert all("study" in line.split() for line in after.splitlines())
    assert max(map(len, after.splitlines())) <= 100


def test_of_a_service_those_are_named_that_ask_it(
    open_study: Callable[..., OpenStudy], finish: Finish, capsys: pytest.CaptureFixture[str]
) -> None:
    study = open_study(budget={"trials": 1})
    finish(study, 0.75)
    print_conclusion(_conclusion(study, 0), " --server http://127.0.0.1:8080")
    _, _, after = capsys.readouterr().err.partition("Next:\n")
    lines = after.splitlines()
    named = [line.split()[1] for line in lines]
    assert named == ["confirm", "ensemble", "refit", "export", "report"]
    assert all("--server http://127.0.0.1:8080" in line for line in lines)


def test_where_nothing_completed_no_next_step_is_named(
    open_study: Callable[..., OpenStudy], finish: Finish, capsys: pytest.CaptureFixture[str]
) -> None:
    study = open_study(budget={"trials": 1})
    finish(study, 0.5, TrialState.PRUNED)
    found = _conclusion(study, 0)
    assert found.exit_code == 1
    print_conclusion(found)
    assert "Next:" not in capsys.readouterr().err


def test_a_time_limit_shorter_than_one_training_is_told(
    open_study: Callable[..., OpenStudy], capsys: pytest.CaptureFixture[str]
) -> None:
    found = replace(_conclusion(open_study(), 0), over="timeout")
    print_conclusion(found)
    assert "one takes longer than the time limit" in capsys.readouterr().err
