"""Sharing a device: its workers use it together, but one may ask to have it alone for a trial.

A lock of the system that all workers of a data home on this machine share, for each device. The
one who wants the device alone says so in a second lock: the others see that between two trials,
start anew, which gives the device's memory back, and wait. Locks end with their process.
"""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

from hpsearch.errors import UnreachableError
from hpsearch.home import Home

_LOOK = 0.1
"""Seconds between two tries to get a lock."""


def device_key() -> str:
    """The device that this process may see, as part of a file's name."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
    name = "".join(c if c.isalnum() or c == "-" else "_" for c in visible)
    return "cpu" if name in ("", "-1") else f"gpu-{name}"


class Device:
    """A process's part in the use of a device; one for the life of the process."""

    def __init__(self, home: Home, key: str) -> None:
        """Open the device's lock files.

        Args:
            home: whose workers share the device.
            key: the device, from :func:`device_key`.

        Raises:
            UnreachableError: the files cannot be written.
        """
        self._used = _open(home.locks / f"{key}.used")
        self._wanted = _open(home.locks / f"{key}.wanted")

    def share(self, stopped: Callable[[], bool]) -> bool:
        """Use the device together with others, once nobody wants it alone.

        Returns:
            False where ``stopped`` came first; it is asked while waiting.
        """
        if not _wait(self._wanted, fcntl.LOCK_SH, stopped):
            return False
        try:
            return _wait(self._used, fcntl.LOCK_SH, stopped)
        finally:
            fcntl.flock(self._wanted, fcntl.LOCK_UN)

    def take(self, stopped: Callable[[], bool]) -> bool:
        """Have the device alone, once the others have left it.

        Returns:
            False where ``stopped`` came first; it is asked while waiting.
        """
        return _wait(self._wanted, fcntl.LOCK_EX, stopped) and _wait(
            self._used, fcntl.LOCK_EX, stopped
        )

    @property
    def is_wanted(self) -> bool:
        """Whether somebody wants the device alone, or has it."""
        if not _try(self._wanted, fcntl.LOCK_SH):
            return True
        fcntl.flock(self._wanted, fcntl.LOCK_UN)
        return False

    def close(self) -> None:
        """Leave the device to others."""
        os.close(self._used)
        os.close(self._wanted)


class Turn:
    """What one process of a data home on this machine does at a time."""

    def __init__(self, home: Home, name: str) -> None:
        """Open the lock's file.

        Args:
            home: whose processes take turns.
            name: of what they do.

        Raises:
            UnreachableError: the file cannot be written.
        """
        self._file = _open(home.locks / name)

    def take(self, stopped: Callable[[], bool]) -> bool:
        """Wait for the turn, which lasts until :meth:`close`.

        Returns:
            False where ``stopped`` came first; it is asked while waiting.
        """
        return _wait(self._file, fcntl.LOCK_EX, stopped)

    def close(self) -> None:
        """End the turn."""
        os.close(self._file)


def _open(path: Path) -> int:
    """A lock file; it is never removed, or two processes could each hold a lock of that name."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(path, flags, 0o644)
    except OSError as error:
        raise UnreachableError(
            f"{path}: cannot be written: {error.strerror}; check permissions and space"
        ) from None


def _try(file: int, kind: int) -> bool:
    """Take a lock, or not."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(file: int, kind: int, stopped: Callable[[], bool]) -> bool:
    """Take a lock when it is free; False where ``stopped`` came first."""
    while not _try(file, kind):
        if stopped():
            return False
        time.sleep(_LOOK)
    return True
