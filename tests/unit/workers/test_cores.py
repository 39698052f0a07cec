"""Cores, with the system's files replaced."""

import os
from pathlib import Path

import pytest

from hpsearch.workers import groups
from hpsearch.workers.cores import available_cores


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine of eight cores, four of which this process may use; its control groups' folder."""
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 4, 6})
    monkeypatch.setattr(groups, "_CGROUPS", tmp_path)
    monkeypatch.setattr(groups, "_OWN_GROUPS", tmp_path / "own")
    return tmp_path


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.mark.parametrize(
    ("quota", "count"),
    [
        ("max 100000", 4),
        ("200000 100000\n", 2),
        ("250000 100000", 2),
        ("50000 100000", 1),
        ("900000 100000", 4),
        ("", 4),
        (None, 4),
    ],
)
def test_a_quota_of_version_2(system: Path, quota: str | None, count: int) -> None:
    if quota is not None:
        write(system / "cpu.max", quota)
    assert available_cores().count == count


@pytest.mark.parametrize(
    ("quota", "count"), [("-1", 4), ("300000\n", 3), ("150000", 1), ("10000", 1)]
)
def test_a_quota_of_version_1(system: Path, quota: str, count: int) -> None:
    write(system / "cpu" / "cpu.cfs_quota_us", quota)
    write(system / "cpu" / "cpu.cfs_period_us", "100000\n")
    assert available_cores().count == count


def test_the_least_quota_above_the_process_counts(system: Path) -> None:
    write(system / "own", "12:pids:/x\n4:cpu,cpuacct:/batch/job\n0::/user.slice/shell\n")
    write(system / "cpu" / "batch" / "cpu.cfs_quota_us", "300000")
    write(system / "cpu" / "batch" / "cpu.cfs_period_us", "100000")
    assert available_cores().count == 3
    write(system / "user.slice" / "shell" / "cpu.max", "200000 100000")
    assert available_cores().count == 2
    write(system / "user.slice" / "cpu.max", "100000 100000")
    assert available_cores().count == 1
    write(system / "x" / "cpu.max", "1 100000")  # not above this process
    write(system / "own", "0::/\n")
    assert available_cores().count == 4


def test_how_they_were_counted_is_said(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert available_cores().why == "of the machine's 8 by this process's affinity"
    write(system / "cpu.max", "250000 100000")
    assert available_cores().why == "the control group's quota is 2.5 cores"
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    write(system / "cpu.max", "max 100000")
    assert available_cores().why.startswith("all of the machine's")
