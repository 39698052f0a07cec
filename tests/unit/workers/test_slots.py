"""Slots: how workers are laid out, what each is told, and what real child processes then see."""

import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import forked
import pytest
from optuna.trial import create_trial
from simulated_gpus import GIB, Device, instance, simulate, split

from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.search.study import OpenStudy
from hpsearch.workers import slots
from hpsearch.workers import supervisor as supervisor_module
from hpsearch.workers.gpus import Gpu, choose_gpus, list_gpus
from hpsearch.workers.memory import Memory
from hpsearch.workers.packing import CONTEXT, Load, memory_limit
from hpsearch.workers.slots import Plan, Slot, make_slots
from hpsearch.workers.supervisor import Supervisor

LOAD = Load(
    parameters=1000,
    model_bytes=GIB // 2,
    output_bytes=GIB // 4,
    data_bytes=GIB // 4,
    private_bytes=0,
)
"""Two GiB of a GPU."""


def free(count: int) -> Callable[[], Memory]:
    """So many GiB of memory, in place of this machine's."""
    return lambda: Memory(free=count * GIB, why="simulated")


def gpu(index: int, memory: int = 16) -> Gpu:
    return Gpu(index=index, uuid=f"GPU-{index}", name="NVIDIA T4", memory=memory * GIB)


def places(plan: Plan) -> list[int]:
    return [slot.gpu.index for slot in plan.slots if slot.gpu is not None]


@pytest.mark.parametrize(
    ("count", "per_gpu", "most", "devices"),
    [
        ("auto", 1, 50, [0, 1]),
        ("auto", 2, 50, [0, 1, 0, 1]),
        ("auto", 2, 3, [0, 1, 0]),
        (3, "auto", 50, [0, 1, 0]),
        (5, "auto", 50, [0, 1, 0, 1, 0]),
        (1, 4, 50, [0]),
        (5, 2, 50, [0, 1, 0, 1]),
        ("auto", "auto", 1, [0]),
    ],
)
def test_workers_are_dealt_out_over_the_gpus(
    count: Any, per_gpu: Any, most: int, devices: list[int]
) -> None:
    plan = make_slots(
        [gpu(0), gpu(1)], cores=64, count=count, per_gpu=per_gpu, most=most, load=LOAD
    )
    assert places(plan) == devices
    assert [slot.index for slot in plan.slots] == list(range(len(devices)))


@pytest.mark.parametrize(
    ("memory", "cores", "devices", "why"),
    [
        ([16], 64, [0] * 4, "On GPU 0 4 workers: 7 would fit in 16.0 GiB, but more than 4 only"),
        ([7], 64, [0] * 3, "On GPU 0 3 workers: no more fit in 7.0 GiB (of which 95% is used"),
        ([2], 64, [0], "On GPU 0 1 worker: not even one is sure to fit in 2.0 GiB"),
        ([0], 64, [0], "On GPU 0 1 worker: its memory is not known"),
        ([16], 3, [0] * 3, "On GPU 0 3 workers: each worker needs a core to feed it"),
        ([16, 16], 5, [0, 1, 0, 1], "On GPU 0, 1 2 workers: each worker needs a core"),
        ([16, 16], 1, [0, 1], "On GPU 0, 1 1 worker: each worker needs a core"),
        ([16, 5], 64, [0, 1, 0, 1, 0, 0], "On GPU 1 2 workers: no more fit in 5.0 GiB"),
    ],
)
def test_gpus_are_packed_as_far_as_memory_and_cores_go(
    memory: list[int], cores: int, devices: list[int], why: str
) -> None:
    plan = make_slots([gpu(i, m) for i, m in enumerate(memory)], cores=cores, load=LOAD)
    assert places(plan) == devices
    assert plan.why[0].startswith("A worker is estimated to need 2.0 GiB: 1.0 GiB for CUDA")
    assert any(reason.startswith(why) for reason in plan.why[1:])


def test_without_a_study_a_gpu_gets_one_worker() -> None:
    plan = make_slots([gpu(0), gpu(1)], cores=64)
    assert places(plan) == [0, 1]
    assert plan.why[0] == "One worker on each GPU, up to 4 for small models: name a study to see."


@pytest.mark.parametrize(
    ("cores", "workers", "threads", "why"),
    [
        (64, 2, 32, "64 cores for 2 workers: 32 threads each."),
        (5, 2, 2, "5 cores for 2 workers: 2 threads each."),
        (2, 2, 1, "2 cores for 2 workers: 1 thread each."),
        (1, 2, 1, "2 workers share 1 core: one thread each, taking turns."),
    ],
)
def test_workers_on_gpus_share_the_cores(cores: int, workers: int, threads: int, why: str) -> None:
    plan = make_slots([gpu(0)], cores=cores, count=workers, load=LOAD)
    assert [slot.threads for slot in plan.slots] == [threads] * workers
    assert why in plan.why


def test_workers_that_share_a_gpu_get_a_part_of_its_memory() -> None:
    plan = make_slots([gpu(0), gpu(1, 80)], cores=8, count=3, load=LOAD)
    assert [slot.memory_limit for slot in plan.slots] == [6758, None, 6758]
    for n in (2, 4):
        plan = make_slots([gpu(0)], cores=8, per_gpu=n)
        assert [slot.memory_limit for slot in plan.slots] == [memory_limit(16 * GIB, n)] * n
        limits = sum((slot.memory_limit or 0) * 2**20 for slot in plan.slots)
        assert limits + n * CONTEXT <= 16 * GIB
        assert any("so that none starves" in reason for reason in plan.why)
    # Fewer trials than places: those that run share among themselves.
    plan = make_slots([gpu(0)], cores=8, per_gpu=4, most=1)
    assert [slot.memory_limit for slot in plan.slots] == [None]
    assert "No more workers than trials left: 1." in plan.why


def test_where_memory_is_not_known_no_limit_can_be_set() -> None:
    plan = make_slots([gpu(0, 0)], cores=8, per_gpu=2)
    assert [slot.memory_limit for slot in plan.slots] == [None, None]
    assert any("The memory of GPU 0 is not known" in reason for reason in plan.why)
    assert not any("starves" in reason for reason in plan.why)


@pytest.mark.parametrize("asked", [{"per_gpu": 16}, {"count": 16}])
def test_more_workers_than_a_gpu_can_hold_are_wrong_input(asked: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"16 workers on GPU 0 \(T4\): its 16.0 GiB leave nothing"):
        make_slots([gpu(0)], cores=64, **asked)


@pytest.mark.parametrize(
    ("cores", "memory", "count", "most", "threads", "why"),
    [
        (8, 64, "auto", 50, [1] * 8, "One worker for each core"),
        (8, 64, "auto", 3, [2, 2, 2], "No more workers than trials left: 3."),
        (
            8,
            3,
            "auto",
            50,
            [4, 4],
            "Memory is free for 2 workers: 3.0 GiB (simulated), 1.5 GiB for each.",
        ),
        (8, 0, "auto", 50, [8], "Memory is free for 1 worker"),
        (2, 64, "auto", 50, [1, 1], "2 cores for 2 workers: 1 thread each."),
        (8, 64, 2, 50, [4, 4], "2 workers, as asked for."),
        (2, 1, 3, 50, [1, 1, 1], "3 workers share 2 cores: one thread each, taking turns."),
        (8, 64, 4, 1, [8], "8 cores for 1 worker: 8 threads each."),
    ],
)
def test_workers_without_gpus_share_the_cores(
    monkeypatch: pytest.MonkeyPatch,
    *,
    cores: int,
    memory: int,
    count: Any,
    most: int,
    threads: list[int],
    why: str,
) -> None:
    monkeypatch.setattr(slots, "free_memory", free(memory))
    plan = make_slots([], cores=cores, count=count, most=most, load=LOAD)
    assert [slot.threads for slot in plan.slots] == threads
    assert {(slot.gpu, slot.memory_limit) for slot in plan.slots} == {(None, None)}
    assert any(reason.startswith(why) for reason in plan.why)


def test_examples_that_cannot_be_shared_take_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "free_memory", free(9))
    private = replace(LOAD, private_bytes=GIB // 2)  # three times that, while it is copied
    assert len(make_slots([], cores=8, load=LOAD).slots) == 6
    assert len(make_slots([], cores=8, load=private).slots) == 3


def test_a_slot_is_told_in_the_environment() -> None:
    on_gpu = Slot(index=0, gpu=gpu(1), threads=3, memory_limit=4000).environment
    assert on_gpu["CUDA_VISIBLE_DEVICES"] == "GPU-1"
    assert on_gpu["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert on_gpu["HPSEARCH_DEVICE"] == "GPU 1 (T4)"
    assert on_gpu["HPSEARCH_GPU_MEMORY"] == "4000"
    on_cpu = Slot(index=0, gpu=None, threads=1).environment
    assert on_cpu["CUDA_VISIBLE_DEVICES"] == "-1"
    assert on_cpu["HPSEARCH_DEVICE"] == "CPU"
    assert "HPSEARCH_GPU_MEMORY" not in on_cpu


@pytest.mark.parametrize("threads", [1, 3])
def test_no_library_takes_more_threads_than_the_slot_has(threads: int) -> None:
    environment = Slot(index=0, gpu=None, threads=threads).environment
    for name in ("HPSEARCH", "OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "TF_NUM_INTRAOP"):
        assert environment[f"{name}_THREADS"] == str(threads)
    assert environment["TF_NUM_INTEROP_THREADS"] == str(min(2, threads))


def test_a_plan_is_one_line_for_readers() -> None:
    plan = make_slots([gpu(0), gpu(1)], cores=6, count=3)
    assert plan.summary == (
        "3 workers: 2 on GPU 0 (T4), 1 on GPU 1 (T4); 2 threads each; at most 6,758 MiB of a"
        " shared GPU"
    )
    assert make_slots([], cores=2, count=1).summary == "1 worker: 1 on CPU; 2 threads each"


WHOLE = [Device(f"GPU-{i}", "NVIDIA T4", 16 * GIB) for i in range(8)]
SPLIT = [split("GPU-m", instance("MIG-a"), instance("MIG-b")), WHOLE[1]]
OURS = ("CUDA_", "HPSEARCH_")
TELLS = """
import json, os, time
print(json.dumps({k: v for k, v in os.environ.items() if k.startswith(("CUDA_", "HPSEARCH_"))}))
print("ready", flush=True)
while True: time.sleep(0.01)
"""


@pytest.mark.parametrize(
    ("machine", "outer", "option", "per_gpu", "told"),
    [
        (WHOLE[:1], None, "all", "auto", {"GPU-0": 2}),
        (WHOLE[:2], None, "all", 1, {"GPU-0": 1, "GPU-1": 1}),
        (WHOLE, None, "all", 1, {f"GPU-{i}": 1 for i in range(8)}),
        (WHOLE[:2], None, "all", 2, {"GPU-0": 2, "GPU-1": 2}),
        (WHOLE, None, "5,GPU-3", 2, {"GPU-5": 2, "GPU-3": 2}),
        (WHOLE, "2,3", "all", 1, {"GPU-2": 1, "GPU-3": 1}),
        (WHOLE, "2,3", "3", 1, {"GPU-3": 1}),
        (WHOLE, "-1", "all", 1, {"-1": 2}),
        (SPLIT, None, "all", 1, {"MIG-a": 1, "MIG-b": 1, "GPU-1": 1}),
        (SPLIT, None, "0:1", 2, {"MIG-b": 2}),
        (SPLIT, "MIG-a,1", "all", 1, {"MIG-a": 1, "GPU-1": 1}),
    ],
)
def test_each_worker_is_told_its_own_device(
    monkeypatch: pytest.MonkeyPatch,
    *,
    machine: list[Device],
    outer: str | None,
    option: str,
    per_gpu: Any,
    told: dict[str, int],
) -> None:
    plan = planned(monkeypatch, machine, outer, option, per_gpu)
    seen = [slot.environment for slot in plan.slots]
    assert Counter(worker["CUDA_VISIBLE_DEVICES"] for worker in seen) == told
    for worker, slot in zip(seen, plan.slots, strict=True):
        assert worker["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
        assert worker["HPSEARCH_DEVICE"] == slot.device
        shared = told[worker["CUDA_VISIBLE_DEVICES"]] > 1 and slot.gpu is not None
        assert worker.get("HPSEARCH_GPU_MEMORY") == (str(slot.memory_limit) if shared else None)
        assert worker["HPSEARCH_THREADS"] == str(max(1, 2 // len(seen)))


@pytest.mark.parametrize(
    ("machine", "outer", "per_gpu"), [(SPLIT, "MIG-a,1", 2), (SPLIT, None, 1), (WHOLE, "-1", 1)]
)
def test_real_children_see_what_they_are_told(  # noqa: PLR0917  # fixtures
    open_study: Callable[..., OpenStudy],
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    machine: list[Device],
    outer: str | None,
    per_gpu: int,
) -> None:
    plan = planned(monkeypatch, machine, outer, "all", per_gpu)
    study = open_study(budget={"trials": len(plan.slots)})
    for child, slot in zip(run(study, home, plan, monkeypatch), plan.slots, strict=True):
        wanted = {k: v for k, v in slot.environment.items() if k.startswith(OURS)}
        assert {key: child[key] for key in wanted} == wanted
        assert ("HPSEARCH_GPU_MEMORY" in child) == (per_gpu == 2)


def planned(
    monkeypatch: pytest.MonkeyPatch,
    machine: list[Device],
    outer: str | None,
    option: str,
    per_gpu: Any,
) -> Plan:
    """The workers of a machine of two cores that is simulated."""
    simulate(monkeypatch, machine)
    if outer is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", outer)
    chosen = choose_gpus(option, list_gpus().gpus)
    return make_slots(chosen, cores=2, per_gpu=per_gpu, most=20, load=LOAD)


def run(
    study: OpenStudy, home: Home, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> list[dict[str, str]]:
    """Start a child process for each slot; what each found in its environment."""
    monkeypatch.setattr(supervisor_module, "TICK", 0.02)
    logs = [home.worker_log(study.name, slot.index) for slot in plan.slots]

    def end_when_all_have_told() -> None:
        if all(log.exists() and "ready" in log.read_text() for log in logs):
            for _ in plan.slots:
                study.optuna.add_trial(create_trial(value=0.5))
            for process in forked.children():
                process.kill()

    supervisor = Supervisor(
        study=study,
        slots=plan.slots,
        command=[sys.executable, "-c", TELLS],
        environment={},
        home=home,
        on_tick=end_when_all_have_told,
    )
    assert supervisor.run() == 0
    return [json.loads(log.read_text().splitlines()[0]) for log in logs]
