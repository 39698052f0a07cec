"""Measures a service with 200 clients, beside 8 workers that write to its database.

    .venv/bin/python scripts/bench/service/load.py [--seconds 40] [--runs 3] [--polling 100]

SQLite has 1,000 submitted studies of 10 trials each; 8 processes claim trials of eight of them and
report four times a second. 100 clients poll as the page does (the queue every 2 s, the list of
studies and the page itself now and then), with ETags; 100 watch these eight studies by server-sent
events; two ask and never read. The pollers are one process, the watchers another one. What is
measured is the time until an answer is read to its end. All processes share the cores of this
machine, with whatever else runs there: of several runs the quietest is quoted, with the load. Each
has a session of its own, as services and their workers have, so that Linux gives each its share.
Results: results/service-load.csv and .md beside the other benchmarks'.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import psutil

sys.path.append(str(Path(__file__).parents[1]))

from many import fill
from record import Row, write  # of the folder above
from running import Running, running
from writers import writing

from hpsearch.home import Home
from hpsearch.search.storage.opening import open_storage

STUDIES, TRIALS, WRITERS, WATCHING = 1_000, 10, 8, 100
NAMES = {"first": "GET /v1/queue, first time, all clients within 2 s"}
HERE = Path(__file__).parent


def clients(service: Running, seconds: float, polling: int, watching: int) -> subprocess.Popen[str]:
    """A process of so many clients."""
    token = service.client.headers["authorization"].partition(" ")[2]
    address = str(service.client.base_url).split("?", maxsplit=1)[0].rstrip("/")
    command = [sys.executable, str(HERE / "clients.py"), address, token]
    counts = [str(seconds), str(polling), str(watching), str(WRITERS)]
    return subprocess.Popen(  # noqa: S603  # our own command
        [*command, *counts], stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def under_load(service: Running, seconds: float, polling: int) -> tuple[float, list[Row]]:
    """One run: the 95th percentile of the queue, and all that was measured."""
    server = psutil.Process(service.pid)
    before, memory = server.cpu_times(), [server.memory_info().rss]
    url = service.home.storage_url()
    with writing(url, [f"bench-{number}" for number in range(WRITERS)]):
        psutil.cpu_percent()
        processes = [
            clients(service, seconds, polling, 0), clients(service, seconds, 0, WATCHING)
        ]  # fmt: skip
        while any(process.poll() is None for process in processes):
            memory.append(server.memory_info().rss)
            time.sleep(1)
        busy, after = psutil.cpu_percent(), server.cpu_times()
        seen = [json.loads(process.communicate()[0]) for process in processes]
    used = after.user + after.system - before.user - before.system
    rows = told(seen[0], seen[1])
    answers = sum(len(took) for took in seen[0]["took"].values())
    rows += [
        ("processor time of the server, of one core", 100 * used / seconds, "%"),
        ("the same for each answer, watchers included", 1000 * used / answers, "ms"),
        ("memory of the server at the beginning", memory[0] / 2**20, "MiB"),
        ("memory of the server, most", max(memory) / 2**20, "MiB"),
        ("memory of the server in the last second", memory[-1] / 2**20, "MiB"),
        ("all cores were busy", busy, "%"),
        ("load of the machine", os.getloadavg()[0], ""),
    ]
    return float(np.percentile(seen[0]["took"]["/v1/queue"], 95)), rows


def told(polled: Mapping[str, Any], watched: Mapping[str, Any]) -> list[Row]:
    """What clients saw."""
    rows: list[Row] = []
    for path, took in sorted(polled["took"].items()):
        what = NAMES.get(path, f"GET {path}")
        rows += [
            (f"{what}: {rank} of 100 within", float(np.percentile(took, rank)), "ms")
            for rank in (50, 95, 99)
        ]
    for one in (polled, watched):
        rows += [(what, count, "") for what, count in sorted(one["counts"].items())]
    return rows


def main() -> None:
    """Measure, and write the table of the quietest run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--polling", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        home.root.mkdir()
        with closing(open_storage(home.storage_url())) as storage:
            storage.make_events()
            fill(storage, STUDIES, TRIALS, budget=100_000)
        with running(home, workers=1, program=(str(HERE / "serving.py"),)) as service:
            runs = []
            for _ in range(given.runs):
                runs.append(under_load(service, given.seconds, given.polling))
                print(*runs[-1][1], sep="\n", flush=True)
    title = "200 clients beside 8 writing workers, 1,000 studies, 10,000 trials"
    print(write("service/load", title, min(runs)[1]))


if __name__ == "__main__":
    main()
