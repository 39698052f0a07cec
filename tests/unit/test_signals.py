"""Signals are heard in the main thread, and stay as they are in others."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

from hpsearch.signals import are_heard, heard


def test_they_are_heard_while_the_block_runs() -> None:
    before, found = signal.getsignal(signal.SIGUSR1), list[int]()
    with heard([signal.SIGUSR1], lambda number, _: found.append(number)):
        os.kill(os.getpid(), signal.SIGUSR1)
    assert found == [signal.SIGUSR1]
    assert signal.getsignal(signal.SIGUSR1) == before


def test_another_thread_changes_nothing() -> None:
    def look() -> tuple[bool, object]:
        with heard([signal.SIGUSR1], lambda *_: None):
            return are_heard(), signal.getsignal(signal.SIGUSR1)

    before = signal.getsignal(signal.SIGUSR1)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(look).result() == (False, before)
    assert are_heard()
