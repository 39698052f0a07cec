"""``hpsearch`` and ``python -m hpsearch``: runs a command, turns errors into exit codes."""

import contextlib
import signal
import sys
import traceback
from types import FrameType

from hpsearch.cli.app import app
from hpsearch.errors import EXIT_PROGRAM, HpsearchError


def _quit(number: int, _frame: FrameType | None) -> None:
    """End at once with the shell's code for the signal; long commands take signals themselves."""
    raise SystemExit(128 + number)


def main() -> None:
    """Run one command; every expected error is one message on stderr and its exit code.

    Any other exception is a fault of the program: its traceback, and exit code 4.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _quit)
    try:
        app()
    except HpsearchError as error:
        with contextlib.suppress(OSError):  # a worker's log on a full disk: the code is told still
            print(f"error: {error}", file=sys.stderr)  # noqa: T201  # the one place that may
        sys.exit(error.exit_code)
    except Exception:  # noqa: BLE001  # a fault of ours: who mends it needs the traceback
        with contextlib.suppress(OSError):
            traceback.print_exc()
        sys.exit(EXIT_PROGRAM)


if __name__ == "__main__":
    main()
