"""``hpsearch run --engine ray``: the same workers, placed by a real Ray on this machine."""

import contextlib
import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from clusters import Cluster
from commandline import Cli, wait_until
from optuna.trial import FrozenTrial, TrialState

from hpsearch.errors import HpsearchError, InputError
from hpsearch.search.opening import open_storage
from hpsearch.search.study import load_study

pytest.importorskip("hpsearch.workers.ray_engine")  # it imports Ray, with settings

pytestmark = pytest.mark.timeout(300)

EPOCHS = 1000
LONG = """\
early_stopping = false
[pruner]
type = "none"
[workers]
count = 2
"""


def long_study(cli: Cli, trials: int) -> Path:
    """A study file whose trials take seconds, and end by themselves only."""
    file = cli.study_file(trials=trials, epochs=EPOCHS)
    file.write_text(file.read_text().replace(f"{EPOCHS}\n", f"{EPOCHS}\n{LONG}"))
    return file


def trials(cli: Cli) -> Sequence[FrozenTrial]:
    """All trials; none before there is a study. A command would take a second each time."""
    try:
        storage = open_storage(f"sqlite:///{cli.database}", create=False)
    except HpsearchError:
        return []
    try:
        return load_study(storage, "small").trials()
    except InputError:
        return []
    finally:
        storage.close()


def running(cli: Cli) -> dict[int, psutil.Process]:
    """The workers of running trials with an epoch behind them, by trial."""
    return {
        trial.number: psutil.Process(int(trial.user_attrs["worker"].rpartition(":")[2]))
        for trial in trials(cli)
        if trial.state == TrialState.RUNNING and trial.intermediate_values
    }


def raylet_of(process: psutil.Process) -> int:
    """The pid of the raylet that a worker's place belongs to."""
    return next(p.pid for p in process.parents() if p.name() == "raylet")


def test_trials_of_a_lost_node_go_on_elsewhere(cli: Cli, cluster: Cluster) -> None:
    file = long_study(cli, trials=2)
    words = ("run", file, "--engine", "ray", "--address", cluster.address, "--force")
    run = cli.start(*words)
    wait_until(lambda: len(running(cli)) == 2, "two running trials", 120)
    run.send_signal(signal.SIGINT)  # so that they have checkpoints
    _, err = run.communicate(timeout=60)
    assert run.returncode == 130, err
    assert "2 workers on Ray's 2 nodes (4 cores, 4 GPUs): 1 GPU and 2 threads each," in err
    stood = {t.number: max(t.intermediate_values) for t in trials(cli) if t.intermediate_values}

    run = cli.start(*words)
    wait_until(lambda: len(running(cli)) == 2, "two running trials", 120)
    raylets = {raylet_of(process): number for number, process in running(cli).items()}
    assert len(raylets) == 2  # spread over the nodes
    lost = raylets[cluster.raylet]
    doomed = running(cli)[lost]
    psutil.Process(cluster.raylet).kill()  # as when a machine is switched off: its workers too
    doomed.kill()

    out, err = run.communicate(timeout=200)
    assert run.returncode == 0, err
    assert "Traceback" not in err
    found = trials(cli)
    assert [t.state for t in found].count(TrialState.COMPLETE) == 2
    (went_on,) = (t for t in found if t.user_attrs.get("earlier", [None])[0] == lost)
    logs = cli("logs", "small", "-n", "500").stdout
    (after,) = re.findall(rf"trial {went_on.number} goes on after epoch (\d+)", logs)
    assert int(after) >= min(stood.values())
    shown = cli.details()
    assert (shown["complete"], shown["running"], shown["waiting"]) == (2, 0, 0)
    assert "val_accuracy" in out


def test_a_cluster_of_our_own_ends_with_the_run(cli: Cli) -> None:
    run = cli.start(
        "run", long_study(cli, trials=2), "--engine", "ray", "--address", "local", "--workers", "2"
    )
    began = psutil.Process(run.pid)

    def listening() -> list[Any]:
        found = []
        for process in [began, *began.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):  # Ray ends who has nothing to do
                found += process.net_connections("inet")
        return [connection for connection in found if connection.status == "LISTEN"]

    wait_until(lambda: running(cli), "a running trial", 120)
    hosts = {connection.laddr.ip for connection in listening()}
    assert hosts
    assert hosts <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}, hosts
    family = began.children(recursive=True)
    assert any(process.name() == "raylet" for process in family)
    _, err = run.communicate(timeout=200)
    assert run.returncode == 0, err
    assert "2 workers on Ray, started on this machine" in err
    assert cli.details()["counted"] == 2
    psutil.wait_procs(family, timeout=20)
    assert [p for p in family if p.is_running()] == []


def test_ctrl_c_leaves_nothing_behind(cli: Cli) -> None:
    file = long_study(cli, trials=3)
    options = ("--engine", "ray", "--address", "local", "--workers", "1")
    run = cli.start("run", file, *options, process_group=0)
    wait_until(lambda: running(cli), "a running trial", 120)
    family = psutil.Process(run.pid).children(recursive=True)
    os.killpg(run.pid, signal.SIGINT)  # what a terminal does: Ray's own processes hear it too
    _, err = run.communicate(timeout=60)
    assert run.returncode == 130, err
    assert "Stopping: the workers save where their trials stand" in err
    shown = cli.details()
    assert (shown["running"], shown["waiting"]) == (0, 1)
    psutil.wait_procs(family, timeout=20)
    assert [p for p in family if p.is_running()] == []


def test_what_cannot_be_is_said(cli: Cli) -> None:
    file = cli.study_file()
    away = cli("run", file, "--engine", "ray", "--address", "127.0.0.1:1", code=3).stderr
    assert "--engine ray: no cluster at 127.0.0.1:1" in away
    assert not cli.database.exists()
    assert "--engine" in cli("run", file, "--engine", "slurm", code=2).stderr
