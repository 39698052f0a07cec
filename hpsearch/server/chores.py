"""Beside the searches: figures for optuna-dashboard and models for comparison, one at a time.

A part of ``hpsearch serve`` looks at the board, and has a process (``services.chores``) do what
is due. Its knowledge is lost with it: what has not changed since a service began stays as it is.
"""

import json
import logging
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from hpsearch.environment import STORAGE_VARIABLE, for_child, python
from hpsearch.files import new_file
from hpsearch.search.lookup import CONFIRMATION_SUFFIX
from hpsearch.server.background import Background
from hpsearch.server.board import Board
from hpsearch.services.beside import ONE_THREAD
from hpsearch.services.chores import CHORES, Chore, Done
from hpsearch.services.workspace import Workspace

LOOK, SOON = 5.0, 0.5
"""Seconds between two looks at the studies, at least; and at what is being done."""

SETTLE = 10.0
"""Seconds between the end of a trial and what is done because of it: small studies end in them."""

EVERY, SHARE = 30.0, 50
"""Seconds between two renewals of the figures of a study that runs, at least; and how many times
their own length they wait, as looks do: 2 % of one core."""

LONGEST = 600.0
"""Seconds that one thing may take."""

IDLE = 60.0
"""Seconds after which a process that has nothing to do ends, which gives its memory back."""

_log = logging.getLogger(__name__)


@dataclass
class _Known:
    """What is known of a study."""

    name: str
    counted: int
    """Trials that its figures have."""
    since: float | None = None
    """When it was seen that trials have ended since; None: none have."""
    not_before: float = 0.0
    """When its figures may be renewed while it runs."""
    is_compared: bool = False
    """Whether its models were asked for."""


@dataclass
class Diary:
    """What is due for which study; pure: rows and times are given."""

    _known: dict[int, _Known] = field(default_factory=dict)
    _is_new: bool = True

    def due(self, rows: Sequence[Mapping[str, Any]], now: float) -> Chore | None:
        """What is to be done next; None: nothing yet.

        Args:
            rows: the studies, as the board has them.
            now: the present moment, in seconds.
        """
        ready: list[tuple[float, _Known]] = []
        for row in rows:
            if row["name"].endswith(CONFIRMATION_SUFFIX):
                continue
            known = self._find(row)
            if row["counted"] == known.counted:
                continue
            known.since = now if known.since is None else known.since
            waits = known.not_before if row["state"] in ("queued", "running") else 0.0
            if now >= max(known.since + SETTLE, waits):
                ready.append((known.since, known))
        self._is_new = False
        if not ready:
            return None
        _, known = min(ready, key=lambda one: one[0])
        return Chore(study=known.name, what="figures" if known.is_compared else "models")

    def _find(self, row: Mapping[str, Any]) -> _Known:
        """What is known of a study; of one that was there from the beginning, all is done."""
        known = self._known.get(row["id"])
        if known is None or known.name != row["name"]:
            counted = row["counted"] if self._is_new else 0
            known = self._known[row["id"]] = _Known(name=row["name"], counted=counted)
        return known

    def note(self, chore: Chore, done: Done, rows: Sequence[Mapping[str, Any]], now: float) -> None:
        """Note that something was done, or failed, which is not tried again by itself.

        Args:
            chore: what.
            done: how it went.
            rows: the studies as they were when it began.
            now: the present moment, in seconds.
        """
        counted = {row["id"]: row["counted"] for row in rows}
        self._known = {key: known for key, known in self._known.items() if key in counted}
        for key, known in self._known.items():
            if known.name != chore.study:
                continue
            if chore.what == "models":
                known.is_compared = True
            else:
                known.counted, known.since = counted[key], None
                known.not_before = now + max(EVERY, SHARE * done.seconds)


class Helper:
    """The process that does it, while there is something to do."""

    def __init__(self, workspace: Workspace) -> None:
        """Args: home and storage."""
        self._workspace = workspace
        self._process: subprocess.Popen[str] | None = None

    def ask(self, chore: Chore) -> None:
        """Have something done.

        Raises:
            OSError: the process cannot be started, or has just ended.
        """
        if self._process is None:
            self._process = self._started()
        assert self._process.stdin is not None  # noqa: S101  # as asked for
        self._process.stdin.write(json.dumps(asdict(chore)) + "\n")
        self._process.stdin.flush()

    def _started(self) -> "subprocess.Popen[str]":
        home = self._workspace.home
        home.beside_log.parent.mkdir(parents=True, exist_ok=True)
        with new_file(home.beside_log) as log:
            return subprocess.Popen(  # noqa: S603  # our own command
                python(*CHORES, str(home.root)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=for_child({STORAGE_VARIABLE: self._workspace.url, **ONE_THREAD}),
                start_new_session=True,  # Ctrl-C is for the service
            )

    def done(self) -> Done | None:
        """How it went; None: it is at work."""
        if self._process is None or self._process.stdout is None:
            return Done(seconds=0.0, error="its process was not started")
        if not select.select([self._process.stdout], [], [], 0)[0]:
            return None
        line = self._process.stdout.readline()
        if not line:
            self.end()
            return Done(seconds=0.0, error=f"its process ended ({self._workspace.home.beside_log})")
        return Done(**json.loads(line))

    def end(self) -> None:
        """End the process, whatever it does: all that it writes is one transaction each."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


class Chores:
    """Has done what is due, one thing after the other."""

    def __init__(self, board: Board, workspace: Workspace) -> None:
        """Args: how the studies stand; home and storage."""
        self._board, self._helper, self._diary = board, Helper(workspace), Diary()
        self._chore: Chore | None = None
        self._rows: Sequence[Mapping[str, Any]] = ()
        self._began = self._look_at = 0.0

    def background(self, url: str) -> Background:
        """It as a part of the service, whose storage has a URL."""
        name = "figures and models beside the searches"
        return Background(name, self.step, url, every=SOON, is_vital=False, at_end=self._helper.end)

    def step(self) -> None:
        """Begin what is due, or see how far it is; the studies are looked at more seldom."""
        began = time.monotonic()
        if self._chore is None and began < self._look_at:
            return
        if not self.work(began):
            took = time.monotonic() - began  # many studies take longer
            self._look_at = began + max(LOOK, SHARE * took)

    def work(self, now: float) -> bool:
        """Begin what is due, or see how far it is.

        Args:
            now: the present moment, in seconds.

        Returns:
            Whether something was being done.
        """
        if self._chore is not None:
            self._look_after(self._chore, now)
            return True
        rows = self._board.look().rows
        chore = self._diary.due(rows, now)
        if chore is not None:
            self._chore, self._rows, self._began = chore, rows, now
            try:
                self._helper.ask(chore)
            except OSError as error:  # the next step sees that nobody does it
                _log.warning("%s beside the searches: %s", chore.what, error)
        elif now - self._began > IDLE:
            self._helper.end()
        return chore is not None

    def _look_after(self, chore: Chore, now: float) -> None:
        """See whether something is done."""
        done = self._helper.done()
        if done is None and now - self._began > LONGEST:
            self._helper.end()
            done = Done(seconds=LONGEST, error=f"takes more than {LONGEST / 60:.0f} minutes")
        if done is None:
            return
        if done.error:
            _log.warning("study %s: no %s: %s", chore.study, chore.what, done.error)
        self._diary.note(chore, done, self._rows, now)
        self._chore, self._began = None, now
