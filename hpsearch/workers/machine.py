"""The machine that a command runs on, and the state of the folder that a study file lies in."""

import os
import platform
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from hpsearch.search.making import versions
from hpsearch.workers.cores import available_cores
from hpsearch.workers.gpus import list_gpus

GIT_TIMEOUT = 5.0
"""Seconds that git gets to say which commit is checked out."""


def machine() -> dict[str, Any]:
    """What results may depend on of the machine, ready for JSON."""
    return {
        "host": socket.gethostname(),
        "os": platform.platform(),
        "cpu": _cpu(),
        "cores": available_cores().count,
        "memory": psutil.virtual_memory().total,
        "gpus": [gpu.title for gpu in list_gpus().gpus],
        "versions": versions(),
    }


def _cpu() -> str:
    """The processor's model."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def git_state(folder: Path) -> dict[str, Any] | None:
    """The commit that is checked out in a folder, and whether tracked files were changed since.

    Returns:
        ``commit`` and ``changed``; None where the folder is in no repository, or git is missing,
        refuses, or does not answer in time: nothing depends on it.
    """
    git = shutil.which("git")
    if git is None:
        return None
    # No hook and no monitor of a repository of somebody else's is run.
    command = [
        git, "-C", str(folder), "-c", "core.fsmonitor=false", "status", "--porcelain=v2",
        "--branch", "--untracked-files=no",
    ]  # fmt: skip
    lines = _output(command).splitlines()
    commit = next((line.split()[-1] for line in lines if line.startswith("# branch.oid ")), "")
    if len(commit) < 40:  # "(initial)": nothing is committed yet
        return None
    return {"commit": commit, "changed": any(not line.startswith("#") for line in lines)}


def _output(command: list[str]) -> str:
    """What a command prints; nothing where it fails or takes too long."""
    quiet = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        process = subprocess.Popen(  # noqa: S603  # git, by its full path
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | quiet,
            start_new_session=True,
            encoding="utf-8",
            errors="replace",
        )
    except OSError:
        return ""
    with process:
        try:
            out, _ = process.communicate(timeout=GIT_TIMEOUT)
        except subprocess.TimeoutExpired:
            # Its children too: they would hold the pipe.
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            return ""
    return out if process.returncode == 0 else ""
