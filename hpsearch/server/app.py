"""The application: routes, errors, pages, and optuna-dashboard behind the same door."""

import re
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from a2wsgi import WSGIMiddleware
from anyio.to_thread import run_sync
from fastapi import FastAPI, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hpsearch import __version__
from hpsearch.dashboard.access_control import READING, AccessControl
from hpsearch.server import problems
from hpsearch.server.audit import Audit
from hpsearch.server.door import Door
from hpsearch.server.gauges import show
from hpsearch.server.measured import DASHBOARD, Measured
from hpsearch.server.metrics import Metrics
from hpsearch.server.problems import RefusedError
from hpsearch.server.routes import (
    datasets,
    decisions,
    downloads,
    files,
    metrics,
    pages,
    queue,
    studies,
)
from hpsearch.server.service import Service
from hpsearch.server.tokens import Role
from hpsearch.server.who import Gate
from hpsearch.services.downloads import Downloads

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_DASHBOARD = re.compile(
    r"/(dashboard|api|static|csv|artifacts)(/.*)?|/(favicon\.ico|incompatible-rdb-schema)/?"
)
"""The paths that optuna-dashboard answers; it cannot live below one of them."""

THREADS = 8
"""Requests that optuna-dashboard answers at a time."""


def application(
    service: Service,
    gate: Gate,
    dashboard: "WSGIApplication",
    *,
    hosts: frozenset[str],
    allowed: frozenset[str] = frozenset(),
    measured: Metrics | None = None,
) -> ASGIApp:
    """The whole service.

    Args:
        service: its parts.
        gate: finds out who asks.
        dashboard: optuna-dashboard, which lets in everybody by itself.
        hosts: names, without port, by which it may be called.
        allowed: those of them that are a proxy's.
        measured: where all is counted; None: somewhere new.
    """
    counts, audit = measured or Metrics(), Audit(service.storage)
    app = FastAPI(
        title="hpsearch",
        version=__version__,
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        responses=problems.RESPONSES,
    )
    app.state.service, app.state.gate, app.state.metrics = service, gate, counts
    app.state.audit, app.state.downloads = audit, Downloads(service.workspace)
    show(service, counts.registry)
    problems.add_handlers(app, service.workspace.url, audit.refused)
    for router in (
        studies.router, studies.check_router, decisions.router, downloads.router, files.router,
        datasets.router, queue.router, pages.router, metrics.router,
    ):  # fmt: skip
        app.include_router(router)
    app.router.default = _Dashboard(dashboard, audit, hosts, allowed)
    uploads = service.rules.uploads
    most = 0 if uploads is None else uploads.limits.most
    door = Door(app=app, hosts=hosts, allowed=allowed, most_of_upload=most)
    return Measured(app=door, metrics=counts)


class _Dashboard:
    """optuna-dashboard for who may see it; only administrators change anything there."""

    def __init__(
        self,
        app: "WSGIApplication",
        audit: Audit,
        hosts: frozenset[str],
        allowed: frozenset[str],
    ) -> None:
        self._audit = audit
        guarded = partial(AccessControl, app=app, hosts=hosts, allowed=allowed, token=None)
        # a2wsgi has types of its own for what WSGI and ASGI are.
        self._of: dict[bool, ASGIApp] = {
            read_only: cast(
                "ASGIApp",
                WSGIMiddleware(cast("Any", guarded(read_only=read_only)), workers=THREADS),
            )
            for read_only in (True, False)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that no route of ours is for."""
        if scope["type"] != "http" or not _DASHBOARD.fullmatch(scope["path"]):
            raise RefusedError(404, "there is nothing here")
        scope[DASHBOARD] = True
        request = Request(scope)
        gate: Gate = scope["app"].state.gate
        token = await run_sync(gate.token_of, request)
        answered = 0

        async def sending(message: Message) -> None:
            nonlocal answered
            answered = message.get("status", answered)
            await send(message)

        await self._of[not token.role.allows(Role.ADMIN)](scope, receive, sending)
        if scope["method"] not in READING and answered < 300:
            await run_sync(self._audit.changed, token, scope["method"], scope["path"])
