"""What doctor says of a machine, with simulated GPUs; and that run starts what doctor says."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynvml
import pytest
from simulated_gpus import GIB, Device, Refusal, instance, simulate, split

from hpsearch.cli.doctor import doctor
from hpsearch.cli.live import LiveScreen
from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.search.study import OpenStudy
from hpsearch.services import doctor as service
from hpsearch.services import plans
from hpsearch.services.data import opened_data
from hpsearch.services.plans import planned_workers
from hpsearch.services.progress import Silent
from hpsearch.services.search import Settings, _left, search
from hpsearch.services.workspace import Workspace
from hpsearch.workers import memory as memory_module
from hpsearch.workers.cores import Cores
from hpsearch.workers.gpus import list_gpus
from hpsearch.workers.memory import Memory
from hpsearch.workers.packing import study_load

STUDY = """\
name = "study"
[dataset]
source = "digits"
[budget]
trials = 10
[workers]
per_gpu = {per_gpu}
[space]
units = {{ type = "int", low = 16, high = 64 }}
"""
MACHINE = [
    Device("GPU-0", "NVIDIA T4", 16 * GIB),
    split("GPU-1", instance("MIG-a"), Refusal(pynvml.NVML_ERROR_NO_PERMISSION)),
    Refusal(pynvml.NVML_ERROR_GPU_IS_LOST),
]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen cores, 3 GiB of memory, a T4, and an A100 in MIG mode."""
    simulate(monkeypatch, MACHINE)
    sixteen = Cores(count=16, why="all of them")
    for module in (service, plans):
        monkeypatch.setattr(module, "available_cores", lambda: sixteen)
    memory = Memory(free=3 * GIB, why="the control group's limit is 4.0 GiB")
    for module in (service, memory_module):
        monkeypatch.setattr(module, "free_memory", lambda: memory)


@pytest.fixture
def study_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a study file."""

    def write(per_gpu: str = '"auto"') -> Path:
        file = tmp_path / "study.toml"
        file.write_text(STUDY.format(per_gpu=per_gpu))
        return file

    return write


def told(capsys: pytest.CaptureFixture[str], home: Home, **options: Any) -> dict[str, Any]:
    """What ``doctor --json`` prints."""
    capsys.readouterr()
    doctor(home=home.root, as_json=True, **options)
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return facts


@pytest.mark.usefixtures("machine")
def test_gpus_are_shown_with_what_is_wrong(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    doctor(home=home.root)
    shown = capsys.readouterr().out
    assert "gpus      0: NVIDIA T4, 16.0 GiB, GPU-0\n" in shown
    assert "1:0: NVIDIA A100-SXM4-40GB MIG 3g.20gb, 20.0 GiB, MIG-a\n" in shown
    assert "warning: GPU 1:1 is left out: the driver reports 'Insufficient Permissions'" in shown
    assert "warning: GPU 2 is left out: the driver reports 'GPU is lost'" in shown
    assert "cores     16: all of them\n" in shown
    assert "memory    3.0 GiB free: the control group's limit is 4.0 GiB\n" in shown
    assert "workers   run would start 2 workers: 1 on GPU 0 (T4), 1 on GPU 1:0 (A100" in shown
    assert "name a study to see" in shown


def test_a_machine_without_gpus(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", fail)
    facts = told(capsys, home)
    assert facts["gpus"] == facts["gpu_warnings"] == []
    assert facts["gpu_notes"] == ["no NVIDIA driver is in use here (NVML Shared Library Not Found)"]
    assert {slot["device"] for slot in facts["slots"]} == {"CPU"}


@pytest.mark.usefixtures("machine")
def test_a_study_shows_its_own_plan(
    home: Home, capsys: pytest.CaptureFixture[str], study_file: Callable[..., Path]
) -> None:
    facts = told(capsys, home, file=study_file())
    assert facts["free_memory"] == 3 * GIB
    assert facts["free_memory_why"] == "the control group's limit is 4.0 GiB"
    assert facts["gpus"][1] == {
        "index": 1,
        "instance": 0,
        "uuid": "MIG-a",
        "name": "NVIDIA A100-SXM4-40GB MIG 3g.20gb",
        "memory": 20 * GIB,
    }
    assert facts["workers"] == len(facts["slots"]) == 8
    assert facts["threads_per_worker"] == 2
    assert facts["slots"][0] == {"device": "GPU 0 (T4)", "threads": 2, "gpu_memory_mib": 2867}
    assert "the largest model of the space" in facts["slots_why"][0]
    again = told(capsys, home, file=study_file(per_gpu="2"))
    assert again["slots_why"][0] == "2 on each GPU, as asked for."
    assert again["workers"] == 4
    fewer = told(capsys, home, file=study_file(), overrides=["budget.trials=3"])
    assert fewer["workers"] == 3


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("per_gpu", ["auto", 2])
def test_run_starts_what_doctor_shows(
    home: Home,
    capsys: pytest.CaptureFixture[str],
    study_file: Callable[..., Path],
    open_study: Callable[..., OpenStudy],
    per_gpu: Any,
) -> None:
    units = {"type": "int", "low": 16, "high": 64}
    study = open_study(workers={"per_gpu": per_gpu}, space={"units": units})
    dataset, parts = opened_data(study.file.dataset, home, Silent())
    load = study_load(study.file, parts, dataset.private_bytes)
    plan = planned_workers(study.file, list_gpus().gpus, load, _left(study))
    facts = told(capsys, home, file=study_file(per_gpu=json.dumps(per_gpu)))
    assert facts["slots_why"] == list(plan.why)
    assert [(s["device"], s["threads"], s["gpu_memory_mib"]) for s in facts["slots"]] == [
        (s.device, s.threads, s.memory_limit) for s in plan.slots
    ]


@pytest.mark.usefixtures("machine")
def test_run_refuses_impossible_workers_before_anything_is_written(
    tmp_path: Path, study_file: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    place, file = Home(tmp_path / "new"), study_file(per_gpu="16")
    settings = Settings(gpus="0", overrides=["budget.trials=50"])
    with pytest.raises(InputError, match=r"16 workers on GPU 0 \(T4\): its 16.0 GiB leave nothing"):
        search(file, settings, Workspace(home=place), LiveScreen())
    assert not place.database.exists()
    assert "warning: GPU 2 is left out: the driver reports 'GPU is lost'" in capsys.readouterr().err


def test_the_disk_that_runs_take(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, home)["runs"] == {
        "studies": 0,
        "bytes": 0,
        "weights_bytes": 0,
        "checkpoint_bytes": 0,
    }
    for name, count in {
        "a/trial-00000/best.weights.h5": 3000,
        "a/trial-00000/curves.csv": 50,
        "a/trial-00001/checkpoint.npz": 700,
        "b/trial-00000/checkpoint.previous.npz": 600,
        "b/trial-00000/tensorboard/best.weights.h5.txt": 5,
    }.items():
        file = home.runs / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(count))
    (home.runs / "b" / "gone").symlink_to("nowhere")  # as a file that is removed meanwhile
    assert told(capsys, home)["runs"] == {
        "studies": 2,
        "bytes": 4355,
        "weights_bytes": 3000,
        "checkpoint_bytes": 1300,
    }
    doctor(home=home.root)
    line = "runs      4.4 kB in 2 studies: weights 3.0 kB, checkpoints 1.3 kB\n"
    assert line in capsys.readouterr().out
