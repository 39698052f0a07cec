"""A clock of this machine that goes on evenly, whatever the time of day is set to."""

import functools
import time
from pathlib import Path
from typing import NamedTuple


class Mark(NamedTuple):
    """A moment of a machine. As JSON it is an array of both."""

    boot: str
    """The start of the machine since which is counted: marks of others cannot be compared."""
    seconds: float
    """Since that start, times of sleep among them."""


def mark(ago: float = 0.0) -> Mark:
    """The present moment, or the one so many seconds ago."""
    return Mark(_boot(), round(time.clock_gettime(time.CLOCK_BOOTTIME) - ago, 3))


@functools.cache
def _boot() -> str:
    """The present start of this machine, and the namespace that its clock belongs to."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    space = Path("/proc/self/ns/time")  # since Linux 5.6
    return f"{boot[:13]}/{space.readlink()}" if space.is_symlink() else boot[:13]
