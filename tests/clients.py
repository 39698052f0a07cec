"""Clients of a service in this process, and of one whose answers a test gives."""

from collections.abc import Callable
from functools import partial

import httpx2
import pytest
from served import Served

from hpsearch.client import Client, service
from hpsearch.client.connection import Connection

URL = "http://127.0.0.1"
Handler = Callable[[httpx2.Request], httpx2.Response]


def client_of(served: Served, who: str = "submit") -> Client:
    """The client of somebody who has a token, or a wrong one."""
    client = Client(URL, served.shown[who])
    client.connection.close()
    client.connection = Connection(URL, served.shown[who], transport=served.client._transport)
    return client


def answering(answer: Handler) -> Client:
    """The client of a service whose answers a function gives."""
    client = Client("http://search.example.org", "hps_one")
    client.connection.close()
    transport = httpx2.MockTransport(answer)
    client.connection = Connection(client.url, "hps_one", transport=transport)
    return client


def flaky(*answers: httpx2.Response | Exception) -> tuple[Handler, list[httpx2.Request]]:
    """Answers one request after the other; the requests."""
    left, seen = list(answers), list[httpx2.Request]()

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        found = left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    return answer, seen


def commands_ask(served: Served, monkeypatch: pytest.MonkeyPatch, who: str = "submit") -> None:
    """Have commands of this process ask a service, as somebody."""
    transport = served.client._transport
    monkeypatch.setattr(service, "Connection", partial(Connection, transport=transport))
    monkeypatch.setenv("HPSEARCH_SERVER", URL)
    monkeypatch.setenv("HPSEARCH_TOKEN", served.shown[who])
