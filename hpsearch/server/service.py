"""What every route of the service has at hand."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from fastapi import Request

from hpsearch.naming import told
from hpsearch.search import trials
from hpsearch.search.storage import Storage
from hpsearch.search.study import OpenStudy
from hpsearch.search.submissions import user_of
from hpsearch.server.background import Background
from hpsearch.server.board import Board
from hpsearch.server.live import Hub
from hpsearch.server.problems import RefusedError
from hpsearch.server.scheduler import Scheduler
from hpsearch.server.tokens import Role, Token
from hpsearch.services.rules import Rules, has_code, names
from hpsearch.services.uploads import Uploads
from hpsearch.services.workspace import Workspace
from hpsearch.text import size

STUCK = 30.0
"""Seconds without a step of the scheduler after which the service counts as not ready."""


LEAST_FREE = 16 * 2**20
"""Bytes of the home's disk that must be free: trials could not save where they stand, nor SQLite
anything."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """The parts of a running service."""

    workspace: Workspace
    storage: Storage
    rules: Rules
    board: Board
    hub: Hub
    scheduler: Scheduler
    background: Sequence[Background] = ()
    """What works beside it."""

    @property
    def uploads(self) -> Uploads:
        """The data that users sent.

        Raises:
            RefusedError: this service takes none.
        """
        if self.rules.uploads is None:
            raise RefusedError(404, "this service takes no uploads")
        return self.rules.uploads

    def shown(self, value: Any, study: OpenStudy, token: Token) -> Any:
        """JSON about a study, or a text, as somebody may see it: where things lie on this machine
        is for administrators.
        """
        return value if token.role is Role.ADMIN else told(value, self.names(study))

    def rows(
        self, study: OpenStudy, token: Token, found: Sequence[trials.Trial]
    ) -> list[dict[str, Any]]:
        """Trials of a study as somebody may see them; most of them name no place."""
        known, is_placed = self.names_for(study, token), has_code(study.file)
        shown = [trials.row(study, trial) for trial in found]
        if not known:
            return shown
        return [told(row, known) if is_placed or row["failure_message"] else row for row in shown]

    def names_for(self, study: OpenStudy, token: Token) -> dict[str, str]:
        """What somebody is told in place of paths; of administrators, who see these, nothing."""
        return {} if token.role is Role.ADMIN else self.names(study)

    def names(self, study: OpenStudy) -> dict[str, str]:
        """What users call what lies on this machine, for a study of theirs."""
        return names(study.file, self.rules, user_of(study) or "")

    def changed(self) -> None:
        """Have what a client has changed seen by the scheduler, and by the next question."""
        self.board.changed()
        self.scheduler.wake()

    @property
    def trouble(self) -> str | None:
        """Why the service does no work just now; None: it does."""
        if self.scheduler.error is not None:
            return "the scheduler has ended by a fault of the program; see the log of the service"
        for part in self.background:
            if part.error is not None:
                return (
                    f"{part.name} has ended by a fault of the program; see the log of the service"
                )
            if part.is_away and part.is_vital:
                return f"{part.name}: something cannot be reached; see the log of the service"
        if self.scheduler.is_away:
            return "the storage cannot be reached; the service goes on when it is back"
        if self.scheduler.has_no_workers:
            return "no worker starts; see the log of the service"
        if (free := _free(self.workspace.home.root)) < LEAST_FREE:
            return f"the disk of the home is full ({size(free)} free); make space"
        if time.monotonic() - self.scheduler.ticked > STUCK:
            return (
                "the scheduler hangs, perhaps on a lock of the storage; see the log of the service"
            )
        return None


def _free(folder: Path) -> float:
    """Bytes that may still be written where a folder lies; 0 where the folder is gone."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0


async def service(request: Request) -> Service:
    """The service that a request is for; as a coroutine it needs no thread."""
    return cast("Service", request.app.state.service)
