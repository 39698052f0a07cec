"""Cores: how many of the machine's this process may use, and what limits them."""

import os
from dataclasses import dataclass
from pathlib import Path

from hpsearch.workers.groups import own_groups, read


@dataclass(frozen=True, kw_only=True)
class Cores:
    """How many cores there are for this process and the workers that it starts."""

    count: int
    """At least 1."""
    why: str
    """How they were counted, as part of a sentence."""


def available_cores() -> Cores:
    """Cores that this process may use: its affinity, cut by the quotas of its control groups.

    Quotas are those of version 2 (``cpu.max``) and of version 1 (``cpu.cfs_quota_us``), of the
    process's own groups and of all above them. Parts of a core are rounded down, but to 1 at least.
    """
    machine, allowed = os.cpu_count() or 1, len(os.sched_getaffinity(0))
    quotas = [quota for group in own_groups("cpu") if (quota := _quota(group)) is not None]
    if quotas and min(quotas) < allowed:
        count = max(1, int(min(quotas)))
        return Cores(count=count, why=f"the control group's quota is {min(quotas):g} cores")
    if allowed < machine:
        return Cores(count=allowed, why=f"of the machine's {machine} by this process's affinity")
    return Cores(count=allowed, why="all of the machine's; no quota or affinity limits them")


def _quota(group: Path) -> float | None:
    """Cores that the processes of a control group may use at once; None: it sets no limit."""
    version_2 = read(group / "cpu.max")
    version_1 = read(group / "cpu.cfs_quota_us") + " " + read(group / "cpu.cfs_period_us")
    try:
        quota, period = (int(number) for number in (version_2 or version_1).split())
    except ValueError:  # "max", or no such files
        return None
    return quota / period if quota > 0 and period > 0 else None  # -1: no limit
