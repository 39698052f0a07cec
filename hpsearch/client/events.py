"""What a service tells of a study as it goes on, through all that may cut the connection."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2

from hpsearch.client.connection import Connection, LostError
from hpsearch.errors import StudyGoneError

KINDS = ("study", "trials", "trouble")
"""Events that are handed on; others are a newer service's."""

AGAIN = 1.0
"""Seconds before a stream that was cut is asked for again."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that has changed of a study.

    The first events tell how it stands. After a lost connection they do so again.
    """

    kind: str
    """"study", "trials" or "trouble"."""
    data: Any
    """Of "study" the study as ``ls --json`` has it, with its state; of "trials" a list of those
    that have changed; of "trouble" as ``detail`` why the service sees nothing new just now, None
    when it does again."""


def events(
    connection: Connection, path: str, name: str, on_loss: Callable[[str], None] | None = None
) -> Iterator[Event]:
    """The events of a study, for as long as it is there; a stream that was cut is asked for again.

    Args:
        connection: to the service.
        path: of the stream.
        name: the study's.
        on_loss: is told once why, whenever the service cannot be reached for a while; None: that is
            raised where it cannot be reached at all.

    Raises:
        StudyGoneError: the study was deleted.
        HpsearchError: the service refuses, as where the token was revoked.
    """
    is_told = False
    while True:
        try:
            for event in _stream(connection, path, name):
                is_told = False
                yield event
        except LostError as error:
            if on_loss is None:
                raise
            if not is_told:
                is_told = True
                on_loss("the service cannot be reached" if error.status is None else str(error))
        time.sleep(AGAIN)


def _stream(connection: Connection, path: str, name: str) -> Iterator[Event]:
    """The events of one connection."""
    with connection.streamed(path, headers={"Accept": "text/event-stream"}) as response:
        for sent in httpx2.EventSource(response, max_event_size=None):
            if sent.event == "gone":
                raise StudyGoneError(f"study {name}: was deleted meanwhile")
            if sent.event in KINDS:
                yield Event(kind=sent.event, data=json.loads(sent.data))
