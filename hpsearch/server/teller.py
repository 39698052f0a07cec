"""Tells who asked for it of a study's end, failure or target: a thread of ``hpsearch serve``.

What is to be told are events in the database, and how far that has come stands there, too: a
receiver gets every event at least once, whatever is killed, and in order. Nothing waits for it.
"""

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hpsearch.search.storage import Storage
from hpsearch.search.storage.events import SERVICE, Event
from hpsearch.search.storage.telling import DueNotice
from hpsearch.search.submissions import notice_targets
from hpsearch.server.board import Board, moment
from hpsearch.server.logs import told
from hpsearch.services.webhook_hosts import Receivers
from hpsearch.services.webhooks import Message, secrets_of, send

AT_ONCE = 8
"""Receivers that are told at the same time; each has its seconds to answer."""

AT_ONE_HOST = 2
"""Of these, on one host."""

MOST = 500
"""Studies of which something is due, of which those are chosen."""

AGAIN, LONGEST = 5.0, 3600.0
"""Seconds after which a failure is tried again: the first one, doubled each time, and at most."""

TRIES = 32
"""After which nobody is told of an event any more: about a day."""

_log = logging.getLogger(__name__)


@dataclass
class Teller:
    """Sends what is due.

    Attributes:
        storage: has the events, and who is to be told.
        board: how the studies stand.
        receivers: who may be told.
        secrets: the file of the secrets that messages are signed with.
    """

    storage: Storage
    board: Board
    receivers: Receivers
    secrets: Path
    _seen: int = -1
    """The last event when it was last looked for what is due."""
    _look_at: float = 0.0

    def step(self) -> None:
        """Send what is due, if there may be anything.

        Raises:
            HpsearchError: the secret cannot be read.
        """
        notice_targets(self.storage)  # before its end is told, after which nothing is
        last = self.storage.last_event()
        if last == self._seen and time.time() < self._look_at:
            return
        may_send = bool(self.receivers.hosts)
        due = self.storage.due_notices(time.time(), MOST, may_send=may_send)
        for one in due:
            if one.url is None:
                self.storage.settle_notice(one)
        if chosen := _chosen(due):
            asyncio.run(self._send(chosen))
        if due:
            return  # there may be more
        self._seen, self._look_at = last, time.time() + AGAIN

    async def _send(self, due: Sequence[DueNotice]) -> None:
        """Send a few messages, each to another study's receiver."""
        keys = secrets_of(self.secrets)
        now = int(time.time())
        messages = [self._message(one) for one in due]
        sending = (send(message, self.receivers, keys, now) for message in messages)
        for one, why in zip(due, await asyncio.gather(*sending), strict=True):
            self._note(one, why)

    def _message(self, due: DueNotice) -> Message:
        """What is told of an event."""
        event = due.event
        row = next((row for row in self.board.look().rows if row["name"] == event.study), None)
        shown = ("user", "state", "metric", "best", "counted", "trials")
        data = {
            "study": event.study, "event": event.what, "detail": event.detail, "who": event.who,
            "number": event.number, **{key: row[key] for key in shown if row is not None},
        }  # fmt: skip
        content = {"type": f"study.{event.what}", "timestamp": moment(event.moment), "data": data}
        body = json.dumps(content).encode()
        key = f"hpsearch-{event.number}"
        return Message(key=key, url=due.url or "", body=body, attempt=due.tries)

    def _note(self, due: DueNotice, why: str | None) -> None:
        """Note what became of a message."""
        event, tries = due.event, due.tries + 1
        facts = told("webhook", study=event.study, number=event.number, tries=tries, why=why)
        if why is None:
            self.storage.settle_notice(due)
            _log.info("webhook of study %s: told (%s)", event.study, event.what, extra=facts)
        elif tries < TRIES:
            self.storage.put_off_notice(due, time.time() + min(LONGEST, AGAIN * 2**due.tries))
            _log.warning("webhook of study %s: %s; tries again", event.study, why, extra=facts)
        else:
            self.storage.settle_notice(due)
            words = f"webhook, {event.what}: tried {tries} times; {why}"
            self.storage.note(Event(who=SERVICE, what="not told", study=event.study, detail=words))


def _chosen(due: Sequence[DueNotice]) -> list[DueNotice]:
    """What is sent now: a few for each host, so that one that is slow keeps nobody else waiting."""
    hosts, chosen = Counter[str](), list[DueNotice]()
    for one in due:
        host = urlsplit(one.url or "").netloc
        hosts[host] += 1
        if one.url is not None and hosts[host] <= AT_ONE_HOST and len(chosen) < AT_ONCE:
            chosen.append(one)
    return chosen
