"""Environments of their own for packages that only benchmarks need, made from locked versions."""

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def make_environment(name: str, lock: Path, about: str) -> Path:
    """The Python of an environment, which is made where it is not there or not of the lock.

    Args:
        name: of its folder in the repository's.
        lock: requirements with hashes.
        about: what it takes, for who waits.
    """
    environment = _ROOT / name
    python, stamp = environment / "bin" / "python", environment / "stamp"
    if not stamp.exists() or stamp.read_text() != lock.read_text():
        print(f"Making {name} ({about}) ...", flush=True)
        make = [sys.executable, "-m", "venv", "--clear", str(environment)]
        subprocess.run(make, check=True)  # noqa: S603 - our own environment
        install = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "-r"]
        subprocess.run([*install, str(lock)], check=True)  # noqa: S603 - see above
        stamp.write_text(lock.read_text())
    return python
