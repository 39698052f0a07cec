"""What is laid out for a reader: rich's console, which shows names as they are and obeys none."""

from collections.abc import Iterator

import rich.console
from rich.segment import Segment

from hpsearch.text import printable


class Console(rich.console.Console):
    """Rich's console without markup, and without what text would do to a terminal."""

    def __init__(self, *, to_stderr: bool = False, width: int | None = None) -> None:
        super().__init__(stderr=to_stderr, highlight=False, markup=False, emoji=False, width=width)

    def render(
        self,
        renderable: rich.console.RenderableType,
        options: rich.console.ConsoleOptions | None = None,
    ) -> Iterator[Segment]:
        """As rich's, with the control characters of texts written as escapes."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(printable(text), style)
