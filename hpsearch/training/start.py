"""Starting TensorFlow: once in a process, without its chatter; imports it only when called."""

import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CHATTER = ("I0000", "WARNING: All log messages before absl::InitializeLog()")
"""How lines begin that TensorFlow writes on every start, whatever its log level is set to."""

_GPU_DEVICES = ("/dev/nvidiactl", "/dev/dxg")
"""Where NVIDIA's driver is reached, on Linux and in WSL."""


_UNUSED = ("matplotlib", "sklearn")
"""What Keras imports where it is there, for wrappers and pictures that nobody asks for here. It is
a third of the import's time, and 65 MB of memory."""


def start_tensorflow(threads: int | None = None, gpu_memory: int | None = None) -> None:
    """Import TensorFlow (some seconds) and settle threads, memory and determinism.

    Args:
        threads: cores that one operation may use, from 1; None: all of the machine's.
        gpu_memory: MiB of the GPU that TensorFlow may take, from 1; None: as much as it needs.
    """
    with imported_quietly():
        from hpsearch.training import devices  # noqa: PLC0415  # this is what takes seconds

        devices.set_up(threads, gpu_memory=gpu_memory)


@contextmanager
def imported_quietly() -> Iterator[None]:
    """Have TensorFlow imported in the block as training needs it, and quicker than by itself."""
    with _without_chatter(), without_unused(), _without_settings(), _without_collection():
        yield


@contextmanager
def without_unused() -> Iterator[None]:
    """While Keras is imported in the block, keep it from what nobody asks for here."""
    hidden = [name for name in _UNUSED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: it is not found
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def _without_settings() -> Iterator[None]:
    """While Keras is imported in the block, keep the user's keras.json from it.

    It may say channels_first, or float16, or be damaged. Where there can be no folder Keras takes
    its own defaults, and writes none.
    """
    home = os.environ.get("KERAS_HOME")
    os.environ["KERAS_HOME"] = os.devnull
    try:
        yield
    finally:
        del os.environ["KERAS_HOME"]
        if home is not None:
            os.environ["KERAS_HOME"] = home


@contextmanager
def _without_collection() -> Iterator[None]:
    """Collect no cycles while the block runs.

    Imports make half a million objects that stay, and Python looks at them again and again: a sixth
    of the time that TensorFlow takes to start (https://docs.python.org/3/library/gc.html).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Hold back what the block writes to standard error, then pass on what is worth reading.

    The lines come from C++ before any logging can be configured, so the descriptor itself is
    turned aside.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            held.seek(0)
            for line in held.read().decode("utf-8", "replace").splitlines():
                if _is_worth_reading(line):
                    sys.stderr.write(line + "\n")


def _is_worth_reading(line: str) -> bool:
    """Whether a line of TensorFlow's says something of this machine that matters."""
    if not line.strip() or line.startswith(_CHATTER):
        return False
    # Where there is no GPU, that its library cannot be reached is no error.
    has_gpu = any(Path(device).exists() for device in _GPU_DEVICES)
    return has_gpu or "failed call to cuInit" not in line
