"""The worker processes of a service: assigned a study and a log, they report."""

import sys
import time
from pathlib import Path

from hpsearch.home import Home
from hpsearch.server.child import AssignedChild
from hpsearch.workers.assigned import Assignment, Report
from hpsearch.workers.slots import Slot

ECHO = """\
import json, os, socket
line = socket.socket(fileno=os.dup(0))
line.send(json.dumps({"study": "", "code": 0}).encode())
while True:
    message, logs, _, _ = socket.recv_fds(line, 4096, 1)
    if not message:
        break
    study = json.loads(message)["study"]
    os.write(logs[0], f"error: works for {study}\\n".encode())
    ends = study == "b"
    line.send(json.dumps({"study": study, "code": 2, "ends": ends}).encode())
"""


def _ready(child: AssignedChild) -> None:
    end = time.monotonic() + 30
    while not child.is_ready:
        assert child.report() is None
        assert time.monotonic() < end
        time.sleep(0.01)


def _until(child: AssignedChild) -> Report:
    end = time.monotonic() + 30
    while (report := child.report()) is None:
        assert time.monotonic() < end
        time.sleep(0.01)
    return report


def test_a_process_works_for_one_study_after_the_other_with_a_log_for_each(tmp_path: Path) -> None:
    home = Home(tmp_path)
    child = AssignedChild(slot=Slot(index=1, gpu=None, threads=1))
    assert not child.assign(Assignment(study="a"), home)
    assert child.report() is None
    child.begin([sys.executable, "-c", ECHO], {})
    try:
        assert not child.assign(Assignment(study="a"), home)  # it has not started yet
        _ready(child)
        for name in ("a", "b"):
            assert child.assign(Assignment(study=name), home)
            assert _until(child) == Report(study=name, code=2, ends=name == "b")
            assert home.worker_log(name, 1).read_text() == f"error: works for {name}\n"
            assert child.last_words().startswith(f"works for {name}\n")
        assert not child.assign(Assignment(study="a"), home)  # it ends
    finally:
        assert child.line is not None
        child.line.close()
        assert child.wait(30)
    assert child.is_over
    assert not child.assign(Assignment(study="a"), home)
    assert child.report() is None
    assert child.collect() == 0
    assert not child.is_there
