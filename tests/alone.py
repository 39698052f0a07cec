"""Runs code as in an environment that has a few packages, and no hpsearch.

Where TensorFlow is what it has, a process that has imported it is forked for each script: that
import takes most of the time of a short one.
"""

import functools
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from forked import NAME
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HAS = ("tensorflow",)
"""What scripts and models need."""
HIDE = """
import runpy, sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

HIDDEN = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Hidden())
for name in ("hpsearch", "optuna", "pydantic"):
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    raise SystemExit(name + " is not hidden")
"""
ONCE = """
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
FORKING = """
import json, os, pathlib
import keras, tensorflow

pathlib.Path("/proc/self/comm").write_text(sys.argv[2])
for line in iter(sys.stdin.readline, ""):
    asked = json.loads(line)
    if pid := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
        continue
    os.chdir(asked["folder"])
    for number, file in enumerate(asked["streams"], start=1):
        os.dup2(os.open(file, os.O_WRONLY), number)
    sys.argv = asked["words"]
    runpy.run_path(sys.argv[0], run_name="__main__")
    break
"""


def hidden_modules(has: Sequence[str] = HAS) -> set[str]:
    """Top-level modules of all installed packages that some packages do not need."""
    needed: set[str] = set()
    left = [*has]
    while left:
        name = canonicalize_name(left.pop())
        if name not in needed:
            needed.add(name)
            left += _requirements(name)
    modules = metadata.packages_distributions()
    return {"hpsearch"} | {
        module
        for module, packages in modules.items()
        if not needed & {canonicalize_name(package) for package in packages}
    }


def _requirements(name: str) -> list[str]:
    """What an installed package needs on this machine, extras aside."""
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []
    wanted = [Requirement(line) for line in lines]
    return [each.name for each in wanted if each.marker is None or each.marker.evaluate()]


def run_alone(
    script: Path,
    *arguments: str,
    folder: Path,
    has: Sequence[str] = HAS,
    timeout: float = 110,
) -> str:
    """What a script prints; ``-I`` keeps the working folder and PYTHONPATH out of its path."""
    run = _run_forked if has == HAS else _run_once
    with tempfile.NamedTemporaryFile("r") as out, tempfile.NamedTemporaryFile("r") as err:
        code = run([str(script), *arguments], folder, has, [out.name, err.name], timeout)
        assert code == 0, err.read()
        return out.read()


def _run_once(
    words: list[str], folder: Path, has: Sequence[str], streams: list[str], timeout: float
) -> int:
    with Path(streams[0]).open("w") as out, Path(streams[1]).open("w") as err:
        return subprocess.run(
            _command(HIDE + ONCE, has) + words,
            cwd=folder, env=_variables(), stdout=out, stderr=err, timeout=timeout, check=False,
        ).returncode  # fmt: skip


def _run_forked(
    words: list[str], folder: Path, has: Sequence[str], streams: list[str], timeout: float
) -> int:
    process = _forking(has)
    asked = {"words": words, "folder": str(folder), "streams": streams}
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps(asked) + "\n")
    process.stdin.flush()
    is_over, _, _ = select.select([process.stdout], [], [], timeout)
    if not is_over:
        end()
        raise AssertionError(f"{words} takes more than {timeout} s")
    told = process.stdout.readline()
    assert told, "TensorFlow cannot be imported alone"
    return int(told)


@functools.cache
def _forking(has: Sequence[str]) -> "subprocess.Popen[str]":
    """The process that is forked for each script."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    command = [*_command(HIDE + FORKING, has), NAME]
    return subprocess.Popen(command, env=_variables(), text=True, start_new_session=True, **pipes)


def end() -> None:
    """End the process that is forked, and a script that is late."""
    if _forking.cache_info().currsize:
        process = _forking(HAS)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        _forking.cache_clear()


def _command(code: str, has: Sequence[str]) -> list[str]:
    return [sys.executable, "-I", "-c", code, ",".join(sorted(hidden_modules(has)))]


def _variables() -> dict[str, str]:
    ours = ("HPSEARCH_", "PYTHON")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}
