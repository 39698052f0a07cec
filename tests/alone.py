"""Runs code as in an environment that has a few packages, and no hpsearch."""

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HAS = ("tensorflow",)
"""What scripts and models need."""
RUNNER = """
import sys

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
import runpy
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
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
    hidden = ",".join(sorted(hidden_modules(has)))
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HPSEARCH_", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, "-I", "-c", RUNNER, hidden, str(script), *arguments],
        cwd=folder, env=kept, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
