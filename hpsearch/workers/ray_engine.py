"""Ray as the engine: it places the same workers on a cluster's machines.

Ray gives each worker a place (cores, a GPU or a part of one) and tells when that place is lost. The
rest is as on one machine: the place starts ``hpsearch worker``, which claims its trials from the
storage, so that Ray knows of no trial. (A service's places are in ``hpsearch.server.ray_child``.)
"""

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
# Else Ray takes 127.0.0.1 for an outer address of this machine, and a cluster that is to be on
# loopback listens on all interfaces. It is made for Windows and macOS, and works here alike.
os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")

import ray
from ray.exceptions import RayError, RayTaskError

from hpsearch.environment import SHARE_VARIABLE
from hpsearch.errors import EXIT_PROGRAM, HpsearchError, UnreachableError
from hpsearch.home import Home
from hpsearch.study_file import StudyFile
from hpsearch.text import plural
from hpsearch.workers.child import UNTOLD, Child, LocalChild
from hpsearch.workers.cores import available_cores
from hpsearch.workers.gpus import Gpu, list_gpus
from hpsearch.workers.packing import Load
from hpsearch.workers.slots import Count, Slot, share_of, worker_memory

PROMPT = 5.0
"""Seconds that a place has for an answer, such as the last lines of a log, or a cluster for its
first one."""

LOOPBACK = "127.0.0.1"

_TOLD = ("PG", SHARE_VARIABLE)
"""How the environment variables begin of which workers get ours, where theirs have none: those that
PostgreSQL's library reads (PGPASSWORD, PGSSLMODE ...) and the share."""


@dataclass(frozen=True, kw_only=True)
class Portion:
    """What Ray gives each worker."""

    threads: int
    """Cores, from 1."""
    per_gpu: int
    """Workers on one GPU, from 1; 0: they train on the CPU."""

    @property
    def title(self) -> str:
        """For people: "1 thread each", "1 GPU and 4 threads each"."""
        threads = plural(self.threads, "thread")
        if not self.per_gpu:
            return f"{threads} each"
        gpu = "1 GPU" if self.per_gpu == 1 else f"1/{self.per_gpu} of a GPU"
        return f"{gpu} and {threads} each"

    @property
    def options(self) -> dict[str, Any]:
        """Ray's options for the place of one worker."""
        return {
            "num_cpus": self.threads,
            "num_gpus": 1 / self.per_gpu if self.per_gpu else 0,
            "scheduling_strategy": "SPREAD",
            "max_restarts": 0,  # the supervisor starts anew, and knows when that is in vain
            "max_concurrency": 4,  # it hears signals while its worker runs
        }


class Place:
    """A worker's place on some machine of the cluster: an actor, which keeps one process."""

    def __init__(self, index: int, portion: Portion) -> None:
        """Find out what device Ray gave us.

        Args:
            index: of the worker's slot; names its log.
            portion: what was asked for.
        """
        self._child = LocalChild(slot=our_slot(index, portion))

    def start(
        self, command: Sequence[str], environment: Mapping[str, str], home: str, study: str
    ) -> tuple[str | None, tuple[object, object] | None]:
        """Start the worker; its :attr:`Child.worker` and :attr:`Child.signature`."""
        # The interpreter of this machine may be at another place than that of the run.
        self._child.start([sys.executable, *command], untold(environment), home_at(home), study)
        return self._child.worker, self._child.signature

    def wait(self) -> int:
        """Wait for the worker's end; its exit code."""
        while not self._child.wait(3600):
            pass
        return self._child.collect()

    def send(self, number: int) -> None:
        """Send a signal to the worker."""
        self._child.send(number)

    def last_words(self) -> str:
        """What the worker said at its end."""
        return self._child.last_words()


def our_slot(index: int, portion: Portion) -> Slot:
    """The slot of the process that asks, which Ray has given a device."""
    gpu = _our_gpu() if portion.per_gpu else None
    limit = None if gpu is None else share_of(gpu, portion.per_gpu)
    return Slot(index=index, gpu=gpu, threads=portion.threads, memory_limit=limit)


def told(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment with what workers on other machines get of ours."""
    return {**{k: v for k, v in os.environ.items() if k.startswith(_TOLD)}, **environment}


def untold(environment: Mapping[str, str]) -> dict[str, str]:
    """What :func:`told` gave, without that of which this machine has its own."""
    return {
        key: value
        for key, value in environment.items()
        if key not in os.environ or not key.startswith(_TOLD)
    }


def home_at(folder: str) -> Home:
    """A home on this machine, which may not have been there yet."""
    home = Home(Path(folder))
    home.root.mkdir(parents=True, exist_ok=True)
    return home


class Fault(NamedTuple):
    """How it ended that a place did not do what it was asked to."""

    code: int
    """As the exit code of a worker."""
    words: str
    is_lost: bool
    """Whether the place is: nobody knows what runs there."""

    @classmethod
    def of(cls, error: RayError) -> "Fault":
        """From what Ray says."""
        if isinstance(error, RayTaskError):
            cause = error.cause
            code = cause.exit_code if isinstance(cause, HpsearchError) else EXIT_PROGRAM
            return cls(code, str(cause), is_lost=False)
        is_lost = not getattr(error, "actor_init_failed", False)
        what = "is lost" if is_lost else "cannot be used"
        words = f"the place that Ray gave it {what}: {' '.join(str(error).split())}"
        return cls(-signal.SIGKILL if is_lost else EXIT_PROGRAM, words, is_lost)


def _our_gpu() -> Gpu:
    """The GPU that Ray gave this process, as far as the driver knows it."""
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # in which Ray numbers them
    (name,) = ray.get_runtime_context().get_accelerator_ids()["GPU"]
    seen = list_gpus().gpus  # of which Ray lets us see this one
    if seen:
        return seen[0]
    index = int(name) if name.isdecimal() else 0
    return Gpu(index=index, uuid=name, name="as Ray calls it", memory=0)


@dataclass
class RayChild(Child):
    """A worker at a place that Ray finds, and finds anew for each process."""

    portion: Portion = field(default_factory=lambda: Portion(threads=1, per_gpu=0))
    _actor: Any = None
    _started: Any = None
    """Ray's promise of what :meth:`Place.start` gives."""
    _ended: Any = None
    """Ray's promise of the exit code."""
    _words: str = ""
    _is_lost: bool = False

    def start(
        self, command: Sequence[str], environment: Mapping[str, str], home: Home, study: str
    ) -> None:
        """As :meth:`Child.start`; the worker begins when Ray has a place for it."""
        self.worker = self.signature = self._ended = None
        self._words, self._is_lost = "", False
        place = ray.remote(Place).options(**self.portion.options)
        self._actor = place.remote(self.slot.index, self.portion)
        self._started = self._actor.start.remote(
            list(command[1:]), told(environment), str(home.root), study
        )

    @property
    def is_there(self) -> bool:
        """As :attr:`Child.is_there`; also where Ray has no place yet."""
        return self._actor is not None

    @property
    def is_waiting(self) -> bool:
        """As :attr:`Child.is_waiting`."""
        return self._actor is not None and self._ended is None

    @property
    def is_over(self) -> bool:
        """As :attr:`Child.is_over`."""
        if self._actor is None:
            return False
        if self._ended is None and is_ready(self._started):
            self._ended = self._actor.wait.remote()
            with suppress(RayError):  # then there is no end to wait for, and the end says why
                self.worker, self.signature = ray.get(self._started)
        return self._ended is not None and is_ready(self._ended)

    @property
    def is_lost(self) -> bool:
        """As :attr:`Child.is_lost`: of a machine that is gone nobody knows what runs there."""
        return self._is_lost

    def collect(self) -> int:
        """As :meth:`Child.collect`; a place that was lost is one that was killed."""
        actor, started, ended = self._actor, self._started, self._ended
        self._actor = self._started = self._ended = self.worker = None
        try:
            ray.get(started)
            code = int(ray.get(ended))
        except RayError as error:
            code, self._words, self._is_lost = Fault.of(error)
        if code and not self._words:
            try:
                self._words = ray.get(actor.last_words.remote(), timeout=PROMPT)
            except RayError:
                self._words = f"{UNTOLD}is on a machine that does not answer"
        ray.kill(actor)  # its cores and GPU are free again
        return code

    def send(self, number: int) -> None:
        """As :meth:`Child.send`."""
        if self._actor is not None:
            self._actor.send.remote(int(number))

    def wait(self, seconds: float) -> bool:
        """As :meth:`Child.wait`."""
        if self._actor is not None and not self.is_over and self._ended is not None:
            ray.wait([self._ended], timeout=seconds)
        return self._actor is None or self.is_over

    def last_words(self) -> str:
        """As :meth:`Child.last_words`."""
        return self._words

    def withdraw(self) -> bool:
        """As :meth:`Child.withdraw`: a worker for which Ray has no place yet never begins."""
        if self.is_over or not self.is_waiting:
            return False
        ray.kill(self._actor)
        self._actor = self._started = None
        return True


def is_ready(promise: Any) -> bool:
    """Whether Ray knows what was promised, be it an error."""
    return bool(ray.wait([promise], timeout=0)[0])


class Node(NamedTuple):
    """A machine of a cluster."""

    cores: int
    gpus: int
    memory: int
    """Bytes, as Ray reckons with them."""

    @classmethod
    def of(cls, resources: Mapping[str, float]) -> "Node":
        """From what Ray says of its resources."""
        return cls(*(int(resources.get(name, 0)) for name in ("CPU", "GPU", "memory")))


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A cluster that this process is connected to."""

    nodes: tuple["Node", ...]
    is_ours: bool
    """Whether it was started for this run, and ends with it."""

    @property
    def gpus(self) -> int:
        """GPUs of all nodes."""
        return sum(node.gpus for node in self.nodes)

    @property
    def title(self) -> str:
        """The cluster for people."""
        count = plural(len(self.nodes), "node")
        what = "Ray, started on this machine" if self.is_ours else f"Ray's {count}"
        return f"{what} ({sum(node.cores for node in self.nodes)} cores, {self.gpus} GPUs)"

    def room(self, threads: int, per_gpu: int, memory: int = 0) -> int:
        """How many workers fit in.

        Args:
            threads: cores of each, from 1.
            per_gpu: workers on a GPU; 0: they train on the CPU.
            memory: bytes of each on the CPU; 0: that is not looked at.
        """
        return sum(
            min(
                node.cores // threads,
                node.gpus * per_gpu if per_gpu else node.cores,
                node.memory // memory if memory and not per_gpu else node.cores,
            )
            for node in self.nodes
        )


@contextmanager
def connected(address: str | None, gpus: Callable[[], Sequence[Gpu]]) -> Iterator[Cluster]:
    """A cluster for the block: the one at an address, one that runs here, or one of our own.

    Args:
        address: Ray's address of the cluster; None: RAY_ADDRESS, else one that this user's ``ray
            start`` has started on this machine, else one of our own is started here, on loopback;
            "local": one of our own.
        gpus: gives what one of our own may use.

    Raises:
        UnreachableError: there is no cluster at that address, or none can be started.
    """
    address = address or os.environ.get("RAY_ADDRESS") or None
    own: dict[str, Any] = {}
    if address == "local" or (address is None and not _is_started_here()):
        chosen = gpus()
        if chosen:
            os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(gpu.uuid for gpu in chosen)
        address, own = "local", {
            "num_cpus": available_cores().count,
            "num_gpus": len(chosen),
            "include_dashboard": False,
            "_node_ip_address": LOOPBACK,
        }  # fmt: skip
    elif address is not None:
        _check_reachable(address)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        # Without an address Ray finds the one that is here, and the token for it.
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **own)
    except (RayError, ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise UnreachableError(
            f"--engine ray: no cluster at {address or 'this machine'}:"
            f" {' '.join(str(error.__cause__ or error).split())[:300]}"
        ) from None
    finally:
        signal.signal(signal.SIGTERM, handler)  # Ray's own would end us with another exit code
    try:
        if own and ray.util.get_node_ip_address() != LOOPBACK:
            raise UnreachableError(
                "--engine ray: this version of Ray listens on all interfaces; start a cluster as"
                " you want it (ray start) and name it with --address"
            )
        alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        yield Cluster(
            nodes=tuple(map(Node.of, alive)),
            is_ours=bool(own),
        )
    finally:
        ray.shutdown()


def _check_reachable(address: str) -> None:
    """Refuse an address where nobody listens: Ray itself would try for minutes.

    Raises:
        UnreachableError: nobody does.
    """
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        if parts.hostname is not None and parts.port is not None:
            socket.create_connection((parts.hostname, parts.port), timeout=PROMPT).close()
    except (OSError, ValueError) as error:
        raise UnreachableError(f"--engine ray: no cluster at {address}: {error}") from None


def _is_started_here() -> bool:
    """Whether a cluster runs that this user's ``ray start`` has started on this machine.

    Others' are not joined unasked: they would be told how to reach the storage.
    """
    folder = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"  # noqa: S108  # as Ray looks for it
    file = Path(folder) / "ray" / "ray_current_cluster"
    try:
        if file.stat().st_uid != os.getuid():
            return False
        host, _, port = file.read_text(encoding="utf-8").strip().rpartition(":")
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except (OSError, ValueError):
        return False


def lay_out_all(cluster: Cluster, count: Count, *, use_gpus: bool) -> tuple[int, Portion]:
    """How many workers a service keeps on a cluster, whatever the study, and what each gets.

    Args:
        cluster: what is there now.
        count: how many; auto: one for each GPU, or else for each core, as far as memory goes.
        use_gpus: train on GPUs, where there are any.
    """
    per_gpu = int(use_gpus and cluster.gpus > 0)
    room = cluster.room(1, per_gpu, worker_memory(None))
    wanted = max(1, room) if count == "auto" else count
    return wanted, Portion(threads=_threads(cluster, per_gpu, wanted), per_gpu=per_gpu)


def _threads(cluster: Cluster, per_gpu: int, workers: int) -> int:
    """Cores for each of so many workers, from 1."""
    threads = 1
    while cluster.room(threads + 1, per_gpu) >= workers:
        threads += 1
    return threads


def lay_out(
    cluster: Cluster, file: StudyFile, load: Load, most: int, *, use_gpus: bool
) -> tuple[int, Portion]:
    """How many workers a study gets on a cluster, and what each of them.

    Args:
        cluster: what is there now; an autoscaler may add to it.
        file: the study; ``workers.count`` may be more than there is room for now.
        load: what one worker takes.
        most: the trials that are left, from 1.
        use_gpus: train on GPUs, where there are any.
    """
    count, per_gpu = file.workers.count, 0
    if use_gpus and cluster.gpus:
        per_gpu = 1 if file.workers.per_gpu == "auto" else file.workers.per_gpu
    room = cluster.room(1, per_gpu, worker_memory(load))
    wanted = min(max(1, room) if count == "auto" else count, most)
    return wanted, Portion(threads=_threads(cluster, per_gpu, wanted), per_gpu=per_gpu)
