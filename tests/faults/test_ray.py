"""Workers on Ray that lose their machine, or are interrupted with all of Ray's own processes.

Run by hand (scripts/faults/ray), as starting Ray's clusters and TensorFlow takes minutes.
"""

import os
import re
import signal

import psutil
import pytest
from clusters import Cluster
from commandline import Cli, wait_until
from optuna.trial import TrialState
from rays import long_study, running, trials

pytestmark = pytest.mark.timeout(300)


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
    assert "2 workers on Ray's 2 nodes (4 cores, 4 GPUs): 1 GPU and 2 threads each;" in err
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
    (after,) = re.findall(rf"trial {went_on.number} resumes after epoch (\d+)", logs)
    assert int(after) >= min(stood.values())
    shown = cli.details()
    assert (shown["complete"], shown["running"], shown["waiting"]) == (2, 0, 0)
    assert "val_accuracy" in out


def test_ctrl_c_leaves_nothing_behind(cli: Cli) -> None:
    file = long_study(cli, trials=3)
    options = ("--engine", "ray", "--address", "local", "--workers", "1")
    run = cli.start("run", file, *options, process_group=0)
    wait_until(lambda: running(cli), "a running trial", 120)
    family = psutil.Process(run.pid).children(recursive=True)
    os.killpg(run.pid, signal.SIGINT)  # what a terminal does: Ray's own processes hear it too
    _, err = run.communicate(timeout=60)
    assert run.returncode == 130, err
    assert "Stopping: the workers save their trials and exit" in err
    shown = cli.details()
    assert (shown["running"], shown["waiting"]) == (0, 1)
    psutil.wait_procs(family, timeout=20)
    assert [p for p in family if p.is_running()] == []
