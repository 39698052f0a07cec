"""Who runs a trial: the signature of a process, and whether that process is gone."""

import functools
import logging
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hpsearch import clock
from hpsearch.environment import ANY_DEVICE, DEVICE_VARIABLE, THREADS_VARIABLE
from hpsearch.search.attributes import DEVICE_KEY, PROCESS_KEY, THREADS_KEY, WORKER_KEY

_log = logging.getLogger(__name__)


def worker_name(pid: int) -> str:
    """What a trial's attribute ``worker`` says of the process ``pid`` of this machine."""
    return f"{socket.gethostname()}:{pid}"


def identity(pid: int | None = None) -> dict[str, Any]:
    """The attributes that say which process runs a trial.

    ``worker`` is "host:pid" and ``device`` what it trains on, for readers; ``process`` tells that
    process from others with its number. ``threads`` are TensorFlow's, where a number was set: sums
    of floating-point numbers depend on it.

    Args:
        pid: a process of this machine; None: this one.
    """
    pid = os.getpid() if pid is None else pid
    threads = os.environ.get(THREADS_VARIABLE, "")
    return {
        WORKER_KEY: worker_name(pid),
        PROCESS_KEY: {"place": _place(), "started": _started(pid)},
        DEVICE_KEY: device(),
        **({THREADS_KEY: int(threads)} if threads.isdecimal() else {}),
    }


def signature(attributes: Mapping[str, Any]) -> tuple[object, object]:
    """What tells the process that runs a trial from every other one, from the trial's attributes.

    It takes both: two processes may have started in the same tick of the clock.
    """
    return attributes.get(WORKER_KEY), attributes.get(PROCESS_KEY)


def device() -> str:
    """What this process trains on, in words: its slot's device, or what it may see of GPUs."""
    if named := os.environ.get(DEVICE_VARIABLE):
        return named
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return ANY_DEVICE
    return f"GPU {visible}" if visible not in ("", "-1") else "CPU"


def is_signed(attributes: Mapping[str, Any]) -> bool:
    """Whether a worker of hpsearch runs the trial that has these attributes."""
    return isinstance(attributes.get(PROCESS_KEY), dict)


def owner_is_gone(attributes: Mapping[str, Any]) -> bool:
    """Whether the process that runs a trial was one of this machine and is no longer there.

    Of other machines, and of containers whose processes cannot be seen from here, nothing is
    known: their trials are left alone. Where this machine cannot be told from others, no process
    is known to be one of it.

    Args:
        attributes: the trial's.
    """
    if not is_signed(attributes):
        return False
    process, place = attributes[PROCESS_KEY], _place()
    if place is None or process.get("place") != place:
        return False
    pid = int(str(attributes[WORKER_KEY]).rpartition(":")[2])
    if _started(pid) == process["started"]:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        # Another user's: where /proc hides those, nothing is known of it.
        return _started(pid) is not None
    return True  # another process has its number now, or it is a zombie


def is_here(attributes: Mapping[str, Any]) -> bool:
    """Whether the process that runs a trial is one of this machine, and is there.

    Args:
        attributes: the trial's.
    """
    place = _place()
    is_ours = is_signed(attributes) and attributes[PROCESS_KEY].get("place") == place
    return is_ours and place is not None and not owner_is_gone(attributes)


@functools.cache  # asked of every trial that runs
def _place() -> str | None:
    """The present start of this machine, and the namespace that process ids belong to in it.

    None where the system does not tell, which is said once: leases decide then who is dead.
    """
    try:
        boot = clock.BOOT_ID.read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        _log.warning(
            "%s cannot be read (%s): this machine cannot be told from others, so that"
            " trials of workers that die here resume, and their studies can be deleted, only some"
            " minutes later; make /proc readable here",
            clock.BOOT_ID,
            why,
        )
        return None


def _started(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None where there is no such process.

    Not as a time of day: corrections of the clock would change it. A zombie counts as gone.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The second field, the name, may hold spaces and brackets; the third is the state.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else int(fields[19])
