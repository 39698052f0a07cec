"""Progress in a notebook: what a terminal shows, in a place of the cell that is drawn anew."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import rich.console
from rich.text import Text

from hpsearch.cli.console import Console
from hpsearch.cli.live import LiveScreen, LiveView
from hpsearch.cli.output import tell
from hpsearch.cli.watch import Looker
from hpsearch.data.arrays import Progress as Steps
from hpsearch.data.arrays import throttled
from hpsearch.search.study import OpenStudy
from hpsearch.services.progress import SearchProgress, Silent

WIDTH, HEIGHT = 110, 24
"""Columns and lines of what is drawn."""

_PAGE = '<pre style="line-height:1.2;white-space:pre;overflow-x:auto">{code}</pre>'


def screen(*, is_shown: bool) -> SearchProgress:
    """Where a search from Python is shown: in the notebook's cell, else on standard error.

    Args:
        is_shown: whether it is to be shown at all.
    """
    if not is_shown:
        return Silent()
    return NotebookScreen() if rich.console.Console().is_jupyter else LiveScreen()


class Cell:
    """A place in a notebook's output, in which what is drawn replaces what was there."""

    def __init__(self) -> None:
        """Take the place below what the cell has put out so far."""
        from IPython.display import HTML, display  # noqa: PLC0415  # there is one in a notebook

        self.console = Console(width=WIDTH, height=HEIGHT)
        self._html = HTML
        self._place: Any = display(HTML(""), display_id=True)

    def update(self, renderable: rich.console.RenderableType, *, refresh: bool = False) -> None:
        """Draw something in place of what is there."""
        self.console.print(renderable)
        drawn = self.console.export_html(inline_styles=True, code_format=_PAGE)
        self._place.update(self._html(drawn))

    def clear(self) -> None:
        """Leave nothing there."""
        self._place.update(self._html(""))


class NotebookView(LiveView):
    """Follows a study in a cell."""

    @contextmanager
    def shown(self) -> Iterator[LiveView]:
        """Show the view while the block runs."""
        cell = Cell()
        self._live = cell
        try:
            yield self
        finally:
            self._live = None
            cell.clear()

    def say(self, text: str) -> None:
        """A line below what is shown."""
        tell(text)


class NotebookScreen(LiveScreen):
    """Shows the progress of services in the output of a cell; standard error has another colour."""

    def say(self, text: str) -> None:
        """A plain line."""
        tell(text)

    @contextmanager
    def steps(self) -> Iterator[Steps]:
        """A line that is gone at the end."""
        cell = Cell()

        def show(what: str, done: int, total: int) -> None:
            cell.update(Text(f"{what}: {done} of {total}" if total else what))

        try:
            yield throttled(show)
        finally:
            cell.clear()

    def follow(self, study: OpenStudy) -> AbstractContextManager[LiveView]:
        """The live view."""
        return NotebookView(Looker(study)).shown()
