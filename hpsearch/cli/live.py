"""The live view of ``run`` and ``show --watch``: a screen, or plain lines without a terminal."""

import math
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hpsearch.cli.live_text import Standing, ended_table, notes, running_table, short, standings
from hpsearch.cli.output import Screen, say, stderr
from hpsearch.cli.watch import Look, Looker, Source, ended_at
from hpsearch.search.shown import Shown
from hpsearch.search.study import OpenStudy
from hpsearch.text import decimal

LAST = 5
"""Ended trials that are shown at most."""

QUIET = 2.0
"""Seconds without a running trial until the view says so: between two trials there is a moment."""

NARROW = 60
"""Columns of a terminal below which a table shows only what matters most."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One picture of the view, laid out for the size that the terminal has when it is drawn."""

    name: str
    headline: str
    """Follows the study's name, which is shortened where both are too long."""
    share: float
    """Of the budget, from 0 to 1."""
    beside: str
    """Stands beside the bar."""
    notes: Sequence[tuple[str, str]]
    """Lines and their styles."""
    running: Sequence[Sequence[str]]
    """Rows of cells, the head first; the last column is what gets shorter."""
    ended: Sequence[Sequence[str]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Every part is one line; together they leave the terminal's last line free."""
        width, most = options.max_width, options.size.height - 1
        cut: Any = {"no_wrap": True, "overflow": "crop" if options.ascii_only else "ellipsis"}
        name = Text(self.name)
        name.truncate(max(8, width - len(self.headline)), overflow=cut["overflow"])
        lines: list[RenderableType] = [
            Text(name.plain + self.headline, "bold", **cut),
            self._bar(width),
            *(Text(note, style, **cut) for note, style in self.notes),
        ]
        tables = self._tables(width, most - len(lines))
        lines += [Text(text, style, **cut) for text, style in tables]
        yield from lines[: max(1, most)]

    def _bar(self, width: int) -> RenderableType:
        """The bar, with room for the estimate beside it."""
        bar = ProgressBar(
            total=1.0, completed=self.share, width=max(6, min(width, 80) - 30),
            style="dim", complete_style="bright_blue", finished_style="bright_blue",
        )  # fmt: skip
        line = Table.grid(padding=(0, 1))
        line.add_row(bar, Text(self.beside, no_wrap=True, overflow="crop"))
        return line

    def _tables(self, width: int, room: int) -> Iterator[tuple[str, str]]:
        """Lines and their styles: running trials, and ended ones as far as there is room."""
        running, ended = len(self.running) - 1, len(self.ended) - 1
        least = max(room // 3, room - (running + 2 if running else 0))
        ended = min(ended, least - 2)  # a table has a line above it, and a head
        room -= ended + 2 if ended > 0 else 0
        fit = running if running + 2 <= room else room - 3
        if running and fit > 0:
            yield from _lines(self.running[: fit + 1], width)
            if fit < running:
                yield f"and {running - fit} more", "dim"
        if ended > 0:
            yield from _lines(self.ended[: ended + 1], width)


def _lines(table: Sequence[Sequence[str]], width: int) -> Iterator[tuple[str, str]]:
    """The lines of a table and their styles, with a line above; the last column goes on."""
    columns = [
        cells
        for cells in zip(*table, strict=True)
        if width >= NARROW or cells[0] not in ("device", "seconds")
    ]
    yield "", ""
    for number, cells in enumerate(zip(*columns, strict=True)):
        padded = []
        for cell, column in zip(cells[:-1], columns, strict=False):
            size = max(map(len, column))
            padded.append(cell.ljust(size) if column[0] in _WORDS else cell.rjust(size))
        yield "  ".join([*padded, cells[-1]]), "" if number else "dim"


_WORDS = ("worker", "device", "state")
"""Columns that are not numbers."""


class Drawing(Protocol):
    """What draws a frame in place of the one before: a terminal's Live, or a notebook's cell."""

    @property
    def console(self) -> Console:
        """Where it is drawn."""

    def update(self, renderable: RenderableType, *, refresh: bool = False) -> None:
        """Draw the next frame."""


class LiveView:
    """Follows a study and shows how it stands.

    Attributes:
        source: where it looks.
        watching: whether others run it; else this process does.
        started: when the view began (``time.monotonic``).
    """

    def __init__(self, source: Source, *, watching: bool = False) -> None:
        self.source = source
        self.watching = watching
        self.started = time.monotonic()
        ended = [trial for trial in source.trials() if not trial.is_open]
        self._reported = {trial.number for trial in ended}
        self._last = deque(sorted(ended, key=ended_at)[-LAST:], LAST)
        self._at_start = source.counts().counted
        self._busy_at: float | None = None
        self._said_idle = False
        self._drawn: object = None
        self._drawn_at = 0.0
        self._width = 0
        self._told = -1  # ended trials of which plain lines have told
        self._live: Drawing | None = None

    @contextmanager
    def shown(self) -> Iterator["LiveView"]:
        """Show the view while the block runs."""
        console = stderr()
        # Rich takes FORCE_COLOR for a terminal; a dumb one knows no way back to earlier lines.
        if not (sys.stderr.isatty() and console.is_interactive):
            yield self
            return
        live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False)
        try:
            live.start()
            self._live = live
            yield self
        finally:
            self._live = None
            live.stop()

    def say(self, text: str) -> None:
        """A line above what is shown."""
        if self._live is None:
            say(text)
        else:
            self._live.console.print(text)

    def tick(self) -> None:
        """As :meth:`update`, a few times a second; plain lines have something new only where a
        trial has ended.
        """
        if self._live is not None:
            self.update()
            return
        ended = self.source.counts().ended
        if ended != self._told:
            self.update()
            self._told = ended  # not where the storage broke meanwhile

    def update(self) -> Look:
        """Look at the study, show what is new, and give what was found."""
        look = self.source.look()
        ended = [t for t in look.trials if not t.is_open and t.number not in self._reported]
        self._reported |= {trial.number for trial in ended}
        self._last.extend(sorted(ended, key=ended_at))
        if not look.is_idle:
            self._busy_at, self._said_idle = time.monotonic(), False
        if self._live is not None:
            self._draw(self._live, look)
        else:
            self._print(ended, look)
        return look

    def _print(self, ended: Sequence[Shown], look: Look) -> None:
        """Plain lines: each ended trial once, and once that nobody goes on with the study."""
        stood = standings(look) if ended else {}
        for trial in sorted(ended, key=ended_at):
            say(self._line(trial, look, stood[trial.number]))
        if self.watching and self._is_quiet(look) and not self._said_idle:
            self._said_idle = True  # first: a signal may come before the next line
            say(f"{self.source.idle.capitalize()}.")

    def _line(self, trial: Shown, look: Look, then: Standing) -> str:
        """One ended trial as a plain line, with how the study stood when it ended."""
        state = trial.failure or trial.state
        value = "" if trial.value is None else f" {decimal(trial.value)}"
        best = "" if then.best is None else f", best {decimal(then.best)}"
        counted = f"{then.counted} of {look.budget.trials}"
        setting = look.setting(trial)
        return f"{trial.name}: {state}{value} ({counted}{best}){setting and '  '}{setting}"

    def _is_quiet(self, look: Look) -> bool:
        """Whether nobody has been busy with the study for a while, or ever since we look."""
        since = math.inf if self._busy_at is None else time.monotonic() - self._busy_at
        return look.is_idle and since > QUIET

    def _draw(self, live: Drawing, look: Look) -> None:
        """Draw what is new at once, and once a second for the clocks."""
        width, height = live.console.size
        steps = [(trial.number, trial.step, look.setting(trial)) for trial in look.running]
        found = (look.counts, look.budget, steps, self._is_quiet(look), width, height)
        now = time.monotonic()
        if found == self._drawn and now < self._drawn_at + 1:
            return
        if width < self._width:
            live.console.clear()  # the last picture was folded, and where it began is lost
        live.update(self.frame(look), refresh=True)
        self._drawn, self._drawn_at, self._width = found, now, width

    def frame(self, look: Look) -> Frame:
        """The whole view for a terminal."""
        counted, total = look.counts.counted, look.budget.trials
        left, lines = self._left(look), notes(look)
        if self._is_quiet(look):
            left = ""
            idle = self.source.idle if self.watching else "no trial is running now"
            lines.append((idle, "bold"))
        return Frame(
            name=self.source.name,
            headline=f": {counted} of {total} trials{self._clock(look)}",
            share=counted / total,
            beside=f"{100 * counted // total}%{left}",
            notes=lines,
            running=running_table(look),
            ended=ended_table(look, self._last),
        )

    def _clock(self, look: Look) -> str:
        """How long it has taken: of our own run, or since the study's first trial began."""
        if not self.watching:
            return f", {short(time.monotonic() - self.started)} in this run"
        starts = (trial.started for trial in look.trials if trial.started)
        begun = min(starts, default=None)
        if begun is None:
            return ", not started"
        return f", started {short(max(0.0, (datetime.now(UTC) - begun).total_seconds()))} ago"

    def seconds_left(self, look: Look) -> float | None:
        """An estimate: the least of what the trials that are left and the timeout leave.

        The trials take the pace of this view, which is known once three have ended in it; None
        while neither is known.
        """
        limits = []
        if look.budget.timeout:
            limits.append(max(0.0, look.budget.timeout - look.used))
        if (done := self._ended_here(look)) >= 3:
            pace = (time.monotonic() - self.started) / done
            limits.append(pace * max(0, look.budget.trials - look.counts.counted))
        return min(limits, default=None)

    def _ended_here(self, look: Look) -> int:
        """Counted trials that have ended in this view."""
        return look.counts.counted - self._at_start

    def _left(self, look: Look) -> str:
        """The estimate in words; where a plateau, or the trials, may end it sooner, a limit."""
        left = self.seconds_left(look)
        if not left:
            return ""
        is_limit = look.budget.plateau or self._ended_here(look) < 3
        return f", {'up to' if is_limit else 'about'} {short(left)} left"


class LiveScreen(Screen):
    """Shows the progress of services, and studies while they run."""

    def follow(self, study: OpenStudy) -> AbstractContextManager[LiveView]:
        """The live view."""
        return LiveView(Looker(study)).shown()
