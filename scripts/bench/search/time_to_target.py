"""Measures the wall time until a search has found a network of some validation accuracy.

    .venv/bin/python scripts/bench/search/time_to_target.py FASHION CIFAR

FASHION has Fashion-MNIST's four idx files, CIFAR has CIFAR-10 as images in train/<class>/; 10,000
images of each are trained on and 2,000 validated on. Three ways search one after the other, each
with the same space, epochs and early stopping and a seed for what it samples: ``hpsearch run`` as
it comes, the usual Optuna script, and Ray Tune with ASHA and Optuna (see usual.py; the peers'
environment is made from peers.lock). The time is from typing the command to the end of the first
epoch that reaches the target. A run ends at the highest target, or after the longest time, and then
counts as slower than all that reached it. Results: results/search-time_to_target.csv (a line each
time that a run's best grew), .md and .png. Runs that are in the file are not repeated: the command
goes on where it was cut off.
"""

import argparse
import contextlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Literal

import figure
import psutil
import tomli_w

sys.path.append(str(Path(__file__).parents[1]))

from common import PEERS_PYTHON, make_peers, write_data
from record import RESULTS, Growing, machine

HERE = Path(__file__).parent
STUDIES = HERE.parents[2] / "studies"
SEEDS, EPOCHS = range(5, 10), 30
"""Seeds 0 to 4 were used while the start of a search and the pruner's defaults were chosen."""
LONGEST = 90.0
"""Seconds after which a run is ended."""
LOOK = 0.2
"""Seconds between two looks at a run."""
TARGETS = {"fashion_mnist": (0.86, 0.87, 0.88), "cifar10": (0.42, 0.44, 0.46)}
"""Of each set; the last one ends a run."""
NAMES = {"hpsearch": "hpsearch run", "script": "Optuna script", "ray": "Ray Tune, ASHA"}
TABLE = Growing("search-time_to_target", ("set", "way", "seed", "seconds", "accuracy"))

Sight = tuple[float, float]
"""Seconds since the start, and the best accuracy so far."""
Found = dict[str, dict[str, dict[int, list[Sight]]]]
"""By set, way and seed."""


def follow(
    command: Sequence[str], look: Callable[[float], Sequence[Sight]], enough: float, log: Path
) -> list[Sight]:
    """Start a search, follow it until it is good enough or late, and end it.

    Args:
        command: what is started.
        look: gives what was found since the start (seconds since 1970).
        enough: the accuracy at which to stop.
        log: where the command's output goes.
    """
    with log.open("w") as file:
        began = time.time()
        process = subprocess.Popen(command, stdout=file, stderr=file)  # noqa: S603 - ours
        try:
            while time.time() < began + LONGEST:
                time.sleep(LOOK)
                seen = look(began)
                if seen and seen[-1][1] >= enough:
                    break
                if process.poll() is not None:
                    sys.exit(f"{command} ended with {process.returncode}:\n{log.read_text()}")
        finally:
            end(process)
    seen = look(began)
    # Each sight is better than those before; who found nothing has no accuracy yet.
    return [*seen, (time.time() - began, seen[-1][1] if seen else 0.0)]


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


def growing(sights: Sequence[Sight]) -> list[Sight]:
    """Those of them that are better than all before."""
    grown: list[Sight] = []
    for seconds, accuracy in sights:
        if not grown or accuracy > grown[-1][1]:
            grown.append((seconds, accuracy))
    return grown


def by_hpsearch(name: str, data: Path, seed: int, folder: Path) -> list[Sight]:
    """The study of ``studies/``, but for its data and without what names single configurations."""
    text = (STUDIES / f"{name}.toml").read_text(encoding="utf-8")
    study = {k: v for k, v in tomllib.loads(text).items() if k not in ("enqueue", "baseline")}
    study |= {
        "name": "bench",
        "seed": seed,
        "dataset": {"source": "npz", "path": str(data), "validation": "given"},
        "budget": {"trials": 100_000, "max_parameters": study["budget"]["max_parameters"]},
    }
    file, home = folder / "bench.toml", folder / "home"
    file.write_text(tomli_w.dumps(study), encoding="utf-8")
    sights: list[Sight] = []

    def look(began: float) -> list[Sight]:
        best = best_reported(home / "studies.db")
        if best is not None and (not sights or best > sights[-1][1]):
            sights.append((time.time() - began, best))
        return sights

    command = [
        sys.executable,
        "-m",
        "hpsearch",
        "run",
        str(file),
        "--no-reference",
        "--home",
        str(home),
    ]
    return follow(command, look, TARGETS[name][-1], folder / "log")


def best_reported(database: Path) -> float | None:
    """The best epoch that any trial has reported; None before the first."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
            query = "SELECT MAX(intermediate_value) FROM trial_intermediate_values"
            (best,) = opened.execute(query).fetchone()
    except sqlite3.OperationalError:  # the database, or its tables, are not there yet
        return None
    return None if best is None else float(best)


def by_peer(way: Literal["script", "ray"]) -> Callable[[str, Path, int, Path], list[Sight]]:
    """What runs one of the peers."""

    def run(name: str, data: Path, seed: int, folder: Path) -> list[Sight]:
        out = folder / "epochs.csv"

        def look(began: float) -> list[Sight]:
            if not out.exists():
                return []
            lines = [line.split(",") for line in out.read_text().splitlines(keepends=True)]
            # The last one may not be whole yet.
            whole = [line for line in lines if line[-1].endswith("\n")]
            return growing([(float(at) - began, float(value)) for at, value in whole])

        command = [PEERS_PYTHON, HERE / "usual.py", way, data, seed, EPOCHS, out]
        return follow([str(word) for word in command], look, TARGETS[name][-1], folder / "log")

    return run


WAYS = {"hpsearch": by_hpsearch, "script": by_peer("script"), "ray": by_peer("ray")}


def read() -> Found:
    """What was measured so far."""
    found: Found = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for row in TABLE.rows():
        sight = (float(row["seconds"]), float(row["accuracy"]))
        found[row["set"]][row["way"]][int(row["seed"])].append(sight)
    return found


def measure(name: str, data: Path) -> None:
    """Run what is missing of one set, each seed by all ways in turn."""
    there = read()[name]
    for seed in SEEDS:
        for way, run in WAYS.items():
            if seed in there[way]:
                continue
            with tempfile.TemporaryDirectory(prefix="hpsearch-bench-") as folder:
                sights = run(name, data, seed, Path(folder))
            TABLE.add(
                {
                    "set": name,
                    "way": way,
                    "seed": seed,
                    "seconds": f"{seconds:.2f}",
                    "accuracy": f"{accuracy:.4f}",
                }
                for seconds, accuracy in sights
            )
            print(f"{name}, seed {seed}, {way}: {sights[-1][1]:.4f}", flush=True)


def time_to(sights: Sequence[Sight], target: float) -> float:
    """Seconds until a run reached the target; infinite where it did not in time."""
    reached = next((s for s, accuracy in sights if accuracy >= target), float("inf"))
    return reached if reached <= LONGEST else float("inf")


def shown(seconds: Sequence[float]) -> str:
    """Median, least and most of some times."""
    low, middle, high = min(seconds), median(seconds), max(seconds)
    cells = [f"{s:.0f}" if s < float("inf") else f"> {LONGEST:.0f}" for s in (middle, low, high)]
    return f"{cells[0]} ({cells[1]} to {cells[2]})"


def table(found: Found) -> str:
    """The results to be read."""
    lines = [
        "# Time to a target",
        "",
        (
            f"Made by `scripts/bench/search/time_to_target.py`: seconds from the command to the"
            f" first epoch that reaches a validation accuracy, median of {len(SEEDS)} seeds (least"
            " to most). Ratio: the better peer's median to that of hpsearch; with > it is at least"
            " so much, as neither peer got there in time. hpsearch needs some four seconds before"
            " its first epoch ends, so that low targets tell how fast a search starts."
        ),
        "",
    ]
    lines += [f"- {key}: {value}" for key, value in machine().items()]
    heads = ["set", "target", *NAMES.values(), "better peer / hpsearch"]
    lines += ["", "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name, ways in found.items():
        for target in TARGETS[name]:
            times = {w: [time_to(s, target) for s in ways[w].values()] for w in NAMES}
            medians = {way: median(seconds) for way, seconds in times.items()}
            peer = min(medians["script"], medians["ray"])
            ratio = f"{min(peer, LONGEST) / medians['hpsearch']:.1f}"
            if medians["hpsearch"] == float("inf"):
                ratio = "-"
            elif peer == float("inf"):
                ratio = f"> {ratio}"
            cells = [name, f"{100 * target:g} %", *(shown(times[way]) for way in NAMES), ratio]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def draw(found: Found) -> None:
    """The figures: the median of the best so far over the seconds, up to where runs end."""
    for name, ways in found.items():
        drawn: dict[str, Any] = {}
        highest = TARGETS[name][-1]
        for way, seeds in ways.items():
            moments = sorted({s for sights in seeds.values() for s, _ in sights})
            best = [
                median(
                    min(highest, max((v for s, v in sights if s <= moment), default=0.0))
                    for sights in seeds.values()
                )
                for moment in moments
            ]
            shown_at = [i for i, value in enumerate(best) if value > 0.0]
            drawn[NAMES[way]] = (
                [moments[i] for i in shown_at], [100 * best[i] for i in shown_at]
            )  # fmt: skip
        figure.lines(
            f"search-time_to_target-{name}",
            f"{name}, limited: median of {len(SEEDS)} searches, which end at {100 * highest:g} %",
            "seconds since the command",
            "best validation accuracy so far, %",
            drawn,
            log=True,
        )


def main() -> None:
    """Measure what is missing, then write the table and draw the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fashion", type=Path)
    parser.add_argument("cifar", type=Path)
    options = parser.parse_args()
    make_peers()
    with tempfile.TemporaryDirectory(prefix="hpsearch-bench-") as scratch:
        folder = options.fashion.absolute()
        measure("fashion_mnist", write_data(folder, Path(scratch), source="fashion_mnist"))
    with tempfile.TemporaryDirectory(prefix="hpsearch-bench-") as scratch:
        measure("cifar10", write_data(options.cifar.absolute(), Path(scratch)))
    found = read()
    text = table(found)
    (RESULTS / "search-time_to_target.md").write_text(text, encoding="utf-8")
    draw(found)
    print(text)


if __name__ == "__main__":
    main()
