"""Standard streams that cannot be used as they are."""

import contextlib
import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hpsearch.cli import streams
from hpsearch.cli.streams import standard_streams
from hpsearch.errors import UnreachableError


@pytest.fixture
def stream() -> Iterator[Callable[..., None]]:
    """Puts a file in place of a standard stream; all is as before in the end."""
    saved, kept = (sys.stdin, sys.stdout, sys.stderr), [os.dup(number) for number in range(3)]

    def put(number: int, opened: int, encoding: str = "utf-8") -> None:
        os.dup2(opened, number)
        os.close(opened)
        made = open(number, "w", encoding=encoding, closefd=False)  # noqa: SIM115
        setattr(sys, ("stdin", "stdout", "stderr")[number], made)

    yield put
    sys.stdin, sys.stdout, sys.stderr = saved
    for number, copy in enumerate(kept):
        os.dup2(copy, number)
        os.close(copy)


def full() -> int:
    return os.open("/dev/full", os.O_WRONLY)


def test_results_that_cannot_be_written_are_told_once(stream: Callable[..., None]) -> None:
    stream(1, full())
    with standard_streams():
        sys.stdout.write("result")
        with pytest.raises(UnreachableError, match="cannot write the output: No space left"):
            sys.stdout.flush()
        sys.stdout.write("more")
        sys.stdout.flush()


def test_messages_that_cannot_be_written_are_lost(stream: Callable[..., None]) -> None:
    stream(2, full())
    with standard_streams():
        for _ in range(2):
            sys.stderr.write("message\n")
            sys.stderr.flush()


@pytest.mark.parametrize("number", [1, 2])
def test_a_pipe_that_nobody_reads(stream: Callable[..., None], number: int) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    stream(number, writer)
    with standard_streams():
        written = sys.stdout if number == 1 else sys.stderr
        written.write("x\n")
        if number == 1:
            with pytest.raises(BrokenPipeError):
                written.flush()
        written.write("y\n")
        written.flush()


def test_a_terminal_that_is_gone_gets_no_results_either(stream: Callable[..., None]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    stream(1, os.dup(writer))
    stream(2, writer)
    with standard_streams():
        sys.stderr.write("x\n")
        sys.stderr.flush()
        sys.stdout.write("result")
        sys.stdout.flush()


def test_a_pipe_that_is_set_to_be_non_blocking_gets_all(
    stream: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    stream(1, writer)
    got, real = bytearray(), streams.select.select

    def read_meanwhile(*waited: list[int]) -> object:
        got.extend(os.read(reader, 1 << 16))
        return real(*waited)

    monkeypatch.setattr(streams.select, "select", read_meanwhile)
    with standard_streams():
        sys.stdout.write("x" * 1_000_000)
        sys.stdout.flush()
    stream(1, os.open(os.devnull, os.O_WRONLY))
    while part := os.read(reader, 1 << 16):
        got.extend(part)
    os.close(reader)
    assert got == b"x" * 1_000_000


def test_letters_that_an_encoding_lacks_are_replaced(stream: Callable[..., None]) -> None:
    reader, writer = os.pipe()
    stream(1, writer, "ascii")
    with standard_streams():
        sys.stdout.write("größe \udcff\n")
    assert os.read(reader, 100) == b"gr??e ?\n"
    os.close(reader)


def test_closed_streams_and_their_descriptors_are_taken(stream: Callable[..., None]) -> None:
    stream(1, full())
    sys.stdin = sys.stdout = sys.stderr = None  # type: ignore[assignment]  # as Python does
    for number in range(3):
        os.close(number)
    with standard_streams():
        assert sys.stdin.read() == ""
        sys.stdout.write("x")
        sys.stderr.write("x")
        taken = [str(Path(f"/proc/self/fd/{number}").readlink()) for number in range(3)]
        assert taken == [os.devnull] * 3
    assert sys.stdout is None


def test_streams_of_a_caller_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", kept := io.StringIO())
    with standard_streams():
        assert sys.stdout is kept


def test_an_output_that_can_only_be_read(stream: Callable[..., None]) -> None:
    stream(1, os.open(os.devnull, os.O_RDONLY))
    with standard_streams():
        sys.stdout.write("x")
        with pytest.raises(UnreachableError, match=os.strerror(errno.EBADF)):
            sys.stdout.flush()


@pytest.mark.parametrize("number", [1, 2])
def test_a_write_that_a_signal_cuts_off_is_not_tried_again(
    stream: Callable[..., None], number: int
) -> None:
    """Nobody reads a full pipe: who is asked to end would hang at the last flush."""
    reader, writer = os.pipe()
    stream(number, os.dup(writer))
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(4096))
    os.set_blocking(writer, True)

    def leave(*_: object) -> None:
        raise SystemExit(143)

    before = signal.signal(signal.SIGUSR1, leave)
    ask = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1))
    try:
        with standard_streams():
            opened = (sys.stdout, sys.stderr)[number - 1]
            opened.write("line\n")
            ask.start()
            with pytest.raises(SystemExit):
                opened.flush()
    finally:
        ask.join()
        signal.signal(signal.SIGUSR1, before)
        os.close(reader)
        os.close(writer)
