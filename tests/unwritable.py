"""Folders that this process may not write, or not even look into, whoever it is."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_VERSION = 0x20080522
_WRITE, _READ = 1 << 1, 1 << 2
"""The capabilities by which root writes what its permissions forbid, and reads or searches it
(CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH in linux/capability.h)."""


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """Take the right to write a folder and all that is in it from this thread."""
    paths = [folder, *folder.rglob("*")]
    modes = [path.stat().st_mode for path in paths]
    for path, mode in zip(paths, modes, strict=True):
        path.chmod(mode & ~0o222)
    if os.geteuid() == 0:
        _override(_WRITE, allowed=False)
    try:
        assert not os.access(folder, os.W_OK, effective_ids=True)
        yield
    finally:
        if os.geteuid() == 0:
            _override(_WRITE, allowed=True)
        for path, mode in zip(paths, modes, strict=True):
            if path.exists():
                path.chmod(mode)


@contextmanager
def closed(folder: Path) -> Iterator[None]:
    """Take the right to look into a folder from this thread."""
    mode = folder.stat().st_mode
    folder.chmod(0)
    if os.geteuid() == 0:
        _override(_WRITE | _READ, allowed=False)
    try:
        assert not os.access(folder, os.X_OK, effective_ids=True)
        yield
    finally:
        if os.geteuid() == 0:
            _override(_WRITE | _READ, allowed=True)
        folder.chmod(mode)


def _override(rights: int, *, allowed: bool) -> None:
    """Give or take root's rights in this thread; it keeps the right to take them back."""
    library = ctypes.CDLL(None, use_errno=True)
    header, data = (ctypes.c_uint32 * 2)(_VERSION, 0), (ctypes.c_uint32 * 6)()
    assert library.capget(header, data) == 0
    data[0] = data[0] | rights if allowed else data[0] & ~rights
    assert library.capset(header, data) == 0
