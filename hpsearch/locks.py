"""The system's locks on files and folders themselves, which leave no lock file behind."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[int | None]:
    """Hold the system's lock on a file or folder while the block runs, once others let it go.

    The lock ends with its process. Where the path cannot be read or its file system has no locks
    the block runs without one.

    Args:
        path: a file or folder that is there.
        shared: together with others who share it.

    Yields:
        The open file; None: it cannot be read.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


def is_held_by_others(path: Path, file: int | None) -> bool:
    """Whether others hold the lock of a file that this process shares, or it is another file now.

    Args:
        path: of the file.
        file: as :func:`locked` gave it.
    """
    if file is None:
        return True
    try:
        if not os.path.samestat(os.fstat(file), path.stat()):
            return True
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, FileNotFoundError):
        return True
    except OSError:
        return False  # no locks here
    return False
