"""``hpsearch run --engine ray``: the same workers, placed by a real Ray on this machine."""

import os
import re
import signal
from collections.abc import Iterator
from typing import Any

import optuna
import psutil
import pytest
from commandline import Cli, wait_until
from optuna.trial import TrialState

cluster_utils = pytest.importorskip("ray.cluster_utils")

pytestmark = pytest.mark.timeout(300)

EPOCHS = 2500
"""Of trials that outlast the first checkpoint, which is written after half a minute."""
LONG = """\
early_stopping = false
[pruner]
type = "none"
[workers]
count = 4
"""


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes on this machine, each with two cores and two GPUs that are only declared."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    options = {"num_cpus": 2, "num_gpus": 2, "node_ip_address": "127.0.0.1"}
    made = cluster_utils.Cluster(initialize_head=True, head_node_args=options)
    made.other = made.add_node(**options)
    yield made
    made.shutdown()


def running(cli: Cli) -> dict[int, psutil.Process]:
    """The workers of running trials, by trial."""
    found = {}
    for trial in cli.json("trials", "small"):
        if trial["state"] == "running" and trial["epochs"]:
            found[trial["number"]] = psutil.Process(int(trial["worker"].rpartition(":")[2]))
    return found


def raylet_of(process: psutil.Process) -> int:
    """The pid of the raylet that a worker's place belongs to."""
    return next(p.pid for p in process.parents() if p.name() == "raylet")


def test_trials_of_a_lost_node_go_on_elsewhere(cli: Cli, cluster: Any) -> None:
    file = cli.study_file(trials=4, epochs=EPOCHS)
    file.write_text(file.read_text().replace(f"{EPOCHS}\n", f"{EPOCHS}\n{LONG}"))
    run = cli.start("run", file, "--engine", "ray", "--address", cluster.address, "--force")
    wait_until(lambda: len(running(cli)) == 4, "four running trials", 120)
    found = running(cli)
    devices = {p.environ()["CUDA_VISIBLE_DEVICES"] for p in found.values()}
    raylets = {number: raylet_of(process) for number, process in found.items()}
    on = [(raylets[n], found[n].environ()["CUDA_VISIBLE_DEVICES"]) for n in found]
    assert len({*on}) == 4  # of each node both GPUs, each one once
    assert devices == {"0", "1"}

    assert {cli.home / "logs" / "small" / f"worker-{index}.log" for index in range(4)} <= {
        *(cli.home / "logs" / "small").iterdir()
    }

    (raylet,) = {*raylets.values()} & {cluster.other.all_processes["raylet"][0].process.pid}
    lost = [number for number, of in raylets.items() if of == raylet]
    assert len(lost) == 2
    folders = [cli.home / "runs" / "small" / f"trial-{number:05}" for number in lost]
    wait_until(lambda: all((f / "checkpoint.npz").exists() for f in folders), "checkpoints", 120)
    doomed = [found[number] for number in lost]
    psutil.Process(raylet).kill()  # as when a machine is switched off: its workers too
    for process in doomed:
        process.kill()

    out, err = run.communicate(timeout=200)
    assert run.returncode == 0, err
    assert "Traceback" not in err
    trials = optuna.load_study(study_name="small", storage=f"sqlite:///{cli.database}").trials
    assert [t.state for t in trials].count(TrialState.COMPLETE) == 4
    went_on = {t.user_attrs["earlier"][0]: t.number for t in trials if "earlier" in t.user_attrs}
    assert {*went_on} == {*lost}
    logs = cli("logs", "small", "-n", "500").stdout
    for number in went_on.values():
        assert re.search(rf"trial {number} goes on after epoch \d+", logs), logs
    shown = cli.json("show", "small")
    assert (shown["complete"], shown["running"], shown["waiting"]) == (4, 0, 0)
    assert "val_accuracy" in out


def test_a_cluster_of_our_own_ends_with_the_run(cli: Cli) -> None:
    run = cli.start("run", cli.study_file(trials=3, epochs=2), "--engine", "ray", "--workers", "2")
    began = psutil.Process(run.pid)

    def listening() -> list[Any]:
        family = [began, *began.children(recursive=True)]
        return [c for p in family for c in p.net_connections("inet") if c.status == "LISTEN"]

    wait_until(lambda: cli.json("ls") if cli.database.exists() else [], "a study", 60)
    hosts = {connection.laddr.ip for connection in listening()}
    assert hosts <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}, hosts
    family = began.children(recursive=True)
    assert any(process.name() == "raylet" for process in family)
    _, err = run.communicate(timeout=120)
    assert run.returncode == 0, err
    assert "2 workers on Ray, started on this machine" in err
    assert cli.json("show", "small")["counted"] == 3
    psutil.wait_procs(family, timeout=20)
    assert [p for p in family if p.is_running()] == []


def test_ctrl_c_leaves_nothing_behind(cli: Cli) -> None:
    file = cli.study_file(trials=3, epochs=3000)
    run = cli.start("run", file, "--engine", "ray", "--workers", "1", process_group=0)
    wait_until(lambda: cli.database.exists() and running(cli), "a running trial", 120)
    family = psutil.Process(run.pid).children(recursive=True)
    os.killpg(run.pid, signal.SIGINT)  # what a terminal does: Ray's own processes hear it too
    _, err = run.communicate(timeout=60)
    assert run.returncode == 130, err
    assert "Stopping: the workers save where their trials stand" in err
    shown = cli.json("show", "small")
    assert (shown["running"], shown["waiting"]) == (0, 1)
    psutil.wait_procs(family, timeout=20)
    assert [p for p in family if p.is_running()] == []


def test_what_cannot_be_is_said(cli: Cli) -> None:
    file = cli.study_file()
    away = cli("run", file, "--engine", "ray", "--address", "127.0.0.1:1", code=3).stderr
    assert "--engine ray: no cluster at 127.0.0.1:1" in away
    assert not cli.database.exists()
    assert "--engine" in cli("run", file, "--engine", "slurm", code=2).stderr
