"""Metrics: what Prometheus is told at ``/metrics``.

Labels have few values, whoever submits what under which name. Here is what is counted where it
happens; how studies, slots and GPUs stand is read when it is asked for (``gauges.py``).
"""

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric

from hpsearch.search.storage.facts import ENDED_STATES
from hpsearch.search.storage.telling import EndedTrial

_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SLOW = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 24 * 3600.0)
"""Upper bounds of histograms, in seconds."""

LONGEST_GAP = 10.0
"""Seconds between two trials of a worker, above which it had nothing to do."""


class Metrics:
    """What is counted while the service runs; one for each service.

    Attributes:
        registry: all of it.
        requests: answers to HTTP requests, by method, route and status.
        answering: seconds until an answer began.
        storage: seconds of statements on the database.
        steps: seconds of the scheduler's steps.
        waits: seconds between a study's being queued and its first worker.
    """

    def __init__(self) -> None:
        # A third of all lines, which nobody asks for.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        where = self.registry
        self.requests = Counter(
            "hpsearch_http_requests", "Answered requests.", ["method", "route", "status"],
            registry=where,
        )  # fmt: skip
        self.answering = Histogram(
            "hpsearch_http_request_seconds", "Until the answer began.", ["method", "route"],
            buckets=_QUICK, registry=where,
        )  # fmt: skip
        self.storage = Histogram(
            "hpsearch_storage_seconds", "Of a statement on the database by this process.",
            ["operation"], buckets=_QUICK, registry=where,
        )  # fmt: skip
        self.steps = Histogram(
            "hpsearch_scheduler_step_seconds", "Of a look of the scheduler at all slots.",
            buckets=_QUICK, registry=where,
        )  # fmt: skip
        self.waits = Histogram(
            "hpsearch_study_wait_seconds", "From the queueing of a study to its first worker.",
            buckets=_SLOW, registry=where,
        )  # fmt: skip
        ProcessCollector(registry=where)

    def time_statements(self, engine: sa.Engine) -> None:
        """Measure every statement of an engine.

        Args:
            engine: of a storage that this process has opened.
        """
        known = {kind: self.storage.labels(kind) for kind in ("read", "write")}

        def before(*_: object) -> None:
            started.at = time.perf_counter()

        def after(*given: Any) -> None:
            kind = "read" if given[2][:6].upper() == "SELECT" else "write"
            known[kind].observe(time.perf_counter() - started.at)

        started = threading.local()
        sa.event.listen(engine, "before_cursor_execute", before)
        sa.event.listen(engine, "after_cursor_execute", after)


class Ended:
    """The trials that ended while this process ran: numbers that never go back."""

    REMEMBERED = 600.0
    """Seconds for which a trial that ended is remembered; clocks of workers may differ by that."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(ENDED_STATES, 0)
        self._known: dict[int, list[int]] | None = None
        """By study: how many trials had ended in each way, when last looked at."""
        self._seen: deque[tuple[float, int]] = deque()
        """When trials ended, and their keys, of the last minutes."""
        self._last: dict[str, float] = {}
        """By worker: when its last trial ended."""
        self._began = time.time()
        self.trials = Histogram(
            "hpsearch_trial_seconds", "Of training of a trial that ended.", ["state"],
            buckets=_SLOW, registry=None,
        )  # fmt: skip
        self.epochs = Histogram(
            "hpsearch_epoch_seconds", "Mean of the epochs of a trial that ended.",
            buckets=(0.01, *_SLOW), registry=None,
        )  # fmt: skip
        self.claims = Histogram(
            "hpsearch_claim_seconds",
            "From the end of a worker's trial to the start of its next one: claim and sampling.",
            buckets=_QUICK, registry=None,
        )  # fmt: skip

    @property
    def since(self) -> float:
        """Trials that ended before are known, or too old; in seconds since 1970."""
        return max(self._began, time.time() - self.REMEMBERED)

    def take(self, rows: Iterable[Mapping[str, Any]]) -> list[int]:
        """Count what has ended since the last time; the keys of the studies where something has.

        Args:
            rows: the studies, as lists show them. What they had when first looked at counts not,
                except of studies that came later.
        """
        now: dict[int, list[int]] = {row["id"]: [row[key] for key in ENDED_STATES] for row in rows}
        before = now if self._known is None else self._known
        changed = []
        for key, counts in now.items():
            more = [new - old for new, old in zip(counts, before.get(key, (0, 0, 0)), strict=True)]
            if any(more):
                changed.append(key)
            for ending, number in zip(ENDED_STATES, more, strict=True):
                self._counts[ending] += max(0, number)
        self._known = now
        return changed

    def observe(self, trials: Iterable[EndedTrial]) -> None:
        """Tell the durations of trials, each once."""
        known = {key for _, key in self._seen}
        for trial in trials:
            if trial.trial_id in known:
                continue
            self._seen.append((trial.end, trial.trial_id))
            self.trials.labels(trial.state).observe(max(0.0, trial.seconds))
            if trial.epochs:
                self.epochs.observe(max(0.0, trial.seconds / trial.epochs))
            gap = trial.start - self._last.get(trial.worker, 0.0)
            if 0 <= gap <= LONGEST_GAP:
                self.claims.observe(gap)
            self._last[trial.worker] = trial.end
        oldest = time.time() - self.REMEMBERED - 1
        while self._seen and self._seen[0][0] < oldest:
            self._seen.popleft()
        self._last = {name: end for name, end in self._last.items() if end >= oldest}

    def collect(self) -> Iterator[Metric]:
        """All that is known of them."""
        family = CounterMetricFamily(
            "hpsearch_trials", "Trials that ended while this process ran.", labels=["state"]
        )
        for ending, number in self._counts.items():
            family.add_metric([ending], number)
        yield family
        for durations in (self.trials, self.epochs, self.claims):
            yield from durations.collect()
