"""The audit log: who was refused, and who changed what in optuna-dashboard, as events.

Decisions about studies are events already; :mod:`hpsearch.server.journal` notes tokens.
"""

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, field

from fastapi import Request

from hpsearch.search.database.messages import STORAGE_ERRORS
from hpsearch.search.storage import Storage
from hpsearch.search.storage.events import Event
from hpsearch.server.logs import told
from hpsearch.server.tokens import Token
from hpsearch.text import printable

MOST, WITHIN = 20, 60.0
"""Refused requests of a token that are noted within so many seconds; nobody fills the table."""

_log = logging.getLogger(__name__)


@dataclass
class Audit:
    """Notes who did what, beside what is noted with the change itself."""

    storage: Storage
    _refusals: dict[str, deque[float]] = field(default_factory=dict)
    """By the names of tokens: when requests were refused."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def refused(self, token: Token, request: Request, why: str) -> None:
        """Note that somebody asked for what the token does not allow."""
        if self._may_note(token.name):
            words = printable(f"{request.method} {request.url.path}: {why}")
            self._note(Event(who=token.name, what="refused", detail=words))

    def changed(self, token: Token, method: str, path: str) -> None:
        """Note that somebody changed something in optuna-dashboard."""
        words = printable(f"{method} {path}")
        self._note(Event(who=token.name, what="dashboard", detail=words))

    def _may_note(self, name: str) -> bool:
        """Whether a refusal is noted: not too many were lately."""
        now = time.monotonic()
        with self._lock:
            known = self._refusals.setdefault(name, deque(maxlen=MOST))
            if len(known) == MOST and now - known[0] < WITHIN:
                return False
            known.append(now)
        return True

    def _note(self, event: Event) -> None:
        """Write an event down; where that cannot be done, the log has it."""
        try:
            self.storage.note(event)
        except STORAGE_ERRORS:
            _log.warning(
                "%s: %s %s (not in the events: the storage is away)",
                event.who, event.what, event.detail,
                extra=told(event.what, who=event.who, detail=event.detail),
            )  # fmt: skip
