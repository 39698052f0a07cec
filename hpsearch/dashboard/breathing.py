"""Lets a server go on answering while one of its threads makes the page of a large study.

Python runs one thread at a time, and hands on between two instructions: a long one, such as writing
68 MB of JSON or looking through ten million objects for cycles, stops everybody else.
"""

import gc
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

COLLECT_EVERY = 60.0
"""Seconds between two collections of cycles."""

LOOK_AGAIN = 60
"""Collections after which what was seen before is looked at again."""


def dumps(value: dict[str, Any]) -> str:
    """A table as JSON, its long lists item by item."""
    return "{" + ", ".join(f"{json.dumps(key)}: {_piece(v)}" for key, v in value.items()) + "}"


def _piece(value: Any) -> str:
    if not isinstance(value, list):
        return json.dumps(value)
    return "[" + ", ".join([json.dumps(item) for item in value]) + "]"


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Collect cycles once a minute only while the block runs, and leave out what was seen before.

    Left to itself Python collects again and again while many objects are made, and looks at all of
    them each time (https://docs.python.org/3/library/gc.html#gc.freeze).
    """
    over = threading.Event()
    thread = threading.Thread(target=_collect, args=(over,), name="collect", daemon=True)
    gc.disable()
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        gc.unfreeze()
        gc.enable()


def _collect(over: threading.Event) -> None:
    number = 0
    while not over.wait(COLLECT_EVERY):
        number += 1
        if number % LOOK_AGAIN == 0:
            gc.unfreeze()
        gc.collect()
        gc.freeze()
