"""The journal: every event becomes a line of the log, and tokens that come and go become events.

Tokens are added and revoked by a command, which works while the database is away. So it is here
that they are compared with what the events tell of them, when the service starts and while it runs.
"""

import logging
from dataclasses import dataclass

from hpsearch.search.storage import Storage
from hpsearch.search.storage.events import SERVICE, Event, NotedEvent
from hpsearch.server.logs import told
from hpsearch.server.tokens import Token, Tokens

ADDED, REVOKED = "token added", "token revoked"
"""Words of the events about tokens."""

_log = logging.getLogger(__name__)


@dataclass
class Journal:
    """Writes the log of what happens.

    Attributes:
        storage: has the events.
        tokens: those of the service.
    """

    storage: Storage
    tokens: Tokens
    _seen: int | None = None
    """The last event that is logged; None: it has not begun."""
    _known: dict[str, str] | None = None
    """The tokens that the events tell of, as their events have them; None: not read yet."""

    def step(self) -> None:
        """Note the tokens that are new or gone, and log what has happened.

        Raises:
            UnreachableError: the tokens cannot be read.
        """
        if self._seen is None:
            self._seen = self.storage.last_event()
        self._note_tokens()
        if self.storage.last_event() == self._seen:
            return
        for event in self.storage.events_after(self._seen):
            _log_event(event)
            self._seen = event.number

    def _note_tokens(self) -> None:
        """Note which tokens were added and revoked."""
        if self._known is None:
            self._known = self._told()
        now = {one.name: _described(one) for one in self.tokens.all()}
        if now == self._known:
            return
        for name, words in self._known.items():
            if now.get(name) != words:
                self.storage.note(Event(who=SERVICE, what=REVOKED, detail=words))
        for name, words in now.items():
            if self._known.get(name) != words:
                self.storage.note(Event(who=SERVICE, what=ADDED, detail=words))
        self._known = now

    def _told(self) -> dict[str, str]:
        """The tokens that are there by what the events tell, by name."""
        found: dict[str, str] = {}
        last = 0
        while events := self.storage.events_after(last, of=(ADDED, REVOKED)):
            last = events[-1].number
            for event in events:
                name = event.detail.partition(" ")[0]
                if event.what == ADDED:
                    found[name] = event.detail
                elif found.get(name) == event.detail:
                    del found[name]
        return found


def _described(token: Token) -> str:
    """A token as its events have it; one that is made anew has another moment."""
    return f"{token.name} ({token.role}, {token.added})"


def _log_event(event: NotedEvent) -> None:
    """Write the line of an event."""
    # What is no checksum, in one line.
    detail = "" if event.what == "submitted" else " ".join(event.detail.split())
    about = f" study {event.study}" if event.study else ""
    _log.info(
        "%s: %s%s%s", event.who, event.what, about, f" ({detail})" if detail else "",
        extra=told(
            event.what, who=event.who, study=event.study, detail=detail or None, number=event.number
        ),
    )  # fmt: skip
