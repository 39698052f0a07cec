"""Measuring every request: by the template of its route, so that no name of a user's is a label."""

import logging
import time
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hpsearch.server.logs import told
from hpsearch.server.metrics import Metrics

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""Methods that are told apart; clients may send any word."""

DASHBOARD = "hpsearch.dashboard"
"""In a scope: optuna-dashboard answers it."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """An ASGI application around another one; it also writes the log of requests (level debug)."""

    app: ASGIApp
    metrics: Metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a request answered, and count the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._count(scope, int(message["status"]), time.perf_counter() - began)
            await send(message)

        await self.app(scope, receive, sending)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        """Count an answer that begins."""
        method = scope["method"] if scope["method"] in METHODS else "other"
        route = route_of(scope)
        self.metrics.requests.labels(method, route, str(status)).inc()
        self.metrics.answering.labels(method, route).observe(seconds)
        if _log.isEnabledFor(logging.DEBUG):
            client = scope["client"][0] if scope.get("client") else "-"
            # Without the query: it may have a token.
            _log.debug(
                "%s %s %s %d %.0f ms", client, method, scope["path"], status, 1000 * seconds,
                extra=told(
                    "request", client=client, method=method, path=scope["path"], route=route,
                    status=status, seconds=round(seconds, 4),
                ),
            )  # fmt: skip


def route_of(scope: Scope) -> str:
    """The template of the route that answered; a word for all that had none."""
    found = getattr(scope.get("route"), "path", None)
    if isinstance(found, str):
        return found
    return "dashboard" if DASHBOARD in scope else "none"
