"""What every route of the service has at hand."""

import time
from dataclasses import dataclass
from typing import cast

from fastapi import Request

from hpsearch.search.storage import Storage
from hpsearch.server.board import Board
from hpsearch.server.live import Hub
from hpsearch.server.scheduler import Scheduler
from hpsearch.services.rules import Rules
from hpsearch.services.workspace import Workspace

STUCK = 30.0
"""Seconds without a step of the scheduler after which the service counts as not ready."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """The parts of a running service."""

    workspace: Workspace
    storage: Storage
    rules: Rules
    board: Board
    hub: Hub
    scheduler: Scheduler

    def changed(self) -> None:
        """Have what a client has changed seen by the scheduler, and by the next question."""
        self.board.changed()
        self.scheduler.wake()

    @property
    def trouble(self) -> str | None:
        """Why the service does no work just now; None: it does."""
        if self.scheduler.error is not None:
            return "the scheduler has ended by a fault of the program; see the log of the service"
        if time.monotonic() - self.scheduler.ticked > STUCK:
            return "the storage cannot be reached; the service goes on when it is back"
        return None


async def service(request: Request) -> Service:
    """The service that a request is for; as a coroutine it needs no thread."""
    return cast("Service", request.app.state.service)
