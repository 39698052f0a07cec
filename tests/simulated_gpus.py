"""Machines with GPUs that are not there: NVML's functions answer from plain values."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pynvml
import pytest

GIB = 2**30


class Refusal(NamedTuple):
    """In place of a value: NVML raises the error of this code."""

    code: int


NOT_SUPPORTED = Refusal(pynvml.NVML_ERROR_NOT_SUPPORTED)


class Memory(NamedTuple):
    """As NVML's."""

    total: int
    used: int = 0


class Rates(NamedTuple):
    """As NVML's."""

    gpu: int


@dataclass
class Device:
    """A GPU or MIG instance, which is its own handle; any value may be a Refusal."""

    uuid: Any
    name: Any = "NVIDIA Test"
    memory: Any = 16 * GIB
    mig: Any = NOT_SUPPORTED
    instances: "list[Device | Refusal]" = field(default_factory=list)
    used: int = 0
    rates: Any = NOT_SUPPORTED


def instance(uuid: str, profile: str = "3g.20gb", memory: Any = 20 * GIB) -> Device:
    """A MIG instance of an A100."""
    return Device(uuid, f"NVIDIA A100-SXM4-40GB MIG {profile}", memory)


def split(uuid: str, *instances: "Device | Refusal") -> Device:
    """An A100 in MIG mode, of whose memory nothing can be asked."""
    return Device(
        uuid,
        "NVIDIA A100-SXM4-40GB",
        Refusal(pynvml.NVML_ERROR_NO_PERMISSION),
        [pynvml.NVML_DEVICE_MIG_ENABLE, pynvml.NVML_DEVICE_MIG_ENABLE],
        list(instances),
    )


def simulate(
    monkeypatch: pytest.MonkeyPatch, devices: "Sequence[Device | Refusal] | Refusal"
) -> list[str]:
    """Let this process's driver list some GPUs, and nothing hide them; calls of start and end."""
    calls: list[str] = []

    def answer(value: Any) -> Any:
        if isinstance(value, Refusal):
            raise pynvml.NVMLError(value.code)
        return value

    def listed() -> "Sequence[Device | Refusal]":
        found: Sequence[Device | Refusal] = answer(devices)
        return found

    functions = {
        "nvmlInit": lambda: calls.append("init"),
        "nvmlShutdown": lambda: calls.append("shutdown"),
        "nvmlDeviceGetCount": lambda: len(listed()),
        "nvmlDeviceGetHandleByIndex": lambda index: answer(listed()[index]),
        "nvmlDeviceGetUUID": lambda handle: answer(handle.uuid),
        "nvmlDeviceGetName": lambda handle: answer(handle.name),
        "nvmlDeviceGetMemoryInfo": lambda handle: Memory(answer(handle.memory), handle.used),
        "nvmlDeviceGetUtilizationRates": lambda handle: answer(handle.rates),
        "nvmlDeviceGetMigMode": lambda handle: answer(handle.mig),
        "nvmlDeviceGetMaxMigDeviceCount": lambda handle: len(handle.instances),
        "nvmlDeviceGetMigDeviceHandleByIndex": lambda handle, place: answer(
            handle.instances[place]
        ),
    }
    for name, function in functions.items():
        monkeypatch.setattr(pynvml, name, function)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    return calls
