"""Memory: how much of the machine's is free for this process's workers, and what limits it."""

from dataclasses import dataclass
from pathlib import Path

import psutil

from hpsearch.workers.groups import own_groups, read
from hpsearch.workers.packing import gib


@dataclass(frozen=True, kw_only=True)
class Memory:
    """How much memory there is for the workers that this process starts."""

    free: int
    """Bytes, from 0."""
    why: str
    """What limits it, as part of a sentence."""


def free_memory() -> Memory:
    """Memory that this process and its workers may take still, before the system kills one.

    It is what the machine has free, cut by the limits of the control groups, the process's own
    and all above them, in version 2 (``memory.max``) and version 1 (``memory.limit_in_bytes``).
    """
    machine = psutil.virtual_memory().available
    rooms = [room for group in own_groups("memory") if (room := _room(group)) is not None]
    free, limit = min(rooms, default=(machine, 0))
    if free < machine:
        return Memory(free=free, why=f"the control group's limit is {gib(limit)}")
    return Memory(free=machine, why="all of the machine's free memory; no lower limit applies")


def _room(group: Path) -> tuple[int, int] | None:
    """Bytes that the processes of a control group may take still, and in all; None: no limit.

    Pages of files that were not used lately do not count as taken: the system drops them first.
    """
    version_2 = f"{read(group / 'memory.max')} {read(group / 'memory.current')}"
    version_1 = f"{read(group / 'memory.limit_in_bytes')} {read(group / 'memory.usage_in_bytes')}"
    try:
        limit, used = (int(number) for number in (version_2.strip() or version_1).split())
    except ValueError:  # "max", or no such files
        return None
    pairs = (line.split() for line in read(group / "memory.stat").splitlines())
    stat = {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}
    # In version 1 the plain one leaves out the groups below, whose use is counted all the same.
    unused = stat.get("total_inactive_file", stat.get("inactive_file", 0))
    return max(0, limit - max(0, used - unused)), limit
