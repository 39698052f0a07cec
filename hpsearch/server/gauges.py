"""How studies, trials, slots and GPUs stand, for the metrics: read when it is asked for."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from hpsearch import __version__
from hpsearch.errors import HpsearchError
from hpsearch.search.database.messages import STORAGE_ERRORS
from hpsearch.server.board import Snapshot
from hpsearch.server.described import State
from hpsearch.server.metrics import Ended
from hpsearch.server.service import Service
from hpsearch.workers.gpus import usage


def show(service: Service, registry: CollectorRegistry) -> None:
    """Have a registry also tell how the studies, slots and GPUs of a service stand."""
    gauges = Gauges(service)
    gauges.look()  # from now on is counted
    registry.register(gauges)


class Gauges(Collector):
    """What is read when it is asked for."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._ended = Ended()

    def describe(self) -> Iterable[Metric]:
        """Nothing: its names are its own, and need not be asked for."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """How everything stands; where the storage is away, that it is."""
        yield _gauge("hpsearch_info", "Which version runs.", "version", {__version__: 1})
        yield _one("hpsearch_sse_watchers", "Clients that watch a study.", self._watchers)
        yield from _gpus()
        found = self.look()
        yield _one("hpsearch_storage_up", "1: it was reached just now.", float(found is not None))
        if found is not None:
            yield from _slots(found)
            yield from _studies(found.rows)
        yield from self._ended.collect()

    @property
    def _watchers(self) -> float:
        return float(self._service.hub.watchers)

    def look(self) -> Snapshot | None:
        """How the studies stand; None where the storage is away: nobody waits for that here."""
        if self._service.scheduler.is_away:
            return None
        try:
            with self._lock:
                found = self._service.board.look()
                changed = self._ended.take(found.rows)
                self._ended.observe(self._service.storage.ended_since(changed, self._ended.since))
        except (HpsearchError, *STORAGE_ERRORS):
            return None
        return found


def _slots(found: Snapshot) -> Iterator[Metric]:
    """What the slots do."""
    numbers = dict.fromkeys(("waiting", "working", "passing"), 0)
    for slot in found.slots:
        numbers[_does(slot)] += 1
    yield _gauge("hpsearch_slots", "Slots of this machine, by what they do.", "state", numbers)


def _does(slot: Mapping[str, Any]) -> str:
    """What a slot does."""
    if slot["study"] is None:
        return "waiting"
    return "working" if slot["next"] is None else "passing"


def _studies(rows: Sequence[Mapping[str, Any]]) -> Iterator[Metric]:
    """How many studies and trials are in which state."""
    numbers = dict.fromkeys(get_args(State), 0)
    for row in rows:
        numbers[row["state"]] = numbers.get(row["state"], 0) + 1
    yield _gauge("hpsearch_studies", "Submitted studies, by state.", "state", numbers)
    open_ones = {state: sum(row[state] for row in rows) for state in ("running", "waiting")}
    yield _gauge("hpsearch_trials_open", "Trials that are not over.", "state", open_ones)
    users = {row["user"] for row in rows if row["state"] in ("queued", "running")}
    yield _one("hpsearch_users_waiting", "Users with studies that are not over.", len(users))


def _gpus() -> Iterator[Metric]:
    """Memory and use of the GPUs, where NVIDIA's driver tells them."""
    memory = GaugeMetricFamily(
        "hpsearch_gpu_memory_bytes", "Of a GPU.", labels=["gpu", "kind"]
    )  # fmt: skip
    used = GaugeMetricFamily("hpsearch_gpu_utilization_ratio", "From 0 to 1.", labels=["gpu"])
    for gpu in usage():
        memory.add_metric([str(gpu.index), "used"], gpu.used)
        memory.add_metric([str(gpu.index), "total"], gpu.total)
        if gpu.utilization is not None:
            used.add_metric([str(gpu.index)], gpu.utilization)
    yield memory
    yield used


def _gauge(name: str, text: str, label: str, numbers: Mapping[str, float]) -> Metric:
    """A number for each value of a label."""
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, number in numbers.items():
        family.add_metric([value], number)
    return family


def _one(name: str, text: str, number: float) -> Metric:
    """A number."""
    return GaugeMetricFamily(name, text, value=number)
