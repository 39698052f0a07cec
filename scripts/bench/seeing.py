"""Measures the dashboard and the report of a study of 10,000 trials.

    .venv/bin/python scripts/bench/seeing.py

The study is made in SQLite, as scripts/bench/search/scale.py makes its own, with note and figures.
The real ``hpsearch dashboard`` answers: the list of studies, the study's page for somebody who
opens it first (a cold cache), and meanwhile, twenty times a second, another user's smallest
request, whether the last was answered or not. That is asked once more while eight processes write
to another study. Then ``hpsearch report`` writes its page. Results: results/seeing.csv and .md.
"""

import http.client
import multiprocessing
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

sys.path.append(str(Path(__file__).parent / "search"))

from record import Row, write
from scale import STUDY, make  # of the folder below

from hpsearch.dashboard.publish import publish
from hpsearch.home import Home
from hpsearch.search import claims
from hpsearch.search.lookup import load_study
from hpsearch.search.storage.opening import open_storage
from hpsearch.space import suggest_config

SIZE, BUSY = 10_000, 100
"""Trials of the study that is looked at, and of the one that is written to."""
WRITERS, EVERY = 8, 0.5
"""Processes that report, and seconds between two reports of each."""
ASKS, PACE = 60, 0.05
"""Requests whose time is taken, and seconds between two of them."""


@contextmanager
def shown(home: Home) -> Iterator[tuple[str, int]]:
    """The real command; yields host and port."""
    command = ["dashboard", "--port", "0", "--no-token", "--home", str(home.root)]
    with subprocess.Popen(  # noqa: S603  # our own command
        [sys.executable, "-m", "hpsearch", *command], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None  # noqa: S101  # as asked for
            address = urlsplit(process.stdout.readline().strip())
            yield str(address.hostname), int(address.port or 0)
        finally:
            process.terminate()


def ask(place: tuple[str, int], path: str) -> tuple[float, int]:
    """Seconds that a request took, and bytes that came back."""
    connection = http.client.HTTPConnection(*place, timeout=300)
    began = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    size = len(answer.read())
    seconds = time.perf_counter() - began
    connection.close()
    if answer.status != 200:
        raise AssertionError(f"{path}: {answer.status}")
    return seconds, size


def spread(what: str, seconds: list[float]) -> list[Row]:
    """Median, 95th percentile and longest of some times."""
    return [
        (f"{what}, median", 1000 * float(np.median(seconds)), "ms"),
        (f"{what}, 95 of 100 are within", 1000 * float(np.percentile(seconds, 95)), "ms"),
        (f"{what}, longest", 1000 * max(seconds), "ms"),
    ]


def while_loading(place: tuple[str, int]) -> list[Row]:
    """One user opens the study; others ask for little meanwhile, whoever waits for an answer."""
    loaded: list[tuple[float, int]] = []
    meta: list[float] = []
    page = threading.Thread(target=lambda: loaded.append(ask(place, "/api/studies/1")))
    page.start()
    others = []
    while page.is_alive():
        # Each on a thread of its own: one that waited for the last would not ask just then.
        other = threading.Thread(target=lambda: meta.append(ask(place, "/api/meta")[0]))
        other.start()
        others.append(other)
        time.sleep(PACE)
    for thread in (page, *others):
        thread.join()
    seconds, size = loaded[0]
    return [
        ("the study's data, first time", seconds, "s"),
        ("its size", size / 1e6, "MB"),
        ("requests of other users meanwhile", len(meta), ""),
        *spread("/api/meta meanwhile", meta),
        ("the study's data, again", ask(place, "/api/studies/1")[0], "s"),
    ]


def report_on(home: Home, name: str, over: Event) -> None:
    """One worker's process: reports to trials until it is told to end."""
    storage = open_storage(home.storage_url(), create=False)
    study = load_study(storage, name)
    while not over.is_set():
        trial = claims.claim(study)
        if trial is None:
            raise AssertionError("the budget has places")
        suggest_config(study.file.space, trial)
        for epoch in range(1, 31):
            if over.wait(EVERY):
                break
            trial.report(0.5, epoch)
            trial.should_prune()
        study.optuna.tell(trial, 0.5)
    storage.close()


def while_writing(home: Home, name: str, place: tuple[str, int]) -> list[Row]:
    """Somebody looks at a study that eight workers write to."""
    context = multiprocessing.get_context("spawn")
    over = context.Event()
    writers = [context.Process(target=report_on, args=(home, name, over)) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    time.sleep(15)  # until they have started: nothing is measured of that
    rows = []
    for path in ("/api/meta", "/api/studies", "/api/studies/2"):
        seconds = []
        for _ in range(ASKS):
            seconds.append(ask(place, path)[0])
            time.sleep(PACE)
        rows += spread(f"{path} while {WRITERS} workers write", seconds)
    over.set()
    for writer in writers:
        writer.join()
    return rows


def report_rows(home: Home, name: str) -> list[Row]:
    """What the report takes, and its size."""
    file = home.root / "report.html"
    command = ["report", name, "-o", str(file), "--home", str(home.root)]
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "hpsearch", *command], check=True)  # noqa: S603
    seconds = time.perf_counter() - began
    return [("hpsearch report", seconds, "s"), ("its page", file.stat().st_size / 1e6, "MB")]


def main() -> None:
    """Make the studies, measure, and write the table."""
    with tempfile.TemporaryDirectory(prefix="hpsearch-seeing-") as folder:
        home = Home(Path(folder))
        name, busy = make(home, SIZE), make(home, BUSY)
        storage = open_storage(home.storage_url(), create=False)
        study = load_study(storage, name)
        study.trials()
        began = time.perf_counter()
        publish(study, home, ["hpsearch", "run", STUDY.name])
        rows: list[Row] = [("note and figures written", time.perf_counter() - began, "s")]
        storage.close()
        with shown(home) as place:
            ask(place, "/api/meta")
            rows += spread("/api/studies", [ask(place, "/api/studies")[0] for _ in range(ASKS)])
            rows += while_loading(place)
            rows += while_writing(home, busy, place)
        rows += report_rows(home, name)
    for row in rows:
        print(*row)
    print(write("seeing", "Looking at a study of 10,000 trials", rows))


if __name__ == "__main__":
    main()
