"""Slots and devices, with the driver's list of GPUs replaced."""

import os
from collections import namedtuple
from pathlib import Path

import psutil
import pynvml
import pytest

from hpsearch.errors import InputError
from hpsearch.workers import gpus as module
from hpsearch.workers.gpus import Gpu, Slot, available_cores, choose_gpus, list_gpus, make_slots

Memory = namedtuple("Memory", ["total"])  # as NVML's
UUIDS = ("GPU-aaaa1111-0000", "GPU-aaaa2222-0000", "GPU-bbbb0000-0000")


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A driver that lists three GPUs; the calls of its start and end."""
    calls: list[str] = []
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: calls.append("init"))
    monkeypatch.setattr(pynvml, "nvmlShutdown", lambda: calls.append("shutdown"))
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lambda: len(UUIDS))
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lambda index: index)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetUUID", lambda handle: UUIDS[handle])
    monkeypatch.setattr(pynvml, "nvmlDeviceGetName", lambda handle: f"Test {handle}")
    monkeypatch.setattr(
        pynvml, "nvmlDeviceGetMemoryInfo", lambda handle: Memory(total=(handle + 1) * 2**30)
    )
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return calls


def gpu(index: int) -> Gpu:
    return Gpu(index=index, uuid=UUIDS[index], name=f"Test {index}", memory=(index + 1) * 2**30)


def test_the_drivers_list_is_read(driver: list[str]) -> None:
    assert list_gpus() == [gpu(0), gpu(1), gpu(2)]
    assert driver == ["init", "shutdown"]


def test_without_a_driver_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", fail)
    assert list_gpus() == []


@pytest.mark.usefixtures("driver")
def test_memory_that_is_shared_with_the_machine_is_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_handle: int) -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

    monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", fail)
    assert [found.memory for found in list_gpus()] == [0, 0, 0]


@pytest.mark.usefixtures("driver")
@pytest.mark.parametrize(
    ("visible", "seen"),
    [
        ("0", [0]),
        ("2,0", [2, 0]),
        (" 1 , 2 ", [1, 2]),
        (UUIDS[1], [1]),
        ("GPU-bbbb", [2]),
        ("GPU-aaaa", []),  # of two
        ("", []),
        ("-1", []),
        ("1,7,0", [1]),  # as CUDA reads it: nothing after an unknown one
        ("0,0", [0]),
        ("NoDevFiles", []),
    ],
)
def test_what_cuda_may_not_see_is_not_there(
    monkeypatch: pytest.MonkeyPatch, visible: str, seen: list[int]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [found.index for found in list_gpus()] == seen


def test_gpus_are_chosen_by_index_or_uuid() -> None:
    every = [gpu(0), gpu(1), gpu(2)]
    assert choose_gpus("all", every) == every
    assert choose_gpus("all", []) == []
    assert choose_gpus("none", every) == []
    assert choose_gpus(f"2, {UUIDS[0]}", every) == [gpu(2), gpu(0)]
    assert choose_gpus("1,1", every) == [gpu(1)]


@pytest.mark.parametrize("option", ["7", "0,7", "", "x", "0-1", "-1", "GPU-", "GPU-aaaa"])
def test_a_gpu_that_is_not_there_is_wrong_input(option: str) -> None:
    with pytest.raises(InputError, match=r"--gpus .*no such GPU; .*0 \(Test 0\), 1 \(Test 1\)"):
        choose_gpus(option, [gpu(0), gpu(1)])
    with pytest.raises(InputError, match="this machine has: none"):
        choose_gpus(option, [])


@pytest.mark.parametrize(
    ("count", "per_gpu", "most", "devices"),
    [
        ("auto", "auto", 50, [0, 1]),
        ("auto", 2, 50, [0, 1, 0, 1]),
        ("auto", 2, 3, [0, 1, 0]),
        (3, "auto", 50, [0, 1, 0]),
        (1, 4, 50, [0]),
        ("auto", "auto", 1, [0]),
    ],
)
def test_workers_are_dealt_out_over_the_gpus(
    count: int | str, per_gpu: int | str, most: int, devices: list[int]
) -> None:
    slots = make_slots([gpu(0), gpu(1)], count=count, per_gpu=per_gpu, most=most)  # type: ignore[arg-type]
    assert [slot.index for slot in slots] == list(range(len(devices)))
    assert [slot.gpu for slot in slots] == [gpu(index) for index in devices]
    assert all(slot.threads is None for slot in slots)


@pytest.mark.parametrize(
    ("cores", "free", "count", "most", "threads"),
    [
        (8, 64, "auto", 50, [1] * 8),
        (8, 64, "auto", 3, [2, 2, 2]),
        (8, 3, "auto", 50, [4, 4]),  # memory for two
        (8, 0, "auto", 50, [8]),
        (2, 64, "auto", 50, [1, 1]),
        (8, 64, 2, 50, [4, 4]),
        (2, 1, 3, 50, [1, 1, 1]),  # as told
        (8, 64, 4, 1, [8]),
    ],
)
def test_workers_share_the_cores(
    monkeypatch: pytest.MonkeyPatch,
    *,
    cores: int,
    free: int,
    count: int | str,
    most: int,
    threads: list[int],
) -> None:
    monkeypatch.setattr(module, "available_cores", lambda: cores)
    available = namedtuple("available", ["available"])(free * 2**30)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: available)
    slots = make_slots([], count=count, per_gpu="auto", most=most)  # type: ignore[arg-type]
    assert [slot.threads for slot in slots] == threads
    assert all(slot.gpu is None for slot in slots)


def test_the_device_is_chosen_in_the_environment() -> None:
    on_gpu = Slot(index=0, gpu=gpu(1), threads=None).environment
    assert on_gpu == {"CUDA_VISIBLE_DEVICES": UUIDS[1], "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    on_cpu = Slot(index=0, gpu=None, threads=3).environment
    assert on_cpu["CUDA_VISIBLE_DEVICES"] == "-1"
    assert on_cpu["HPSEARCH_THREADS"] == on_cpu["OMP_NUM_THREADS"] == "3"


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000", 4),
        ("200000 100000", 2),
        ("250000 100000", 2),
        ("50000 100000", 1),
        ("900000 100000", 4),
        ("", 4),
        (None, 4),
    ],
)
def test_cores_are_those_that_may_be_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quota: str | None, cores: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 4, 6})
    file = tmp_path / "cpu.max"
    if quota is not None:
        file.write_text(quota)
    monkeypatch.setattr(module, "Path", lambda _: file)
    assert available_cores() == cores
