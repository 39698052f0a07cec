"""The list of GPUs, with NVML's functions replaced, and the choice from it."""

from typing import Any

import pynvml
import pytest
from simulated_gpus import GIB, Device, Refusal, instance, simulate, split

from hpsearch.errors import InputError
from hpsearch.workers.gpus import Gpu, choose_gpus, list_gpus

UUIDS = ("GPU-aaaa1111-0000", "GPU-aaaa2222-0000", "GPU-bbbb0000-0000")
THREE = [Device(uuid, f"Test {i}", (i + 1) * GIB) for i, uuid in enumerate(UUIDS)]
EMPTY = Refusal(pynvml.NVML_ERROR_NOT_FOUND)
FORBIDDEN = Refusal(pynvml.NVML_ERROR_NO_PERMISSION)
LOST = Refusal(pynvml.NVML_ERROR_GPU_IS_LOST)
MIXED = [
    split(UUIDS[0], instance("MIG-1111"), EMPTY, instance("MIG-1122", "1g.5gb", 5 * GIB)),
    Device(UUIDS[1], "NVIDIA A100-SXM4-40GB", 40 * GIB),
]


def gpu(index: int) -> Gpu:
    return Gpu(index=index, uuid=UUIDS[index], name=f"Test {index}", memory=(index + 1) * GIB)


def places() -> list[str]:
    return [found.place for found in list_gpus().gpus]


def test_the_drivers_list_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = simulate(monkeypatch, THREE)
    found = list_gpus()
    assert found.gpus == (gpu(0), gpu(1), gpu(2))
    assert found.notes == found.warnings == ()
    assert calls == ["init", "shutdown"]


def test_a_gpu_in_mig_mode_is_listed_as_its_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    simulate(monkeypatch, MIXED)
    first, second, whole = list_gpus().gpus
    assert (first.place, first.uuid, first.memory) == ("0:0", "MIG-1111", 20 * GIB)
    assert (second.place, second.uuid, second.memory) == ("0:2", "MIG-1122", 5 * GIB)
    assert (whole.place, whole.uuid, whole.memory) == ("1", UUIDS[1], 40 * GIB)
    assert second.title == "GPU 0:2 (A100-SXM4-40GB MIG 1g.5gb)"
    assert [found.card for found in (first, second, whole)] == [UUIDS[0], UUIDS[0], UUIDS[1]]


@pytest.mark.parametrize("mode", [[0, 1], Refusal(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)])
def test_a_gpu_that_is_not_in_mig_mode_yet_is_whole(
    monkeypatch: pytest.MonkeyPatch, mode: Any
) -> None:
    simulate(monkeypatch, [Device(UUIDS[0], mig=mode, instances=[instance("MIG-1")])])
    assert places() == ["0"]


@pytest.mark.parametrize("instances", [[], [EMPTY, EMPTY], [FORBIDDEN]])
def test_mig_mode_without_a_usable_instance_is_said(
    monkeypatch: pytest.MonkeyPatch, instances: list[Refusal]
) -> None:
    simulate(monkeypatch, [split(UUIDS[0], *instances), THREE[1]])
    found = list_gpus()
    assert [one.place for one in found.gpus] == ["1"]
    assert "GPU 0 (NVIDIA A100-SXM4-40GB) is left out: it is in MIG mode" in found.warnings[-1]


def test_an_instance_that_is_forbidden_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    simulate(monkeypatch, [split(UUIDS[0], FORBIDDEN, instance("MIG-1"))])
    found = list_gpus()
    assert [one.place for one in found.gpus] == ["0:1"]
    (warning,) = found.warnings
    assert warning.startswith("GPU 0:0 is left out: the driver reports 'Insufficient Permissions'")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, "notes"),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, "notes"),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, "warnings"),
        (pynvml.NVML_ERROR_NO_PERMISSION, "warnings"),
        (pynvml.NVML_ERROR_UNKNOWN, "warnings"),
    ],
)
def test_without_a_driver_that_answers_there_is_no_gpu(
    monkeypatch: pytest.MonkeyPatch, code: int, said: str
) -> None:
    def fail() -> None:
        raise pynvml.NVMLError(code)

    monkeypatch.setattr(pynvml, "nvmlInit", fail)
    found = list_gpus()
    assert found.gpus == ()
    (reason,) = getattr(found, said)
    assert str(pynvml.NVMLError(code)) in reason
    assert len(found.notes + found.warnings) == 1


def test_a_driver_that_goes_away_while_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = simulate(monkeypatch, Refusal(pynvml.NVML_ERROR_UNINITIALIZED))
    found = list_gpus()
    assert found.gpus == ()
    assert found.warnings == (
        "the NVIDIA driver lists no GPUs: Uninitialized; see what nvidia-smi says",
    )
    assert calls == ["init", "shutdown"]

    def fail() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_UNINITIALIZED)

    simulate(monkeypatch, THREE[:1])
    monkeypatch.setattr(pynvml, "nvmlShutdown", fail)
    assert places() == ["0"]


@pytest.mark.parametrize(
    "broken",
    [
        LOST,
        Device(LOST),
        Device(UUIDS[1], name=LOST),
        Device(UUIDS[1], memory=LOST),
        Device(UUIDS[1], mig=LOST),
    ],
)
def test_a_lost_gpu_leaves_the_others(monkeypatch: pytest.MonkeyPatch, broken: Any) -> None:
    simulate(monkeypatch, [THREE[0], broken, THREE[2]])
    found = list_gpus()
    assert found.gpus == (gpu(0), gpu(2))
    assert found.warnings == ("GPU 1 is left out: the driver reports 'GPU is lost'",)


def test_memory_that_is_shared_with_the_machine_is_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused = Refusal(pynvml.NVML_ERROR_NOT_SUPPORTED)
    simulate(monkeypatch, [Device(UUIDS[0], "NVIDIA GB10", refused)])
    (found,) = list_gpus().gpus
    assert found.memory == 0
    assert list_gpus().warnings == ()


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
        ("0,-1,1", [0]),
        ("1,7,0", [1]),  # as CUDA reads it: nothing after an unknown one
        ("0,0", [0]),
        ("NoDevFiles", []),
        ("MIG-1", []),
    ],
)
def test_what_cuda_may_not_see_is_not_there(
    monkeypatch: pytest.MonkeyPatch, visible: str, seen: list[int]
) -> None:
    simulate(monkeypatch, THREE)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    found = list_gpus()
    assert [one.index for one in found.gpus] == seen
    hidden = ", ".join(str(index) for index in range(3) if index not in seen)
    assert found.notes == (f"CUDA_VISIBLE_DEVICES={visible} hides GPU {hidden}",)


@pytest.mark.parametrize(
    ("visible", "seen"),
    [
        ("0", ["0:0", "0:2"]),  # a worker each
        ("1,0", ["1", "0:0", "0:2"]),
        ("MIG-1122,MIG-1111", ["0:2", "0:0"]),
        ("MIG-112", ["0:2"]),
        ("MIG-11", []),  # of two
        (UUIDS[0], ["0:0", "0:2"]),
        ("0:2", []),  # no name for CUDA
        ("MIG-1111,1", ["0:0", "1"]),
    ],
)
def test_an_outer_choice_among_instances(
    monkeypatch: pytest.MonkeyPatch, visible: str, seen: list[str]
) -> None:
    simulate(monkeypatch, MIXED)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert places() == seen


@pytest.mark.parametrize(
    ("visible", "order", "devices", "doubtful"),
    [
        ("0", None, THREE, True),
        ("0", "FASTEST_FIRST", THREE, True),
        (f"{UUIDS[0]},1", None, THREE, True),
        ("0", "PCI_BUS_ID", THREE, False),
        (UUIDS[0], None, THREE, False),
        ("-1", None, THREE, False),
        ("0", None, MIXED, False),  # all of one model
        ("0", None, THREE[:1], False),
        (None, None, THREE, False),
    ],
)
def test_an_order_that_is_not_certain_is_said(
    monkeypatch: pytest.MonkeyPatch,
    *,
    visible: str | None,
    order: str | None,
    devices: list[Device],
    doubtful: bool,
) -> None:
    simulate(monkeypatch, devices)
    for name, value in (("CUDA_VISIBLE_DEVICES", visible), ("CUDA_DEVICE_ORDER", order)):
        if value is not None:
            monkeypatch.setenv(name, value)
    warnings = list_gpus().warnings
    assert any("CUDA_DEVICE_ORDER=PCI_BUS_ID" in text for text in warnings) == doubtful
    assert len(warnings) == doubtful


def test_gpus_are_chosen_by_index_or_uuid() -> None:
    every = [gpu(0), gpu(1), gpu(2)]
    assert choose_gpus("all", every) == every
    assert choose_gpus("all", []) == []
    assert choose_gpus("none", every) == []
    assert choose_gpus(f"2, {UUIDS[0]}", every) == [gpu(2), gpu(0)]
    assert choose_gpus("1,1", every) == [gpu(1)]
    assert choose_gpus("GPU-b", every) == [gpu(2)]


@pytest.mark.parametrize(
    ("option", "chosen"),
    [
        ("0", ["0:0", "0:2"]),
        ("0:2", ["0:2"]),
        ("0:2,0", ["0:2", "0:0"]),
        ("MIG-1122", ["0:2"]),
        (f"1,{UUIDS[0]}", ["1", "0:0", "0:2"]),
    ],
)
def test_mig_instances_are_chosen(
    monkeypatch: pytest.MonkeyPatch, option: str, chosen: list[str]
) -> None:
    simulate(monkeypatch, MIXED)
    assert [one.place for one in choose_gpus(option, list_gpus().gpus)] == chosen


@pytest.mark.parametrize("option", ["7", "0,7", "", "x", "0-1", "0:1", "-1", "GPU-b", "MIG-"])
def test_a_gpu_that_is_not_there_is_wrong_input(
    monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with pytest.raises(InputError) as caught:
        choose_gpus(option, [gpu(0), gpu(1)])
    assert f"--gpus {option.rpartition(',')[2]}: no such GPU; this machine has: 0 (Test 0," in str(
        caught.value
    )
    assert f"1 (Test 1, {UUIDS[1]})" in str(caught.value)
    with pytest.raises(InputError, match="this machine has: none"):
        choose_gpus(option, [])


@pytest.mark.parametrize("option", ["GPU-", "GPU-aaaa"])
def test_a_beginning_of_several_uuids_is_wrong_input(option: str) -> None:
    with pytest.raises(InputError, match=f"--gpus {option}: matches several GPUs; write more of"):
        choose_gpus(option, [gpu(0), gpu(1)])


def test_what_is_hidden_cannot_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    simulate(monkeypatch, THREE)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f"{UUIDS[1]},{UUIDS[2]}")
    visible = list_gpus().gpus
    assert choose_gpus("2", visible) == [gpu(2)]  # nvidia-smi's number, not the visible ones'
    with pytest.raises(
        InputError, match=r"--gpus 0: no such GPU; .*CUDA_VISIBLE_DEVICES=GPU-aaaa2"
    ):
        choose_gpus("0", visible)
