"""Signals while something long runs: heard in a process' main thread, which alone gets them."""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType


def are_heard() -> bool:
    """Whether this is the main thread of its process."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def heard(numbers: Iterable[int], by: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Have signals handled while the block runs; in any other thread they stay as they are.

    Args:
        numbers: of the signals.
        by: called in place of what they usually do.
    """
    if not are_heard():
        yield
        return
    before = {number: signal.signal(number, by) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
