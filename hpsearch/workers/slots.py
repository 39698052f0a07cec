"""Slots: which device, threads and memory each worker of this machine gets, and why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Literal

from hpsearch.environment import DEVICE_VARIABLE, GPU_MEMORY_VARIABLE, THREADS_VARIABLE
from hpsearch.errors import InputError
from hpsearch.text import plural
from hpsearch.workers.gpus import Gpu
from hpsearch.workers.memory import free_memory
from hpsearch.workers.packing import (
    CONTEXT,
    MAX_PER_GPU,
    USABLE,
    Load,
    gib,
    memory_limit,
    most_that_fit,
)

WORKER_MEMORY = 3 * 2**29
"""Bytes (1.5 GiB) that one worker on the CPU is reckoned with beside its data: TensorFlow and a
model. One that comes near them between two trials starts anew: ``hpsearch.workers.worker`` takes
its limit from here."""

Count = int | Literal["auto"]
"""A number of workers, from 1, or left to hpsearch."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Who reads them: TensorFlow's oneDNN and anything with OpenMP; NumPy's and SciPy's OpenBLAS; NumPy
where it was built with MKL."""


def device_environment(gpu: Gpu | None) -> dict[str, str]:
    """What gives a process its device, before TensorFlow is imported; None: the CPU."""
    return {
        "CUDA_VISIBLE_DEVICES": "-1" if gpu is None else gpu.uuid,
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        DEVICE_VARIABLE: "CPU" if gpu is None else gpu.title,
    }


@dataclass(frozen=True, kw_only=True)
class Slot:
    """The place of one worker: a device, a number of threads, a share of the GPU's memory."""

    index: int
    """From 0; names the worker's log."""
    gpu: Gpu | None
    """None: the CPU."""
    threads: int
    """TensorFlow's threads, from 1."""
    memory_limit: int | None = None
    """MiB of the GPU that TensorFlow may take; None: as much as it needs."""

    @property
    def device(self) -> str:
        """The device's name for people: "GPU 0 (A100-SXM4-40GB)" or "CPU"."""
        return device_environment(self.gpu)[DEVICE_VARIABLE]

    @property
    def environment(self) -> Mapping[str, str]:
        """What the worker's environment says of its slot, before TensorFlow is imported."""
        count = str(self.threads)
        variables = {
            **device_environment(self.gpu),
            **dict.fromkeys((THREADS_VARIABLE, *THREADS), count),
            # TensorFlow's own defaults; the same as hpsearch.training.devices sets.
            "TF_NUM_INTRAOP_THREADS": count,
            "TF_NUM_INTEROP_THREADS": "1" if self.threads == 1 else "2",
        }
        if self.memory_limit is not None:
            variables[GPU_MEMORY_VARIABLE] = str(self.memory_limit)
        return variables


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The workers of this machine, and why they are as they are."""

    slots: tuple[Slot, ...]
    """At least one."""
    why: tuple[str, ...]
    """Sentences for a reader."""

    @property
    def summary(self) -> str:
        """One line: "3 workers: 2 on GPU 0 (T4), 1 on GPU 1 (T4); 2 threads each"."""
        on = Counter(slot.device for slot in self.slots)
        devices = ", ".join(f"{number} on {device}" for device, number in on.items())
        threads = plural(self.slots[0].threads, "thread")
        text = f"{plural(len(self.slots), 'worker')}: {devices}; {threads} each"
        limits = sorted({slot.memory_limit for slot in self.slots if slot.memory_limit is not None})
        if limits:
            text += f"; at most {' or '.join(f'{limit:,}' for limit in limits)} MiB of a shared GPU"
        return text


def make_slots(
    gpus: Sequence[Gpu],
    *,
    cores: int,
    count: Count = "auto",
    per_gpu: Count = "auto",
    most: int | None = None,
    load: Load | None = None,
) -> Plan:
    """Lay out the workers of this machine.

    With GPUs: ``per_gpu`` workers on each (auto: as many as memory and cores are enough for, 4 at
    most), or ``count`` workers dealt out over them evenly, but no more than ``per_gpu`` on each
    where both are given. Workers that share a GPU may take only their part of its memory each.
    Without: ``count`` workers (auto: one for each core, as far as memory goes). In both cases the
    workers share the cores evenly.

    Args:
        gpus: the GPUs to use; none means the CPU.
        cores: cores that all workers together may use, from 1.
        count: ``[workers] count`` or ``--workers``.
        per_gpu: ``[workers] per_gpu`` or ``--workers-per-gpu``.
        most: no more workers than this, from 1 (the trials that are left); None: no limit.
        load: what a worker of the study takes; None: no study is known.

    Raises:
        InputError: so many workers were asked for that none has memory left on its GPU.
    """
    if gpus:
        return _on_gpus(gpus, cores=cores, count=count, per_gpu=per_gpu, most=most, load=load)
    return _on_cpu(cores=cores, count=count, most=most, load=load)


def _on_gpus(
    gpus: Sequence[Gpu],
    *,
    cores: int,
    count: Count,
    per_gpu: Count,
    most: int | None,
    load: Load | None,
) -> Plan:
    """Workers on GPUs."""
    if per_gpu != "auto":
        room, why = [per_gpu] * len(gpus), [f"{per_gpu} on each GPU, as asked for."]
    elif count != "auto":
        room, why = [1] * len(gpus), []
    else:
        room, why = _pack(gpus, cores, load)
    total = sum(room) if count == "auto" else count
    if count != "auto":
        total = min(total, sum(room)) if per_gpu != "auto" else total
        why.append(f"{plural(count, 'worker')} at most, as asked for, spread evenly.")
    total = _cut(total, most, why)
    dealt = _deal(gpus, room, total)
    sharing = Counter(gpu.uuid for gpu in dealt)
    threads = _share_cores(total, cores, why)
    limits = {gpu: share_of(gpu, sharing[gpu.uuid]) for gpu in dealt}
    why += _why_limits(limits, sharing)
    slots = [
        Slot(index=index, gpu=gpu, threads=threads, memory_limit=limits[gpu])
        for index, gpu in enumerate(dealt)
    ]
    return Plan(slots=tuple(slots), why=tuple(why))


def worker_memory(load: Load | None) -> int:
    """Bytes that one worker on the CPU is reckoned with, its data among them."""
    # While the examples are handed to TensorFlow they are there twice, and a batch on top.
    return WORKER_MEMORY + 3 * (load.private_bytes if load else 0)


def _on_cpu(*, cores: int, count: Count, most: int | None, load: Load | None) -> Plan:
    """Workers without a GPU."""
    if count != "auto":
        total, why = count, [f"{plural(count, 'worker')}, as asked for."]
    else:
        each = worker_memory(load)
        memory = free_memory()
        room = max(1, memory.free // each)
        total, why = min(cores, room), []
        if room < cores:
            fits = plural(room, "worker")
            free = f"{gib(memory.free)} ({memory.why})"
            why.append(f"Memory is free for {fits}: {free}, {gib(each)} for each.")
        else:
            why.append(
                "One worker for each core: small networks are trained faster by two processes of"
                " one thread than by one of two."
            )
    total = _cut(total, most, why)
    threads = _share_cores(total, cores, why)
    slots = [Slot(index=index, gpu=None, threads=threads) for index in range(total)]
    return Plan(slots=tuple(slots), why=tuple(why))


def _pack(gpus: Sequence[Gpu], cores: int, load: Load | None) -> tuple[list[int], list[str]]:
    """How many workers each GPU gets where that is left to us, and why."""
    if load is None:
        return [1] * len(gpus), [
            f"One worker on each GPU, up to {MAX_PER_GPU} for small models: name a study to see."
        ]
    fed = max(1, cores // len(gpus))
    room: list[int] = []
    reasons: dict[str, list[str]] = {}
    for gpu in gpus:
        fit = most_that_fit(gpu.memory, load.gpu_bytes)
        room.append(max(1, min(fit, fed, MAX_PER_GPU)) if gpu.memory else 1)
        reason = _why_packed(gpu, fit, fed)
        reasons.setdefault(f"{plural(room[-1], 'worker')}: {reason}", []).append(gpu.place)
    why = [f"A worker is estimated to need {load}."]
    why += [f"On GPU {', '.join(places)} {reason}." for reason, places in reasons.items()]
    return room, why


def _why_packed(gpu: Gpu, fit: int, fed: int) -> str:
    """What limits the workers on a GPU: what is known, memory, cores or contention."""
    if not gpu.memory:
        return "its memory is not known"
    if fit < 1:
        return f"not even one is sure to fit in {gib(gpu.memory)}, large models may fail"
    if fit <= min(fed, MAX_PER_GPU):
        return f"no more fit in {gib(gpu.memory)} (of which {USABLE:.0%} is used)"
    if fed < MAX_PER_GPU:
        return "each worker needs a core to feed it"
    return f"{fit} would fit in {gib(gpu.memory)}, but more than {MAX_PER_GPU} only contend"


def _deal(gpus: Sequence[Gpu], room: Sequence[int], total: int) -> list[Gpu]:
    """The GPU of each worker: in turn, those first that have room; then in turn regardless."""
    turns = [
        gpu for turn in range(max(room)) for gpu, n in zip(gpus, room, strict=True) if turn < n
    ]
    return [*turns[:total], *islice(cycle(gpus), max(0, total - len(turns)))]


def share_of(gpu: Gpu, workers: int) -> int | None:
    """MiB for each of the workers on a GPU; None where one has it alone, or nothing is known.

    Raises:
        InputError: nothing is left for each.
    """
    if workers == 1 or not gpu.memory:
        return None
    limit = memory_limit(gpu.memory, workers)
    if limit < 1:
        raise InputError(
            f"{workers} workers on {gpu.title}: its {gib(gpu.memory)} leave nothing beside the"
            f" {gib(CONTEXT)} that each takes for CUDA; lower --workers-per-gpu or --workers"
            " (workers.per_gpu, workers.count)"
        )
    return limit


def _why_limits(limits: Mapping[Gpu, int | None], sharing: Mapping[str, int]) -> list[str]:
    """What keeps the workers on one GPU from starving each other."""
    shared = [gpu for gpu in limits if sharing[gpu.uuid] > 1]
    unknown = [gpu.place for gpu in shared if limits[gpu] is None]
    why = []
    if len(unknown) < len(shared):
        why.append("Workers that share a GPU get a fixed part of its memory, so that none starves.")
    if unknown:
        why.append(
            f"The memory of GPU {', '.join(unknown)} is not known: its workers get no limit and"
            " may take it from each other."
        )
    return why


def _cut(total: int, most: int | None, why: list[str]) -> int:
    """No more workers than trials; says so."""
    if most is None or total <= most:
        return total
    why.append(f"No more workers than trials left: {most}.")
    return max(1, most)


def _share_cores(workers: int, cores: int, why: list[str]) -> int:
    """Threads of each worker; says how the cores are shared."""
    threads = max(1, cores // workers)
    there, all_workers = plural(cores, "core"), plural(workers, "worker")
    if workers > cores:
        why.append(f"{all_workers} share {there}: one thread each, taking turns.")
    else:
        why.append(f"{there} for {all_workers}: {plural(threads, 'thread')} each.")
    return threads
