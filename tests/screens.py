"""What a reader sees on a terminal of some width, in one process."""

import io
import re
from collections.abc import Callable

import pytest
from rich.cells import cell_len

CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(
    monkeypatch: pytest.MonkeyPatch, show: Callable[[], object], width: int = 80
) -> list[str]:
    """The lines that something prints on a terminal, without its codes; they fit its width."""
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", screen := _Terminal())
        patch.setenv("TERM", "xterm")
        patch.setenv("COLUMNS", str(width))
        patch.delenv("FORCE_COLOR", raising=False)
        show()
    lines = [line.rstrip() for line in CODES.sub("", screen.getvalue()).splitlines()]
    assert max(map(cell_len, lines)) <= width
    return lines
