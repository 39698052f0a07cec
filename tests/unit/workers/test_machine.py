"""The machine, and git, on which nothing depends."""

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from hpsearch.workers import machine as module
from hpsearch.workers.machine import git_state, machine


def git(folder: Path, *words: str) -> str:
    names = {
        f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    return subprocess.run(
        [str(shutil.which("git")), "-C", folder, *words],
        check=True, capture_output=True, text=True, env=os.environ | names,
    ).stdout.strip()  # fmt: skip


def test_the_machine_is_said_in_json() -> None:
    found = json.loads(json.dumps(machine()))
    assert found["host"] == socket.gethostname()
    assert found["cores"] >= 1
    assert found["memory"] > 2**28
    assert found["cpu"]
    assert found["versions"].keys() >= {"python", "tensorflow"}
    assert machine() == machine()  # or each command would seem to be on a machine of its own


def test_the_commit_and_whether_files_are_changed(tmp_path: Path) -> None:
    assert git_state(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert git_state(tmp_path) is None  # nothing is committed
    file = tmp_path / "a.toml"
    file.write_text("a")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "a")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert git_state(tmp_path) == {"commit": commit, "changed": False}
    (tmp_path / "new").write_text("not tracked")
    assert git_state(tmp_path) == {"commit": commit, "changed": False}
    file.write_text("b")
    assert git_state(tmp_path) == {"commit": commit, "changed": True}


@pytest.mark.parametrize("script", ["sleep 60", "exit 3", "echo nonsense", None])
def test_git_that_hangs_or_is_missing_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None
) -> None:
    if script is not None:
        (tmp_path / "git").write_text(f"#!/bin/sh\n{script}\nexit\n")
        (tmp_path / "git").chmod(0o755)
    else:
        monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:{'' if script is None else os.environ['PATH']}")
    monkeypatch.setattr(module, "GIT_TIMEOUT", 0.5)
    began = time.monotonic()
    assert git_state(tmp_path) is None
    assert time.monotonic() - began < 20  # its child holds the pipe for a minute
