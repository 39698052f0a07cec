"""Workers typed by hand: the device that they settle on is the one that ``run`` would give them."""

import os
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pynvml
import pytest
import typer
from simulated_gpus import Device, Refusal, instance, simulate, split

from hpsearch.cli.worker import worker as worker_command
from hpsearch.environment import DEVICE_VARIABLE, SUPERVISOR_VARIABLE
from hpsearch.home import Home
from hpsearch.search.study import OpenStudy
from hpsearch.workers import worker
from hpsearch.workers.by_hand import settle_device
from hpsearch.workers.gpus import list_gpus
from hpsearch.workers.identity import device
from hpsearch.workers.sharing import device_key
from hpsearch.workers.slots import make_slots

TWO = [Device("GPU-0", "NVIDIA T4"), Device("GPU-1", "NVIDIA T4")]
MIG = [split("GPU-m", instance("MIG-a"), instance("MIG-b")), TWO[1]]
NO_DRIVER = Refusal(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)
OTHER = "CUDA_VISIBLE_DEVICES chooses another"


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """A process that was told nothing; its environment is given back."""
    with mock.patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith(("CUDA_", "HPSEARCH_"))]:
            del os.environ[name]
        yield


def told() -> dict[str, str]:
    """What the environment says of the device and of its share."""
    return {k: v for k, v in os.environ.items() if k.startswith(("CUDA_", "HPSEARCH_"))}


@pytest.mark.parametrize(
    ("machine", "outer", "visible", "name", "log"),
    [
        (TWO, None, "GPU-0", "GPU 0 (T4)", f"the first of 2: {OTHER}"),
        (TWO[:1], None, "GPU-0", "GPU 0 (T4)", f"the only one seen: {OTHER}"),
        (TWO, "1", "GPU-1", "GPU 1 (T4)", f"the only one seen: {OTHER}"),
        (TWO, "1,0", "GPU-1", "GPU 1 (T4)", f"the first of 2: {OTHER}"),
        (TWO, "GPU-1", "GPU-1", "GPU 1 (T4)", f"the only one seen: {OTHER}"),
        (TWO, "-1", "-1", "CPU", "CUDA_VISIBLE_DEVICES=-1 hides GPU 0, 1"),
        (TWO, "7", "-1", "CPU", "CUDA_VISIBLE_DEVICES=7 hides GPU 0, 1"),
        (MIG, None, "MIG-a", "GPU 0:0 (A100-SXM4-40GB MIG 3g.20gb)", f"the first of 3: {OTHER}"),
        (MIG, "MIG-b,1", "MIG-b", "GPU 0:1 (A100-SXM4-40GB MIG 3g.20gb)", "the first of 2"),
        ([], None, "-1", "CPU", "no GPU can be used"),
    ],
)
def test_it_is_the_first_device_of_run(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    machine: list[Device],
    outer: str | None,
    visible: str,
    name: str,
    log: str,
) -> None:
    simulate(monkeypatch, machine)
    if outer is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = outer
    slot = make_slots(list_gpus().gpus, cores=2).slots[0]
    with caplog.at_level("INFO"):
        settle_device()
    assert f"the worker's device is {name}, {log}" in caplog.text
    assert told() == {
        "CUDA_VISIBLE_DEVICES": visible,
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        DEVICE_VARIABLE: name,
    }
    ours = (device(), device_key())  # as show says it; and who shares it
    os.environ.update(slot.environment)
    assert ours == (device(), device_key())


def test_without_a_driver_it_is_the_cpu(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise pynvml.NVMLError(NO_DRIVER.code)

    monkeypatch.setattr(pynvml, "nvmlInit", fail)
    with caplog.at_level("INFO"):
        settle_device()
    assert "the worker's device is CPU, no NVIDIA driver is in use here" in caplog.text
    assert (device(), device_key()) == ("CPU", "cpu")


def test_what_is_wrong_with_a_gpu_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    simulate(monkeypatch, [Refusal(pynvml.NVML_ERROR_GPU_IS_LOST), TWO[1]])
    settle_device()
    assert "GPU 0 is left out: the driver reports 'GPU is lost'" in caplog.text
    assert device_key() == "gpu-GPU-1"


@pytest.mark.parametrize("variable", [DEVICE_VARIABLE, SUPERVISOR_VARIABLE])
def test_a_device_that_was_given_stays(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    calls = simulate(monkeypatch, TWO)
    os.environ |= {variable: "1", "CUDA_VISIBLE_DEVICES": "1,0"}
    settle_device()
    assert told() == {variable: "1", "CUDA_VISIBLE_DEVICES": "1,0"}
    assert calls == []


def test_a_worker_that_starts_anew_keeps_its_device(
    monkeypatch: pytest.MonkeyPatch, open_study: Callable[..., OpenStudy], home: Home
) -> None:
    simulate(monkeypatch, TWO)
    study = open_study()
    seen: list[dict[str, str]] = []

    def exec_once(*_: object) -> None:
        seen.append(told())
        monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lambda: pytest.fail("listed again"))
        worker_command("study", home=home.root)

    def work(*_: object, **__: Any) -> int:
        if not seen:
            worker.start_anew("a test", study, worker.Stopper())
        seen.append(told())
        return 0

    monkeypatch.setattr(os, "execv", exec_once)
    monkeypatch.setattr("hpsearch.cli.worker.work", work)
    with pytest.raises(typer.Exit):
        worker_command("study", home=home.root)
    assert seen[0]["CUDA_VISIBLE_DEVICES"] == "GPU-0"
    assert seen[1] == seen[0]
