"""Standard streams that can be used whatever they are: closed, full, unread, of any encoding."""

import contextlib
import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, TextIO

from hpsearch.errors import UnreachableError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


@contextlib.contextmanager
def standard_streams() -> Iterator[None]:
    """For the block, have standard streams that every part of the program can use.

    A closed one reads or writes nothing, and its descriptor is taken, so that no file that is
    opened later stands in for it. Characters that an encoding lacks are replaced. What cannot be
    written to standard output is an UnreachableError, once; to standard error, where progress and
    messages go, it is lost. So is what goes to both where a terminal is gone.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
    saved = sys.stdin, sys.stdout, sys.stderr
    with contextlib.ExitStack() as opened:
        sys.stdin = sys.stdin or opened.enter_context(_nothing("r"))
        sys.stdout = _usable(sys.stdout, _Results, 1) or opened.enter_context(_nothing("w"))
        sys.stderr = _usable(sys.stderr, _Messages, 2) or opened.enter_context(_nothing("w"))
        try:
            yield
        finally:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, UnreachableError):
                    stream.flush()
            sys.stdin, sys.stdout, sys.stderr = saved


def _nothing(mode: Literal["r", "w"]) -> TextIO:
    return open(os.devnull, mode, encoding="utf-8")  # noqa: PTH123


def _usable(
    stream: TextIO | None, kind: "type[_Results | _Messages]", number: int
) -> TextIO | None:
    """A stream like the given one, through our own writer; one that a caller put there stays."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    try:
        if stream.fileno() != number:
            return stream
        stream.flush()
        raw = kind(number, "w", closefd=False)
    except (OSError, ValueError):
        return stream
    is_unbuffered = isinstance(stream.buffer, io.RawIOBase)
    return io.TextIOWrapper(
        raw if is_unbuffered else io.BufferedWriter(raw),  # as Python's -u
        encoding=stream.encoding,
        errors="replace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _Stream(io.FileIO):
    """A standard stream that writes all it is given, however much is taken at once, and once.

    A signal's handler may raise while Python code writes. The buffer above keeps the bytes then, as
    it does not learn that they were written, and hands them over again when it is flushed.
    """

    _cut_off = b""

    def write(self, data: "ReadableBuffer") -> int:
        """Write all but what an interrupted write has begun with."""
        whole = memoryview(data).cast("B")
        try:
            known = len(self._cut_off) if whole[: len(self._cut_off)] == self._cut_off else 0
            self._cut_off = b""
            left = whole[known:]
            while left:
                count = super().write(left)
                if count is None:  # set to be non-blocking by another process, and full just now
                    select.select([], [self.fileno()], [])
                left = left[count or 0 :]
            return len(whole)
        except OSError as error:
            self._fail(error)
            return len(whole)
        except BaseException:  # of a signal's handler
            self._cut_off = bytes(whole)
            raise

    def _fail(self, error: OSError) -> None:
        """Deal with a stream that cannot be written; what comes later goes nowhere."""
        raise NotImplementedError


class _Results(_Stream):
    """Standard output.

    ``write`` raises UnreachableError where it cannot be written, BrokenPipeError where nobody reads
    it any more.
    """

    def _fail(self, error: OSError) -> None:
        _turn_off(self.fileno())
        if isinstance(error, BrokenPipeError):
            raise error
        raise UnreachableError(f"cannot write the output: {error.strerror}") from None


class _Messages(_Stream):
    """Standard error: nobody can be told that it cannot be written."""

    def _fail(self, error: OSError) -> None:
        if error.errno in (errno.EIO, errno.EPIPE):  # its terminal or reader is gone for ever
            both = os.path.samestat(os.fstat(1), os.fstat(2))
            _turn_off(2, *[1] * both)


def _turn_off(*numbers: int) -> None:
    """Have what is written to descriptors go nowhere, which never fails."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in numbers:
        os.dup2(nowhere, number)
    os.close(nowhere)
