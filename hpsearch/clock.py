"""A clock of this machine that goes on evenly, whatever the time of day is set to."""

import functools
import secrets
import time
from pathlib import Path
from typing import NamedTuple

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""Tells each start of a machine from every other one, of whichever machine."""


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
    """The present start of this machine, and the namespace that its clock belongs to.

    Where the system does not tell, marks can be compared with those of this process only.
    """
    try:
        boot = BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return secrets.token_hex(8)
    space = Path("/proc/self/ns/time")  # since Linux 5.6
    return f"{boot[:13]}/{space.readlink()}" if space.is_symlink() else boot[:13]
