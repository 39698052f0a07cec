"""Measures twelve configurations on CIFAR-10 by ``hpsearch run`` and by four other ways.

    .venv/bin/python scripts/bench/throughput.py FOLDER [script] [script2] [keras_tuner] [ray]

All four peers unless some are named; only all of them together are recorded. FOLDER has CIFAR-10 as
images in train/<class>/; 10,000 of them are trained on for two epochs and 2,000 validated on. The
peers (see peers.py) get an environment of their own, .venv-peers, made from peers.lock. Results:
results/throughput.csv and throughput.md beside this file.

Seconds of a configuration are from building the network to its end; where two run side by side, a
configuration's are halved, since it had half of the machine. All ways run one after the other.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, geometric_mean

from common import make_peers, run_peer, write_data, write_study
from configurations import CONFIGURATIONS, shown
from record import Row, write

EPOCHS = 2
SIDE_BY_SIDE = {"hpsearch": 2, "script": 1, "script2": 2, "keras_tuner": 1, "ray": 2}
NAMES = {
    "hpsearch": "hpsearch run, 2 workers",
    "script": "(a) study.optimize + model.fit",
    "script2": "(b) the same in two processes",
    "keras_tuner": "(c) KerasTuner",
    "ray": "(d) Ray Tune, 2 trials at a time",
}
ASKED = {"script": 3.5, "script2": 2.0, "keras_tuner": 3.0, "ray": 4.0}
Found = dict[int, tuple[float, float]]
"""Of each configuration: seconds, validation accuracy."""


def by_hpsearch(data: Path, scratch: Path) -> Found:
    """Run the study as a user does, and read what its trials say."""
    base = [sys.executable, "-m", "hpsearch"]
    home = ["--home", str(scratch / "home")]
    study = write_study(data, scratch, EPOCHS)
    command = [*base, "run", str(study), "--workers", "2", "--gpus", "none", *home]
    command.append("--no-reference")  # which no peer trains
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - ourselves
    listed = subprocess.run(  # noqa: S603 - see above
        [*base, "trials", "bench", "--json", *home], check=True, stdout=subprocess.PIPE
    )
    found = {}
    for trial in json.loads(listed.stdout):
        index = next(
            i for i, c in enumerate(CONFIGURATIONS) if c["units"] == trial["config"]["units"]
        )
        found[index] = (trial["seconds"], trial["values"][0])
    return found


def by_peer(name: str) -> Callable[[Path, Path], Found]:
    """What runs one of the peers."""

    def run(data: Path, scratch: Path) -> Found:
        out = scratch / f"{name}.jsonl"
        log = scratch / f"{name}.log"
        run_peer([name, str(data), str(out)], log)
        lines = out.read_text().splitlines()
        if len(lines) != len(CONFIGURATIONS):
            sys.exit(f"{name} ended after {len(lines)} trials:\n{log.read_text()}")
        return {e["index"]: (e["seconds"], e["accuracy"]) for e in map(json.loads, lines)}

    return run


def rows_of(found: dict[str, Found], walls: dict[str, float]) -> list[Row]:
    """The table: whole ways first, then configuration by configuration."""
    each = {
        name: [trials[i][0] / SIDE_BY_SIDE[name] for i in range(len(CONFIGURATIONS))]
        for name, trials in found.items()
    }
    rows: list[Row] = []
    for name, trials in found.items():
        accuracy = fmean(value for _, value in trials.values())
        rows += [
            (f"{NAMES[name]}: from command to end", walls[name], "s"),
            (f"{NAMES[name]}: mean validation accuracy", 100 * accuracy, "%"),
        ]
    for name, asked in ASKED.items():
        if name not in found:
            continue
        ratios = [b / a for a, b in zip(each["hpsearch"], each[name], strict=True)]
        rows += [
            (
                f"{NAMES[name]} / hpsearch: geometric mean (asked: {asked:g})",
                geometric_mean(ratios),
                "x",
            ),
            (f"{NAMES[name]} / hpsearch: least of all configurations", min(ratios), "x"),
            (
                f"{NAMES[name]} / hpsearch: from command to end",
                walls[name] / walls["hpsearch"],
                "x",
            ),
        ]
    for i, config in enumerate(CONFIGURATIONS):
        rows += [(f"{shown(config)}: {NAMES[name]}", each[name][i], "s") for name in found]
    return rows


def main() -> None:
    """Measure all."""
    chosen = sys.argv[2:] or list(ASKED)
    if len(sys.argv) < 2 or not set(chosen) <= ASKED.keys():
        sys.exit(__doc__)
    make_peers()
    ways = {"hpsearch": by_hpsearch, **{name: by_peer(name) for name in chosen}}
    found, walls = {}, {}
    with tempfile.TemporaryDirectory() as scratch:
        data = write_data(Path(sys.argv[1]).resolve(), Path(scratch))
        for name, way in ways.items():
            began = time.perf_counter()
            found[name] = way(data, Path(scratch))
            walls[name] = time.perf_counter() - began
            print(f"{NAMES[name]}: {walls[name]:.1f} s", flush=True)
    rows = rows_of(found, walls)
    if len(found) == len(NAMES):
        print(write("throughput", "Twelve configurations by five ways", rows))
    else:
        print(*(f"{value:10.3f} {unit:2} {what}" for what, value, unit in rows), sep="\n")


if __name__ == "__main__":
    main()
