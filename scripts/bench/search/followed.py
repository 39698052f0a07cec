"""Searches that are started, followed until they are good enough or late, and ended.

What hpsearch has found is read from its database, the peers write a line an epoch (usual.py).
"""

import contextlib
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil
import tomli_w

HERE = Path(__file__).parent
LOOK = 0.2
"""Seconds between two looks at a run."""
TRIALS = 100_000
"""More than any run has time for."""
IN_TERMINAL = "import pty, sys; pty.spawn(sys.argv[1:])"
"""A program that runs a command in a terminal of its own, and passes on what it shows."""
ENDED = re.compile(rb"\d+  (?:complete|pruned)(?:, best)? +([\d.]+)")
"""A trial with its result, in the table that ``run`` shows."""

Sight = tuple[float, float]
"""Seconds since the command was typed, and the best validation accuracy by then."""
Look = Callable[[float], Sequence[Sight]]
"""Gives what a run has found, better from sight to sight, since a time (seconds since 1970)."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A search, and when it ends."""

    dataset: Mapping[str, object]
    """``[dataset]`` of hpsearch's study file."""
    seed: int
    enough: float
    """The accuracy at which to stop; inf: never."""
    longest: float
    """Seconds after which to stop."""
    folder: Path
    """For what it writes."""


def by_hpsearch(run: Run) -> list[Sight]:
    """``hpsearch run`` as it comes: a study file of name, seed, data and number of trials."""
    sights: list[Sight] = []

    def look(began: float) -> list[Sight]:
        best = best_reported(run.folder / "home" / "studies.db")
        if best is not None and (not sights or best > sights[-1][1]):
            sights.append((time.time() - began, best))
        return sights

    return follow(run_command(run), look, run)


def by_peer(
    way: Literal["script", "ray"], python: Path, data: Path
) -> Callable[[Run], list[Sight]]:
    """What runs one of the peers.

    Args:
        way: of usual.py.
        python: of the peers' environment.
        data: the file of ``cases.write_arrays``.
    """

    def followed(run: Run) -> list[Sight]:
        out = run.folder / "epochs.csv"

        def look(began: float) -> list[Sight]:
            if not out.exists():
                return []
            lines = [line.split(",") for line in out.read_text().splitlines(keepends=True)]
            # The last one may not be whole yet.
            whole = [line for line in lines if line[-1].endswith("\n")]
            return growing([(float(at) - began, float(value)) for at, value in whole])

        command = [python, HERE / "usual.py", way, data, run.seed, out]
        return follow([str(word) for word in command], look, run)

    return followed


def first_result(run: Run) -> Sight:
    """When a terminal shows the first result of a trial of ``hpsearch run``, and that result."""

    def look(began: float) -> list[Sight]:
        shown = ENDED.search((run.folder / "log").read_bytes())
        return [(time.time() - began, float(shown[1]))] if shown else []

    command = [sys.executable, "-c", IN_TERMINAL, *run_command(run)]
    sight, *later = follow(command, look, run)
    if not later:
        sys.exit(f"{command}: no result after {run.longest:g} s")
    return sight


def run_command(run: Run) -> list[str]:
    """The command of a search as it comes, whose study file is written and whose home is new."""
    study = {
        "name": "bench",
        "seed": run.seed,
        "dataset": run.dataset,
        "budget": {"trials": TRIALS},
    }
    file = run.folder / "bench.toml"
    file.write_text(tomli_w.dumps(study), encoding="utf-8")
    home = str(run.folder / "home")
    return [sys.executable, "-m", "hpsearch", "run", str(file), "--home", home]


def best_reported(database: Path) -> float | None:
    """The best epoch that any trial has reported, rounded as usual.py rounds; None before one."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
            query = "SELECT MAX(intermediate_value) FROM trial_intermediate_values"
            (best,) = opened.execute(query).fetchone()
    except sqlite3.OperationalError:  # the database, or its tables, are not there yet
        return None
    return None if best is None else round(float(best), 6)


def growing(sights: Sequence[Sight]) -> list[Sight]:
    """Those of them that are better than all before."""
    grown: list[Sight] = []
    for seconds, accuracy in sights:
        if not grown or accuracy > grown[-1][1]:
            grown.append((seconds, accuracy))
    return grown


def follow(command: Sequence[str], look: Look, run: Run) -> list[Sight]:
    """Start a search, follow it until it is good enough or late, and end it.

    Args:
        command: what is started; its output goes to the file "log" in the run's folder.
        look: gives what was found.
        run: when it ends.

    Returns:
        What was found, and last when the search was ended, with the best by then.
    """
    log = run.folder / "log"
    with log.open("w") as file:
        began = time.time()
        process = subprocess.Popen(command, stdout=file, stderr=file, stdin=subprocess.DEVNULL)  # noqa: S603 - ours
        try:
            while time.time() < began + run.longest:
                time.sleep(LOOK)
                seen = look(began)
                if seen and seen[-1][1] >= run.enough:
                    break
                if process.poll() is not None:
                    sys.exit(f"{command} ended with {process.returncode}:\n{log.read_text()}")
        finally:
            ended = time.time() - began
            end(process)
    seen = look(began)
    # Who found nothing has no accuracy yet.
    return [*seen, (max(ended, seen[-1][0]) if seen else ended, seen[-1][1] if seen else 0.0)]


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a search to end, and see to it that nothing of it is left to slow the next one."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:  # it ended by itself
        return
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(30)
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    process.kill()
    process.wait()
    psutil.wait_procs(family, timeout=30)
