"""Starts ``hpsearch dashboard`` in a process of its own."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import forked
from commandline import Cli


@contextmanager
def shown(cli: Cli, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Starts the command on a free port; yields the address that it prints."""
    process = forked.start(cli, "dashboard", "--port", "0", *options)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.communicate()


def token_of(address: str) -> str:
    """The token in an address."""
    found = re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=([\w-]{32})", address)
    assert found is not None, address
    return found[1]
