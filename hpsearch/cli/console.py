"""What is laid out for a reader: rich's console, which shows names as they are and obeys none."""

import io
from collections.abc import Iterator
from typing import Any

import rich.console
from rich.segment import Segment

from hpsearch.text import printable


class Console(rich.console.Console):
    """Rich's console without markup, and without what text would do to a terminal."""

    def __init__(
        self, *, to_stderr: bool = False, width: int | None = None, height: int | None = None
    ) -> None:
        """A console for a reader.

        Args:
            to_stderr: whether it prints on standard error.
            width: its columns; None: those of the terminal.
            height: its lines, of one that prints nowhere and records what would be seen; None: it
                prints.
        """
        recorded: dict[str, Any] = {}
        if height is not None:
            recorded = {"file": io.StringIO(), "record": True, "force_terminal": True}
            recorded |= {"force_jupyter": False, "color_system": "truecolor", "height": height}
        super().__init__(
            stderr=to_stderr, highlight=False, markup=False, emoji=False, width=width, **recorded
        )

    def render(
        self,
        renderable: rich.console.RenderableType,
        options: rich.console.ConsoleOptions | None = None,
    ) -> Iterator[Segment]:
        """As rich's, with the control characters of texts written as escapes."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(printable(text), style)
