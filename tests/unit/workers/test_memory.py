"""Free memory, with the system's files replaced."""

from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from hpsearch.workers import groups
from hpsearch.workers.memory import free_memory
from hpsearch.workers.slots import make_slots

GIB = 2**30
NO_LIMIT = 9223372036854771712
"""What version 1 says where nothing limits a group."""


class Free(NamedTuple):
    """As psutil's."""

    available: int


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with 96 GiB free; its control groups' folder."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Free(96 * GIB))
    monkeypatch.setattr(groups, "_CGROUPS", tmp_path)
    monkeypatch.setattr(groups, "_OWN_GROUPS", tmp_path / "own")
    return tmp_path


def version_1(group: Path, limit: int, used: int, stat: str = "") -> None:
    group.mkdir(parents=True, exist_ok=True)
    (group / "memory.limit_in_bytes").write_text(f"{limit}\n")
    (group / "memory.usage_in_bytes").write_text(f"{used}\n")
    (group / "memory.stat").write_text(stat)


def version_2(group: Path, limit: int | str, used: int, stat: str = "") -> None:
    group.mkdir(parents=True, exist_ok=True)
    (group / "memory.max").write_text(f"{limit}\n")
    (group / "memory.current").write_text(f"{used}\n")
    (group / "memory.stat").write_text(stat)


def free() -> float:
    """In GiB."""
    return free_memory().free / GIB


@pytest.mark.parametrize(
    ("limit", "used", "stat", "left"),
    [
        (8 * GIB, 3 * GIB, "", 5),
        (8 * GIB, 3 * GIB, f"anon 1\ninactive_file {2 * GIB}\nactive_file 5\n", 7),
        (8 * GIB, 9 * GIB, "", 0),  # the limit was lowered
        (8 * GIB, 2 * GIB, f"inactive_file {3 * GIB}\n", 8),  # read a moment later
        (200 * GIB, 3 * GIB, "", 96),
        ("max", 3 * GIB, "", 96),
    ],
)
def test_a_limit_of_version_2(
    system: Path, limit: int | str, used: int, stat: str, left: int
) -> None:
    version_2(system, limit, used, stat)
    assert free() == left


@pytest.mark.parametrize(
    ("limit", "used", "stat", "left"),
    [
        (8 * GIB, 3 * GIB, "", 5),
        (8 * GIB, 3 * GIB, f"inactive_file 0\ntotal_inactive_file {GIB}\n", 6),
        (NO_LIMIT, 3 * GIB, "", 96),
    ],
)
def test_a_limit_of_version_1(system: Path, limit: int, used: int, stat: str, left: int) -> None:
    version_1(system / "memory", limit, used, stat)
    assert free() == left


def test_files_that_cannot_be_read_set_no_limit(system: Path) -> None:
    assert free() == 96
    (system / "memory.max").write_text(f"{GIB}")  # and nothing of what is used
    assert free() == 96


def test_the_least_room_above_the_process_counts(system: Path) -> None:
    (system / "own").write_text("4:cpu,cpuacct:/x\n3:memory:/batch/job\n0::/user.slice/shell\n")
    version_1(system / "memory" / "batch", 64 * GIB, 30 * GIB)
    version_1(system / "memory" / "batch" / "job", NO_LIMIT, GIB)
    assert free() == 34
    version_2(system / "user.slice" / "shell", 40 * GIB, GIB)
    assert free() == 34
    version_2(system / "user.slice", 40 * GIB, 30 * GIB)  # a neighbour takes most of it
    assert free() == 10
    version_1(system / "memory" / "x", GIB, GIB)  # not above this process
    assert free() == 10


def test_what_limits_it_is_said(system: Path) -> None:
    assert free_memory().why == "all of the machine's free memory; no lower limit applies"
    version_2(system, 4 * GIB, GIB)
    assert free_memory().why == "the control group's limit is 4.0 GiB"


def test_no_more_workers_than_the_container_holds(system: Path) -> None:
    assert len(make_slots([], cores=64).slots) == 64
    version_2(system, 4 * GIB, GIB)
    plan = make_slots([], cores=64)
    assert len(plan.slots) == 2
    assert plan.why[0] == (
        "Memory is free for 2 workers: 3.0 GiB (the control group's limit is 4.0 GiB), 1.5 GiB for"
        " each."
    )
