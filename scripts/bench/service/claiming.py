"""Measures how long the scheduler takes to decide whose turn it is, with many studies queued.

    .venv/bin/python scripts/bench/service/claiming.py

Nothing is trained: workers report as soon as they are assigned a study. What is measured is a step
of the scheduler in which a slot became free, until a study is assigned to it; with it, the claim of
the worker that was assigned it; a step in which nothing happens, of which there are five a second;
and the one after a decision of a user. Results: results/service-claiming.csv and .md beside the
other benchmarks'.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path += [str(folder) for folder in (*Path(__file__).parents[1:3],)]

from many import fill
from postgresql import running_postgresql  # of the folders above
from record import Row, write

from hpsearch.errors import EXIT_OK
from hpsearch.home import Home
from hpsearch.search import claims
from hpsearch.search.lookup import load_study
from hpsearch.search.storage.events import Event
from hpsearch.search.storage.opening import open_storage
from hpsearch.server.child import AssignedChild
from hpsearch.server.scheduler import Scheduler
from hpsearch.services.workspace import Workspace
from hpsearch.workers.assigned import Assignment, Report
from hpsearch.workers.identity import identity
from hpsearch.workers.slots import Slot

SIZES, TIMES, SLOTS = (100, 1_000, 10_000), 30, 4


@dataclass
class Idle(AssignedChild):
    """A worker that trains nothing."""

    study: str = ""
    is_done: bool = False

    def begin(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Be ready at once."""
        self.worker, self.is_ready = identity()["worker"], True

    @property
    def is_there(self) -> bool:
        """As of a process that never ends."""
        return self.is_ready

    @property
    def is_over(self) -> bool:
        """As :attr:`is_there`."""
        return False

    def assign(self, assignment: Assignment, home: Home) -> bool:
        """Take a study."""
        self.study, self.is_done = assignment.study, False
        return True

    def report(self) -> Report | None:
        """That there is no trial left, where that was said of it."""
        if not self.is_done:
            return None
        self.is_done = False
        return Report(study=self.study, code=EXIT_OK)

    def send(self, number: int) -> None:
        """Take no notice."""

    def wait(self, seconds: float) -> bool:
        """As of one that has ended."""
        return True


@contextmanager
def timed(took: list[float], used: list[float] | None = None) -> Iterator[None]:
    """Note how many milliseconds a block takes, and how many of this process's processor time."""
    began, ran = time.perf_counter(), time.process_time()
    yield
    took.append(1000 * (time.perf_counter() - began))
    if used is not None:
        used.append(1000 * (time.process_time() - ran))


def measure(url: str, home: Home, size: int, what: str) -> list[Row]:
    """A storage with so many queued studies."""
    with closing(open_storage(url)) as storage:
        storage.make_events()
        fill(storage, size, 0)
        storage.owner = identity()
        slots = [Slot(index=index, gpu=None, threads=1) for index in range(SLOTS)]
        children: list[Idle] = []

        def make(slot: Slot) -> Idle:
            children.append(Idle(slot=slot))
            return children[-1]

        scheduler = Scheduler(
            workspace=Workspace(home=home, storage=url), slots=slots, make_child=make
        )
        scheduler.begin(storage)
        first: list[float] = []
        with timed(first):
            scheduler.step()
        decided, both, used, idle, after = (list[float]() for _ in range(5))
        for number in range(TIMES):
            child = children[number % SLOTS]
            child.is_done = True
            with timed(both, used):
                with timed(decided):
                    scheduler.step()
                trial = claims.claim(load_study(storage, child.study))
            if trial is None:
                raise AssertionError("every study has trials left")
            with timed(idle):
                scheduler.step()
            storage.note(Event(who="user0", what="prioritised", study="bench-0"))
            with timed(after):
                scheduler.step()
    return [
        (f"{what}, {size} queued: the first step, {SLOTS} free slots", first[0], "ms"),
        (f"{what}, {size} queued: a free slot is given to whose turn it is, median",
         statistics.median(decided), "ms"),
        (f"{what}, {size} queued: the same, longest", max(decided), "ms"),
        (f"{what}, {size} queued: with the worker's claim, median", statistics.median(both), "ms"),
        (f"{what}, {size} queued: processor time of that, median", statistics.median(used), "ms"),
        (f"{what}, {size} queued: a step without news, median", statistics.median(idle), "ms"),
        (f"{what}, {size} queued: a step after a decision of a user, median",
         statistics.median(after), "ms"),
    ]  # fmt: skip


def main() -> None:
    """Measure, and write the table."""
    rows: list[Row] = []
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            home = Home(Path(folder))
            rows += measure(home.storage_url(), home, size, "SQLite")
        with running_postgresql() as (url, _), tempfile.TemporaryDirectory() as folder:
            rows += measure(url, Home(Path(folder)), size, "PostgreSQL")
    print(write("service/claiming", "Whose turn it is, among many queued studies", rows))


if __name__ == "__main__":
    main()
