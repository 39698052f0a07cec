"""The end of a run on a service is that of a run here."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState

from hpsearch.cli import run_there
from hpsearch.cli.run_there import concluded, watch
from hpsearch.errors import Failure, ProgramError, StoppedError
from hpsearch.search import claims
from hpsearch.search import trials as rows
from hpsearch.search.attributes import FAILURE_KEY, FAILURE_MESSAGE_KEY
from hpsearch.search.study import OpenStudy
from hpsearch.services.search import _conclusion

Open = Callable[..., OpenStudy]
Finish = Callable[..., FrozenTrial]


class Told:
    """In place of a study of a service: one that is here."""

    def __init__(self, study: OpenStudy) -> None:
        self.study, self.name = study, study.name
        self.client = SimpleNamespace(url="http://127.0.0.1")

    def details(self) -> dict[str, Any]:
        return rows.details(self.study)

    def trials(self) -> list[dict[str, Any]]:
        return [rows.row(self.study, trial) for trial in self.study.trials()]

    def best(self) -> dict[str, Any]:
        return rows.best_row(self.study)


def fail(study: OpenStudy, failure: Failure) -> None:
    trial = claims.claim(study)
    assert trial is not None
    trial.set_user_attr(FAILURE_KEY, failure)
    trial.set_user_attr(FAILURE_MESSAGE_KEY, f"why it {failure}")
    study.optuna.tell(trial, state=TrialState.FAIL)


def same(study: OpenStudy) -> Any:
    there = concluded(Told(study), rows.details(study), is_stopped=False)  # type: ignore[arg-type]
    here = _conclusion(study, 0)
    assert there == here
    assert there.exit_code == here.exit_code
    return there


def test_a_budget_that_is_met(open_study: Open, finish: Finish) -> None:
    study = open_study(budget={"trials": 2})
    finish(study, 0.5)
    finish(study, 0.75)
    found = same(study)
    assert (found.over, found.exit_code, found.best["number"]) == ("trials", 0, 1)


def test_no_trial_that_completed(open_study: Open, finish: Finish) -> None:
    study = open_study(budget={"trials": 3})
    finish(study, 0.5, TrialState.PRUNED)
    fail(study, Failure.TIMEOUT)
    finish(study, 0.25, TrialState.PRUNED)
    found = same(study)
    assert (found.exit_code, found.best) == (1, None)
    assert found.failed == "trial 1 timeout: why it timeout"


def test_failures_in_a_row(open_study: Open, finish: Finish) -> None:
    study = open_study(budget={"trials": 30})
    fail(study, Failure.TIMEOUT)
    finish(study, 0.5)
    for number in range(10):
        fail(study, Failure.DIVERGED if number % 3 else Failure.OUT_OF_MEMORY)
    found = same(study)
    assert (found.over, found.exit_code) == ("failures", 4)
    assert found.failures == {"diverged": 6, "out_of_memory": 4}


def test_a_pause_is_a_stop(open_study: Open, finish: Finish) -> None:
    study = open_study()
    finish(study, 0.5)
    found = concluded(Told(study), rows.details(study), is_stopped=True)  # type: ignore[arg-type]
    assert found == _conclusion(study, 143)
    assert (found.is_cut_off, found.exit_code) == (True, 143)


@pytest.mark.parametrize(
    ("ended", "kind", "said"),
    [
        (("failed", "five crashed"), ProgramError, "study study: failed: five crashed; see hps"),
        (("cancelled", None), StoppedError, "^$"),
    ],
)
def test_what_else_may_end_it(
    open_study: Open,
    monkeypatch: pytest.MonkeyPatch,
    ended: tuple[str, str | None],
    kind: type[Exception],
    said: str,
) -> None:
    study = open_study()
    over = SimpleNamespace(state=ended[0], why=ended[1], counts=study.counts)
    monkeypatch.setattr(run_there, "follow", lambda _: over)
    with pytest.raises(kind, match=said):
        watch(Told(study), " --server URL")  # type: ignore[arg-type]


def test_who_leaves_is_told_how_to_come_back(
    open_study: Open, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def leave(_: object) -> None:
        raise SystemExit(130)

    monkeypatch.setattr(run_there, "follow", leave)
    with pytest.raises(SystemExit):
        watch(Told(open_study()), " --server URL")  # type: ignore[arg-type]
    assert capsys.readouterr().err == (
        "The search goes on at http://127.0.0.1. To see it again: hpsearch show study --watch"
        " --server URL; to pause it: hpsearch stop study --server URL\n"
    )
