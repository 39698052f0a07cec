"""Who runs a trial, and whether that process is gone."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from hpsearch import clock
from hpsearch.search import claims
from hpsearch.search.study import OpenStudy
from hpsearch.workers import identity as module
from hpsearch.workers.identity import (
    identity,
    is_here,
    is_signed,
    owner_is_gone,
    signature,
    worker_name,
)
from hpsearch.workers.lease import mend

NOBODY = 2**22 + 1  # above the largest pid


def test_the_owner_of_a_trial_is_known_by_machine_pid_and_start() -> None:
    me = identity()
    assert me["worker"] == worker_name(os.getpid()) == f"{socket.gethostname()}:{os.getpid()}"
    assert not owner_is_gone(me)
    assert owner_is_gone(me | {"process": me["process"] | {"started": 1}})
    assert owner_is_gone(me | {"worker": worker_name(NOBODY)})


def test_of_another_place_nothing_is_known() -> None:
    dead = identity(NOBODY)
    assert owner_is_gone(dead | {"process": {"place": dead["process"]["place"], "started": 1}})
    assert not owner_is_gone(dead | {"process": {"place": "elsewhere", "started": 1}})
    assert not owner_is_gone({"worker": "here:1"})
    assert not owner_is_gone({})


def test_of_another_users_process_that_is_hidden_nothing_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner = identity()

    def refuse(_pid: int, _number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(module, "_started", lambda _pid: None)  # as where /proc hides it
    monkeypatch.setattr(os, "kill", refuse)
    assert not owner_is_gone(owner)
    monkeypatch.setattr(module, "_started", lambda _pid: 1)  # its number is another's now
    assert owner_is_gone(owner)


def test_a_container_of_this_machine_is_another_place() -> None:
    """Its process ids say nothing outside of it."""
    unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not make a namespace for processes")
    code = "import json, hpsearch.workers.identity as i; print(json.dumps(i.identity()))"
    inside = json.loads(subprocess.check_output([*unshare, sys.executable, "-c", code]))
    assert inside["worker"] == worker_name(1)
    assert not owner_is_gone(inside)


def test_a_dead_owner_is_gone_also_as_a_zombie() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        owner = identity(process.pid)
        assert not owner_is_gone(owner)
        process.kill()
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert owner_is_gone(owner)
        process.wait()
        assert owner_is_gone(owner)


def test_the_threads_are_kept_where_a_number_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HPSEARCH_THREADS", raising=False)
    assert "threads" not in identity()
    monkeypatch.setenv("HPSEARCH_THREADS", "2")
    assert identity()["threads"] == 2


@pytest.fixture
def no_boot_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A system that does not tell its start."""
    monkeypatch.setattr(clock, "BOOT_ID", tmp_path / "nothing")
    module._place.cache_clear()
    yield
    module._place.cache_clear()


@pytest.mark.usefixtures("no_boot_id")
def test_without_a_boot_id_nothing_is_known_of_any_process(
    caplog: pytest.LogCaptureFixture,
) -> None:
    me, dead = identity(), identity(NOBODY)
    assert is_signed(me)
    assert signature(me) != signature(dead)
    for one in (me, dead, identity(os.getppid())):
        assert not owner_is_gone(one)
        assert not is_here(one)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "nothing cannot be read (No such file or directory)" in caplog.text
    json.dumps(me)


@pytest.mark.usefixtures("no_boot_id")
def test_without_a_boot_id_leases_decide(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study()
    study.storage.owner = identity(NOBODY)
    claims.claim(study)
    assert mend(study) == []
    number = [heartbeat.number for heartbeat in study.storage.heartbeats(study.study_id)]
    assert mend(study, dead=[signature(study.storage.owner)]) == number == [0]
