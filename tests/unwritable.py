"""A folder that this process may read and not write, whoever it is."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_VERSION = 0x20080522
_DAC_OVERRIDE = 1 << 1
"""The capability by which root writes what its permissions forbid (linux/capability.h)."""


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """Take the right to write a folder and all that is in it from this thread."""
    paths = [folder, *folder.rglob("*")]
    modes = [path.stat().st_mode for path in paths]
    for path, mode in zip(paths, modes, strict=True):
        path.chmod(mode & ~0o222)
    if os.geteuid() == 0:
        _override(allowed=False)
    try:
        assert not os.access(folder, os.W_OK, effective_ids=True)
        yield
    finally:
        if os.geteuid() == 0:
            _override(allowed=True)
        for path, mode in zip(paths, modes, strict=True):
            if path.exists():
                path.chmod(mode)


def _override(*, allowed: bool) -> None:
    """Give or take root's right in this thread; it keeps the right to take it back."""
    library = ctypes.CDLL(None, use_errno=True)
    header, data = (ctypes.c_uint32 * 2)(_VERSION, 0), (ctypes.c_uint32 * 6)()
    assert library.capget(header, data) == 0
    data[0] = data[0] | _DAC_OVERRIDE if allowed else data[0] & ~_DAC_OVERRIDE
    assert library.capset(header, data) == 0
