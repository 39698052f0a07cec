"""``hpsearch run --engine ray``: the same workers, placed by a real Ray on this machine.

What faults do to them is tried by hand: scripts/faults/ray.
"""

import contextlib
from typing import Any

import psutil
import pytest
from commandline import Cli, wait_until
from rays import long_study, running

pytest.importorskip("hpsearch.workers.ray_engine")  # it imports Ray, with settings

pytestmark = pytest.mark.timeout(300)


def test_a_cluster_of_our_own_ends_with_the_run(cli: Cli) -> None:
    cli.train_quickly(seconds=0.1)  # Ray's placing is looked at
    file = long_study(cli, trials=2, epochs=50)
    run = cli.start("run", file, "--engine", "ray", "--address", "local", "--workers", "2")
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


def test_what_cannot_be_is_said(cli: Cli) -> None:
    file = cli.study_file()
    away = cli("run", file, "--engine", "ray", "--address", "127.0.0.1:1", code=3).stderr
    assert "--engine ray: no cluster at 127.0.0.1:1" in away
    served = cli("serve", "--engine", "ray", "--address", "127.0.0.1:1", code=3).stderr
    assert "--engine ray: no cluster at 127.0.0.1:1" in served
    assert not cli.database.exists()
    assert "--engine" in cli("run", file, "--engine", "slurm", code=2).stderr
