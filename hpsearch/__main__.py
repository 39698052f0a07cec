"""``hpsearch`` and ``python -m hpsearch``: runs a command, turns errors into exit codes."""

import contextlib
import signal
import sys
from types import FrameType

from hpsearch.cli.app import app
from hpsearch.errors import HpsearchError


def _quit(number: int, _frame: FrameType | None) -> None:
    """End at once with the shell's code for the signal; long commands take signals themselves."""
    raise SystemExit(128 + number)


def main() -> None:
    """Run one command; every expected error is one message on stderr and its exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _quit)
    try:
        app()
    except HpsearchError as error:
        with contextlib.suppress(OSError):  # a worker's log on a full disk: the code is told still
            print(f"error: {error}", file=sys.stderr)  # noqa: T201  # the one place that may
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
