"""Leaving a loop that is not ours: a thread raises an exception in the one that trains."""

import contextlib
import ctypes
import threading
import time
from collections.abc import Callable, Iterator

from hpsearch.training.callbacks import Guard

PATIENCE = 10.0
"""Seconds that an interruption waits for the end of an epoch, which a checkpoint can be of; and
that may lie between two checkpoints."""

_POLL = 0.25
"""Seconds from one look at clock and watch to the next."""
_AGAIN = 10.0
"""Seconds that a loop has to end in, with what it closes, before it is told once more."""


class StopTraining(BaseException):
    """Leaves a loop of the user's where training has to end; ``except Exception`` lets it pass."""


class Interrupter:
    """A thread that raises :class:`StopTraining` in the one that made it, where training must end.

    By ``PyThreadState_SetAsyncExc``, as there is no other way into a loop that is not ours; it
    comes when Python's next instruction does.

    Attributes:
        is_over: whether training has ended, and the loop was told so.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self.is_over = False
        self._again = 0.0
        """When the loop may be told (again)."""
        self._trains = threading.get_ident()
        self._lock = threading.Lock()
        self._is_paused = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="own-fit")

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def told(self) -> None:
        """Note that the loop is told by another."""
        self.is_over, self._again = True, time.monotonic() + _AGAIN

    def end(self) -> None:
        """Raise nothing from here on."""
        with self._lock:
            self._is_paused = True
            self._raise(None)
        self._over.set()
        self._thread.join()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """While the block runs nothing is raised."""
        with self._lock:
            self._is_paused = True
            self._raise(None)  # what has not arrived yet
        try:
            yield
        finally:
            self._is_paused = False

    def _watch(self) -> None:
        since: float | None = None
        while not self._over.wait(_POLL):
            now = time.monotonic()
            if since is None and self._guard.is_interrupted:
                since = now
            with self._lock:
                if self._is_paused or now < self._again:
                    continue
                is_late = since is not None and now - since > PATIENCE
                if self.is_over or self._guard.poll(interrupts=is_late):
                    self.told()
                    self._raise(StopTraining)

    def _raise(self, what: Callable[[], BaseException] | None) -> None:
        """Have the thread that trains raise something; None: nothing of what is on its way."""
        given = None if what is None else ctypes.py_object(what)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._trains), given)
