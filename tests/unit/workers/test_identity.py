"""Who runs a trial, and whether that process is gone."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil
from optuna.trial import FrozenTrial, TrialState, create_trial

from hpsearch.search import budget
from hpsearch.search.study import OpenStudy
from hpsearch.space import suggest_config
from hpsearch.workers.identity import identity, mend, owner_is_gone, worker_name

NOBODY = 2**22 + 1  # above the largest pid


def owned(**attrs: Any) -> FrozenTrial:
    return create_trial(state=TrialState.RUNNING, user_attrs=attrs)


def test_the_owner_of_a_trial_is_known_by_machine_pid_and_start() -> None:
    me = identity()
    assert me["worker"] == worker_name(os.getpid()) == f"{socket.gethostname()}:{os.getpid()}"
    assert not owner_is_gone(owned(**me))
    assert owner_is_gone(owned(**me | {"process": me["process"] | {"started": 1}}))
    assert owner_is_gone(owned(**me | {"worker": worker_name(NOBODY)}))


def test_of_another_place_nothing_is_known() -> None:
    dead = identity(NOBODY)
    assert owner_is_gone(
        owned(**dead | {"process": {"place": dead["process"]["place"], "started": 1}})
    )
    assert not owner_is_gone(owned(**dead | {"process": {"place": "elsewhere", "started": 1}}))
    assert not owner_is_gone(owned(worker="here:1"))
    assert not owner_is_gone(owned())


def test_a_dead_owner_is_gone_also_as_a_zombie() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        trial = owned(**identity(process.pid))
        assert not owner_is_gone(trial)
        process.kill()
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert owner_is_gone(trial)
        process.wait()
        assert owner_is_gone(trial)


def orphan(study: OpenStudy) -> int:
    """Start a trial in the name of a process that is gone; its number."""
    study.storage.owner = identity() | {
        "worker": worker_name(NOBODY),
    }
    trial = budget.claim(study)
    assert trial is not None
    suggest_config(study.file.space, trial)
    return trial.number


def test_mend_frees_what_the_dead_left(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study()
    study.storage.owner = identity()
    assert budget.claim(study) is not None
    assert orphan(study) == 1
    assert mend(study) == [1]
    assert mend(study) == []
    assert [t.state for t in study.trials()] == [
        TrialState.RUNNING, TrialState.FAIL, TrialState.WAITING
    ]  # fmt: skip


def test_a_trial_that_kills_its_worker_is_tried_again_once(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study(budget={"trials": 1})
    orphan(study)
    assert mend(study) == [0]
    assert study.counts().counted == 0
    orphan(study)
    assert mend(study) == [1]
    first, second = study.trials()
    assert second.params == first.params
    assert [t.user_attrs["failure"] for t in (first, second)] == ["interrupted", "crashed"]
    assert study.counts().counted == 1
    assert budget.ending(study) == "trials"


def test_a_trial_cut_off_in_good_order_may_be_so_any_number_of_times(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study(budget={"trials": 1})
    for number in range(4):
        assert orphan(study) == number
        assert budget.interrupt(study, number)
    assert study.trials()[-1].user_attrs["resumes"] == 0
    assert study.counts().counted == 0
