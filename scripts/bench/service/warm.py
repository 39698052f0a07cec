"""Measures how soon the first trial of a submitted study runs on a warm worker, and a switch.

    .venv/bin/python scripts/bench/service/warm.py

A service with one worker trains networks on digits. First studies are submitted to it while it has
nothing to do: what is measured is the time from the submit (before the request) to the start of the
first trial, and to its end. Then one study of many trials, and as many studies of one trial each,
all queued before the first one begins: the time from the end of a trial to the start of the next
one, in the same study and in another one. Results: results/service-warm.csv and .md beside the
other benchmarks'.
"""

import itertools
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

sys.path.append(str(Path(__file__).parents[1]))

from record import Row, write  # of the folder above
from running import Running, running, wait_until

from hpsearch.home import Home
from hpsearch.search.lookup import load_study
from hpsearch.search.storage.opening import open_storage

TIMES, EPOCHS = 12, 5


def spans(home: Home, names: Sequence[str]) -> list[tuple[float, float]]:
    """When the trials of studies started and ended, in seconds since 1970, in order."""
    found: list[tuple[float, float]] = []
    with closing(open_storage(home.storage_url(), create=False)) as storage:
        for name in names:
            for trial in load_study(storage, name).trial_summaries():
                if trial.start is None or trial.end is None:
                    raise AssertionError(f"{name}: trial {trial.number} has not ended")
                moments = (moment.replace(tzinfo=UTC) for moment in (trial.start, trial.end))
                start, end = (moment.timestamp() for moment in moments)
                found.append((start, end))
    return sorted(found)


def idle(service: Running) -> list[Row]:
    """Studies that come while nothing is to do; the first one starts TensorFlow's kernels."""
    started, ended, acknowledged = list[float](), list[float](), list[float]()
    for number in range(TIMES + 1):
        began = datetime.now(UTC).timestamp()
        service.submit(f"idle-{number}", trials=1, epochs=EPOCHS)
        acknowledged.append(datetime.now(UTC).timestamp() - began)
        wait_until(service.is_over, "the end of a study")
        [(start, end)] = spans(service.home, [f"idle-{number}"])
        started.append(start - began)
        ended.append(end - began)
    return [
        ("submit to acknowledgement, median", 1000 * median(acknowledged[1:]), "ms"),
        ("submit to the start of the first trial: of a worker's first study", started[0], "s"),
        ("submit to the start of the first trial, median", median(started[1:]), "s"),
        ("submit to the start of the first trial, longest", max(started[1:]), "s"),
        ("submit to the end of the first trial, median", median(ended[1:]), "s"),
    ]


def gaps(found: Sequence[tuple[float, float]]) -> list[float]:
    """Seconds from the end of each trial to the start of the next one."""
    return [start - end for (_, end), (start, _) in itertools.pairwise(found)]


def switches(service: Running) -> list[Row]:
    """The same number of trials in one study, and in studies of their own."""
    service.submit("same", trials=TIMES, epochs=EPOCHS)
    wait_until(service.is_over, "the end of a study")
    same = gaps(spans(service.home, ["same"]))
    service.submit("before", trials=1, epochs=40 * EPOCHS)
    names = [f"other-{number}" for number in range(TIMES)]
    for name in names:
        service.submit(name, trials=1, epochs=EPOCHS)
    wait_until(service.is_over, "the end of all studies")
    other = gaps(spans(service.home, names))
    return [
        ("from a trial to the next one of the same study, median", median(same), "s"),
        ("from a trial to one of another study, median", median(other), "s"),
        ("from a trial to one of another study, longest", max(other), "s"),
        ("what switching costs a trial, median", median(other) - median(same), "s"),
    ]


def main() -> None:
    """Measure, and write the table."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        with running(home, workers=1) as service:
            wait_until(service.is_warm, "a warm worker")
            rows = [*idle(service), *switches(service)]
    print(write("service/warm", "How soon a warm worker runs what is submitted", rows))


if __name__ == "__main__":
    main()
