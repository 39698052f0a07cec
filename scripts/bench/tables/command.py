"""hpsearch's own commands, as a user types them in a folder that has the data home, too."""

import os
import subprocess
import sys
from pathlib import Path


def hpsearch(folder: Path, *words: str) -> str:
    """What a command prints.

    Args:
        folder: where it is typed; the data home is ``home`` in it.
        words: the command, "run", "mine.toml".

    Raises:
        RuntimeError: it failed.
    """
    environment = {**os.environ, "HPSEARCH_HOME": str(folder.resolve() / "home")}
    command = [sys.executable, "-m", "hpsearch", *words]
    done = subprocess.run(  # noqa: S603 - our own command
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"hpsearch {' '.join(words)}: {done.stderr[-2000:]}")
    return done.stdout
