"""The door of the service: what is looked at of every request before anybody asks who sent it.

An ASGI application around all of the service: which host is asked, whether another site's page
asks, how large the body is; and the headers of every answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from anyio import fail_after
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hpsearch.dashboard.access_control import READING, host_name
from hpsearch.server import problems

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""Headers of every answer."""

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""What our own pages may load: what the service itself sends. (optuna-dashboard's need more.)"""

MOST_BYTES = 2**20
"""Of a request's body; more than any study file has."""

MOST_OF_ARTIFACT = 16 * 2**20
"""Of a file that a user attaches in optuna-dashboard."""


SILENCE = 60.0
"""Seconds without a byte of a body that is not whole, after which the request is given up."""


@dataclass(frozen=True, kw_only=True)
class Door:
    """An ASGI application around another one."""

    app: ASGIApp
    hosts: frozenset[str]
    """Host names, without port, that the service answers to: others are pages that had their name
    point here (DNS rebinding)."""
    allowed: frozenset[str] = frozenset()
    """Those of them that a proxy goes by: pages of such a name are the service's own."""
    most_of_upload: int = 0
    """Bytes of a data set that a user sends."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have it answered."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        answering = _with_headers(send)
        most = self._most(scope["method"], scope["path"])
        refused = self._refusal(scope["method"], headers, most)
        if refused is not None:
            await problems.answer(*refused)(scope, receive, answering)
            return
        await self.app(scope, _Limited(receive, most), answering)

    def _most(self, method: str, path: str) -> int:
        """Bytes that the body of a request may have."""
        if path.startswith("/api/artifacts/"):
            return MOST_OF_ARTIFACT
        sends_data = method == "PUT" and path.startswith("/v1/datasets/")
        return max(self.most_of_upload, MOST_BYTES) if sends_data else MOST_BYTES

    def _refusal(self, method: str, headers: dict[bytes, str], most: int) -> tuple[int, str] | None:
        """Why a request is not answered: status and message; None where it is."""
        host = headers.get(b"host", "")
        if host_name(host) not in self.hosts:
            return 421, (
                "this address is not one of the service's; use the one that it printed, or start it"
                " with --allow-host NAME"
            )
        if method not in READING and self._is_foreign(headers, host):
            return 403, "another site's page may not change anything here"
        length = headers.get(b"content-length", "0")
        if length.isdecimal() and int(length[:20]) > most:
            return 413, f"the body has {length[:20]} bytes; at most {most} are read"
        return None

    def _is_foreign(self, headers: dict[bytes, str], host: str) -> bool:
        """Whether a browser says that another site's page sent the request."""
        origin = headers.get(b"origin")
        if origin is None:
            return headers.get(b"sec-fetch-site", "none") not in ("same-origin", "none")
        try:
            found = urlsplit(origin)
            return found.netloc.lower() != host.lower() and found.hostname not in self.allowed
        except ValueError:
            return True


class _Limited:
    """Hands a body on, as far as it is not too large and does not come too slowly."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._most, self._bytes, self._is_whole = receive, most, 0, False

    async def __call__(self) -> Message:
        message = await self._next()
        self._is_whole = not message.get("more_body", False)
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._most:
            raise problems.RefusedError(413, f"at most {self._most} bytes of a body are read")
        return message

    async def _next(self) -> Message:
        """What comes next: more of the body, or, when it is whole, that the client is gone."""
        if self._is_whole:
            return await self._receive()
        try:
            with fail_after(SILENCE):
                return await self._receive()
        except TimeoutError:
            told = f"nothing of the body came for {SILENCE:.0f} s; send it again"
            raise problems.RefusedError(408, told) from None


def _with_headers(send: Send) -> Send:
    """Sends an answer with the headers of every answer."""
    ours = {name for name, _ in HEADERS}

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept: Iterable[tuple[bytes, bytes]] = message.get("headers", ())
            others = [(name, value) for name, value in kept if name.lower() not in ours]
            message = {**message, "headers": [*others, *HEADERS]}
        await send(message)

    return sending
