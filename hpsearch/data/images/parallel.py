"""Decoding of many images in their order, in processes side by side.

Processes, because Pillow frees Python's lock for the decoding alone: two threads that pass it to
and fro took twice as long over 60,000 small JPEG files as one (measured).
"""

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection

import numpy as np

from hpsearch.data.images.decoding import Decoded, Form, Kind, decode_some
from hpsearch.environment import for_child, python
from hpsearch.errors import HpsearchError, ProgramError, UnreachableError

_CHUNK_FILES = 32
"""Files that are decoded before anybody hears of them."""
_CHUNK_BYTES = 2**24
"""Decoded bytes that are handed over at once."""
_MOST_CHILDREN = 8
_WORTH_SECONDS = 1.0
"""Of work, from which on processes pay: it takes about a quarter of a second to start two."""


def decode_all(files: Sequence[str], form: Form, kind: Kind) -> Generator[Decoded]:
    """All images of a set, some at a time, in the order of the files.

    The first of them tell how long the rest will take, and whether processes pay for it.

    Args:
        files: their paths.
        form: what images are brought to.
        kind: what they must be in the end.

    Returns:
        A generator; close it (``contextlib.closing``), which ends the processes that decode.

    Raises:
        InputError: see :func:`hpsearch.data.images.decoding.decode`; of several, the first file's.
        UnreachableError: a file cannot be read, or a process that decodes was killed.
    """
    size = max(1, min(_CHUNK_FILES, _CHUNK_BYTES // int(np.prod(kind.shape))))
    chunks = [files[start : start + size] for start in range(0, len(files), size)]
    started = time.monotonic()
    first, rest = decode_some(chunks[0], form, kind), chunks[1:]
    seconds = (time.monotonic() - started) * len(rest)
    yield first
    children = min(_cores(), _MOST_CHILDREN, len(rest))
    if children < 2 or seconds < _WORTH_SECONDS:
        yield from (decode_some(chunk, form, kind) for chunk in rest)
        return
    with _started([rest[i::children] for i in range(children)], form, kind) as replies:
        for index in range(len(rest)):
            yield next(replies[index % children])


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def _started(
    shares: Sequence[Sequence[Sequence[str]]], form: Form, kind: Kind
) -> Iterator[list[Iterator[Decoded]]]:
    """A process for each share of the chunks, and what each process gives back in its order.

    Each is a command with a pipe of its own. A ProcessPoolExecutor would have all share one queue
    and wait without end for the rest of a result whose writer was killed; and it would run the
    main script anew in each process, which hangs where that waits for a lock that this one holds.
    """
    children: list[subprocess.Popen[bytes]] = []
    try:
        ends = [_start(children) for _ in shares]
        for end, share in zip(ends, shares, strict=True):
            end.send((share, form, kind))
        yield [_replies(end, child) for end, child in zip(ends, children, strict=True)]
    except OSError as error:
        raise UnreachableError(
            f"processes that decode images cannot be started ({error.strerror}); free memory and"
            " run the command again"
        ) from None
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait()


def _start(children: list[subprocess.Popen[bytes]]) -> Connection:
    """Start one process, add it to ``children``, and give this end of its pipe.

    In a session of its own it never gets the Ctrl-C of a terminal: this process ends it.
    """
    ours, theirs = multiprocessing.Pipe()
    with theirs:
        code = f"import sys; sys.path[:] = {sys.path}; from {__name__} import main; main()"
        children.append(
            subprocess.Popen(  # noqa: S603 - our own program
                python("-c", code, str(theirs.fileno())),
                env=for_child(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        )
    return ours


def _replies(end: Connection, child: subprocess.Popen[bytes]) -> Iterator[Decoded]:
    """What a process gives back, chunk by chunk."""
    while True:
        try:
            reply: Decoded | HpsearchError = end.recv()
        except (EOFError, OSError):  # OSError: in the middle of a reply
            if child.wait() >= 0:
                raise ProgramError("decoding images ended unexpectedly; see above") from None
            raise UnreachableError(
                "a process that decodes images was killed, perhaps for lack of memory; free memory"
                " and run the command again"
            ) from None
        if isinstance(reply, HpsearchError):
            raise reply
        yield reply


def main() -> None:
    """The life of a process that decodes: its chunks in order, until the parent ends it."""
    end = Connection(int(sys.argv[1]))
    with suppress(EOFError, OSError):  # the parent is gone
        share, form, kind = end.recv()
        threading.Thread(target=_end_with_parent, args=(end,), daemon=True).start()
        for chunk in share:
            try:
                reply: Decoded | HpsearchError = decode_some(chunk, form, kind)
            except HpsearchError as error:
                reply = error
            end.send(reply)


def _end_with_parent(end: Connection) -> None:
    end.poll(None)  # nothing more is ever sent: this is the end of the pipe
    os._exit(1)
