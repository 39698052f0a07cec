"""A service without workers, and clients of it, in this process."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from served import Served

from hpsearch.dashboard.server import application as dashboard_of
from hpsearch.home import Home
from hpsearch.search.storage.opening import open_storage
from hpsearch.server.app import application
from hpsearch.server.board import Board
from hpsearch.server.live import Hub
from hpsearch.server.scheduler import Scheduler
from hpsearch.server.service import Service
from hpsearch.server.tokens import Role, Tokens
from hpsearch.server.who import Gate
from hpsearch.services.rules import Rules
from hpsearch.services.workspace import Workspace


@pytest.fixture
def serve(home: Home) -> Iterator[Callable[..., Served]]:
    """Makes the service of a home; its arguments are those of ``Rules``."""
    opened = []

    def make(**rules: Path | bool) -> Served:
        storage = open_storage(home.storage_url())
        storage.make_events()
        tokens = Tokens(home.tokens)
        shown = {role.value: tokens.add(role.value, role) for role in Role}
        shown |= {"other": tokens.add("other", Role.SUBMIT), "wrong": "hps_wrong"}
        shown |= {"revoked": tokens.add("revoked", Role.ADMIN)}
        tokens.revoke("revoked")
        workspace = Workspace(home=home)
        scheduler = Scheduler(workspace=workspace, slots=())
        scheduler.ticked = time.monotonic()
        service = Service(
            workspace=workspace,
            storage=storage,
            rules=Rules(**rules),  # type: ignore[arg-type]
            board=Board(storage, lambda: scheduler.shown),
            hub=Hub(storage, lambda: False),
            scheduler=scheduler,
        )
        gate = Gate(tokens=tokens, cookie="hpsearch-1")
        hosts = frozenset({"127.0.0.1", "proxy.org"})
        app = application(
            service, gate, dashboard_of(storage, home), hosts=hosts,
            allowed=frozenset({"proxy.org"}),
        )  # fmt: skip
        client = TestClient(app, "http://127.0.0.1", raise_server_exceptions=False)
        opened.append((client, storage))
        return Served(
            home=home, storage=storage, tokens=tokens, gate=gate, scheduler=scheduler,
            client=client, shown=shown,
        )  # fmt: skip

    yield make
    for client, storage in opened:
        client.close()
        storage.close()


@pytest.fixture
def served(serve: Callable[..., Served]) -> Served:
    return serve()
