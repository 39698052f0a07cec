"""A service in this process, without workers, and requests to it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fastapi.testclient import TestClient
from httpx2 import Response
from starlette.types import ASGIApp

from hpsearch.dashboard.server import application as dashboard_of
from hpsearch.home import Home
from hpsearch.search.storage import Storage
from hpsearch.search.storage.opening import open_storage
from hpsearch.server.app import application
from hpsearch.server.board import Board
from hpsearch.server.live import Hub
from hpsearch.server.scheduler import Scheduler
from hpsearch.server.service import Service
from hpsearch.server.tokens import Role, Tokens
from hpsearch.server.who import Gate
from hpsearch.services.rules import Rules
from hpsearch.services.uploads import Uploads
from hpsearch.services.workspace import Workspace

STUDY = """\
name = "{name}"
[dataset]
source = "digits"
[budget]
trials = {trials}
[training]
epochs = 3
[space]
layers = {{ type = "int", low = 1, high = 2 }}
"""


@dataclass(frozen=True, kw_only=True)
class Served:
    """A service, and what it stands on."""

    home: Home
    storage: Storage
    tokens: Tokens
    gate: Gate
    scheduler: Scheduler
    service: Service
    app: ASGIApp
    client: TestClient
    shown: dict[str, str]
    """The token of each name: those of the roles, "other" (submit), "revoked" and "wrong"."""

    def ask(self, method: str, path: str, who: str | None = "admin", **options: object) -> Response:
        """Send a request with the token of somebody; None: without any."""
        headers = {} if who is None else {"Authorization": f"Bearer {self.shown[who]}"}
        given = options.pop("headers", {})
        assert isinstance(given, dict)
        return self.client.request(method, path, headers=headers | given, **options)  # type: ignore[arg-type]

    def submit(
        self, name: str = "small", who: str = "submit", *, trials: int = 5, path: str = "",
        **headers: str,
    ) -> Response:  # fmt: skip
        given = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.ask(
            "POST", f"/v1/studies{path}", who,
            content=STUDY.format(name=name, trials=trials),
            headers={"Content-Type": "application/toml"} | given,
        )  # fmt: skip


@contextmanager
def service_of(home: Home, **rules: Any) -> Iterator[Served]:
    """The service of a home; its arguments are those of ``Rules``."""
    storage = open_storage(home.storage_url())
    storage.make_events()
    home.tokens.unlink(missing_ok=True)  # of an earlier one
    tokens = Tokens(home.tokens)
    shown = {role.value: tokens.add(role.value, role) for role in Role}
    shown |= {"other": tokens.add("other", Role.SUBMIT), "wrong": "hps_wrong"}
    shown |= {"revoked": tokens.add("revoked", Role.ADMIN)}
    tokens.revoke("revoked")
    workspace, ending = Workspace(home=home), list[bool]()
    scheduler = Scheduler(workspace=workspace, slots=())
    scheduler.ticked = time.monotonic()
    service = Service(
        workspace=workspace,
        storage=storage,
        rules=Rules(**{"uploads": Uploads(home=home)} | rules),  # type: ignore[arg-type]
        board=Board(storage, lambda: scheduler.shown),
        hub=Hub(storage, lambda: bool(ending)),
        scheduler=scheduler,
    )
    gate = Gate(tokens=tokens, cookie="hpsearch-1")
    hosts, allowed = frozenset({"127.0.0.1", "proxy.org"}), frozenset({"proxy.org"})
    app = application(
        service, gate, dashboard_of(storage, home), hosts=hosts, allowed=allowed,
        measured=scheduler.metrics,
    )  # fmt: skip
    client = TestClient(app, "http://127.0.0.1", raise_server_exceptions=False)
    try:
        yield Served(
            home=home, storage=storage, tokens=tokens, gate=gate, scheduler=scheduler,
            service=service, app=app, client=client, shown=shown,
        )  # fmt: skip
    finally:
        ending.append(True)
        client.close()
        storage.close()
