"""Children that a real Ray places, with processes that need no TensorFlow."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from clusters import Cluster
from commandline import wait_until

from hpsearch.environment import GPU_MEMORY_VARIABLE, THREADS_VARIABLE
from hpsearch.errors import UnreachableError
from hpsearch.home import Home
from hpsearch.workers.assigned import Assignment, Report
from hpsearch.workers.slots import Slot

engine = pytest.importorskip("hpsearch.workers.ray_engine")

pytestmark = pytest.mark.timeout(180)

WAIT = f"""
import os, time
told = [os.environ.get(name) for name in
        ("CUDA_VISIBLE_DEVICES", "{THREADS_VARIABLE}", "{GPU_MEMORY_VARIABLE}", "TOLD")]
print("ready", os.getppid(), *told, flush=True)
time.sleep(300)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def connected(cluster: Cluster) -> Iterator[Any]:
    with engine.connected(cluster.address, list) as found:
        assert [(node.cores, node.gpus) for node in found.nodes] == [(2, 2), (2, 2)]
        assert not found.is_ours
        yield found


@contextmanager
def started(home: Home, count: int, per_gpu: int, code: str = WAIT) -> Iterator[list[Any]]:
    """So many children with one core each, or less."""
    portion = engine.Portion(threads=1, per_gpu=per_gpu)
    slots = [Slot(index=index, gpu=None, threads=1) for index in range(count)]
    children = [engine.RayChild(slot=slot, portion=portion) for slot in slots]
    try:
        for child in children:
            child.start(["python", "-c", code], {"TOLD": "yes"}, home, "study")
        yield children
    finally:
        for child in children:
            child.withdraw()
            child.send(signal.SIGKILL)
            wait_until(lambda c=child: not c.is_there or c.is_over, "the end of a child")


def ready(home: Home, index: int) -> list[str]:
    """What a child found in its environment, once it runs."""
    log = home.worker_log("study", index)
    words = wait_until(lambda: log.exists() and log.read_text().split(), "a child's first words")
    assert words[0] == "ready"
    return list(words[1:])


@pytest.mark.usefixtures("connected")
def test_each_has_a_gpu_of_its_own(home: Home) -> None:
    with started(home, 5, per_gpu=1) as children:
        wait_until(lambda: sum(c.is_over is False and not c.is_waiting for c in children) == 4,
                   "four placed children")  # fmt: skip
        (waiting,) = (child for child in children if child.is_waiting)
        placed = [child for child in children if child is not waiting]
        found = [ready(home, child.slot.index) for child in placed]
        raylets = [psutil.Process(int(place)).ppid() for place, *_ in found]
        devices = [device for _, device, *_ in found]
        assert len({*zip(raylets, devices, strict=True)}) == 4
        assert {*devices} == {"0", "1"}
        assert {tuple(rest) for _, _, *rest in found} == {("1", "None", "yes")}

        assert not placed[0].withdraw()
        assert waiting.withdraw()
        assert not waiting.is_there
        assert waiting.may_start
        placed[0].send(signal.SIGTERM)
        assert placed[0].wait(30)
        assert placed[0].collect() == -signal.SIGTERM
        assert not placed[0].is_lost


@pytest.mark.usefixtures("connected")
def test_parts_of_a_gpu(home: Home) -> None:
    with started(home, 4, per_gpu=2):
        found = [ready(home, index) for index in range(4)]
        raylets = [psutil.Process(int(place)).ppid() for place, *_ in found]
        places = [*zip(raylets, (device for _, device, *_ in found), strict=True)]
        assert all(places.count(place) <= 2 for place in places)
        assert {device for _, device in places} <= {"0", "1"}


@pytest.mark.usefixtures("connected")
def test_a_place_that_cannot_be_used_is_told_of(home: Home) -> None:
    portion = engine.Portion(threads=1, per_gpu=0)
    child = engine.RayChild(slot=Slot(index=0, gpu=None, threads=1), portion=portion)
    home.root.mkdir(parents=True, exist_ok=True)
    (home.root / "logs").write_text("a file in the place of a folder")
    child.start(["python", "-c", WAIT], {}, home, "study")
    wait_until(lambda: child.is_over, "the end")
    assert child.collect() == 3
    assert "cannot be created" in child.last_words()
    assert not child.is_lost


ASSIGNED = """
import json, os, socket
line = socket.socket(fileno=os.dup(0))
line.send(json.dumps({"study": "", "code": 0}).encode())
while True:
    message, logs, _, _ = socket.recv_fds(line, 4096, 1)
    if not message:
        break
    told = json.loads(message)
    os.write(logs[0], f"for {told['study']} on {os.environ['CUDA_VISIBLE_DEVICES']}".encode())
    report = {"study": told["study"], "code": 0, "ends": told["apart"]}
    line.send(json.dumps(report).encode())
    if told["apart"]:
        break
"""


@pytest.mark.usefixtures("connected")
def test_a_place_of_a_service_is_assigned_one_study_after_the_other(home: Home) -> None:
    service = pytest.importorskip("hpsearch.server.ray_child")
    portion = engine.Portion(threads=1, per_gpu=1)
    child = service.RayAssigned(slot=Slot(index=0, gpu=None, threads=1), portion=portion)
    child.begin(["python", "-c", ASSIGNED], {})
    assert child.is_there
    assert not child.assign(Assignment(study="a"), home)  # it has not started yet
    wait_until(lambda: child.report() is None and child.is_ready, "a place that waits")
    for name in ("a", "b"):
        assert child.assign(Assignment(study=name), home)
        assert wait_until(child.report, "a report") == Report(study=name, code=0)
        assert home.worker_log(name, 0).read_text() in (f"for {name} on 0", f"for {name} on 1")
    assert not child.is_over
    (home.root / "logs" / "c").write_text("a file in the place of a folder")
    with pytest.raises(UnreachableError, match="cannot be created"):
        child.assign(Assignment(study="c"), home)

    assert child.assign(Assignment(study="own", apart=True), home)
    assert wait_until(child.report, "a report") == Report(study="own", code=0, ends=True)
    assert child.wait(30)
    assert (child.collect(), child.is_lost, child.is_there) == (0, False, False)

    child.begin(["python", "-c", ASSIGNED], {})
    wait_until(lambda: child.report() is None and child.is_ready, "another place")
    process = psutil.Process(int(child.worker.rpartition(":")[2]))
    process.parent().kill()
    wait_until(lambda: child.is_over, "a lost place")
    assert not child.assign(Assignment(study="a"), home)
    assert child.collect() == -signal.SIGKILL
    assert child.is_lost
    assert "is lost" in child.last_words()
    psutil.wait_procs([process], timeout=20)
    assert not process.is_running()

    child.portion = engine.Portion(threads=3, per_gpu=0)  # more than any node has
    child.begin(["python", "-c", ASSIGNED], {})
    assert child.is_waiting
    assert child.wait(0)
    assert not child.is_there


@pytest.mark.usefixtures("connected")
def test_what_ends_and_what_is_lost(cluster: Cluster, home: Home) -> None:
    with started(home, 1, 1, "print('error: wrong input'); raise SystemExit(2)") as (child,):
        assert child.wait(60) or wait_until(lambda: child.is_over, "the end")
        assert child.signature is not None
        assert child.collect() == 2
        assert "wrong input" in child.last_words()
        assert not child.is_there

    with started(home, 2, 1) as children:
        wait_until(lambda: all(not c.is_over and not c.is_waiting for c in children), "both placed")
        own = [psutil.Process(int(ready_of(c).rpartition(":")[2])) for c in children]
        on = [psutil.Process(process.ppid()).ppid() for process in own]
        lost = on.index(cluster.raylet)
        for process in (psutil.Process(cluster.raylet), own[lost].parent(), own[lost]):
            assert process
            process.kill()  # as when a machine is switched off
        wait_until(lambda: children[lost].is_over, "a lost place", 90)
        assert children[lost].collect() == -signal.SIGKILL
        assert children[lost].is_lost
        assert "is lost" in children[lost].last_words()
        assert not children[1 - lost].is_over
        # Its place is found anew, once Ray has noticed that the node is gone.
        child = children[lost]
        child.start(["python", "-c", WAIT], {}, home, "study")

        def is_placed() -> bool:
            if child.is_over:
                child.collect()
                child.start(["python", "-c", WAIT], {}, home, "study")
            return child.worker is not None

        wait_until(is_placed, "another place", 90)
        found = psutil.Process(int(ready_of(child).rpartition(":")[2]))
        assert psutil.Process(found.ppid()).ppid() == on[1 - lost]


def ready_of(child: Any) -> str:
    """What trials that a child runs would have as their worker."""
    return str(wait_until(lambda: child.worker, "a worker's name"))
