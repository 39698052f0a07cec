"""Answers that a client need not get twice."""

import hashlib
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import Response

from hpsearch.server.board import Content
from hpsearch.server.texts import text_of


def as_json(request: Request, value: Any, link: str | None = None) -> Response:
    """A value that is ready for JSON, as :func:`with_etag`."""
    content = text_of(value).encode()
    seen = hashlib.sha256(content + (link or "").encode())
    return with_etag(request, content, f'"{seen.hexdigest()[:32]}"', link)


def following(request: Request, last: int, key: str = "after") -> str:
    """The header ``Link`` of a page of a list that goes on (RFC 8288).

    Args:
        request: asked for the page.
        last: what the next one begins behind.
        key: of the query that says so.
    """
    query = [(name, value) for name, value in request.query_params.multi_items() if name != key]
    return f'<{quote(request.scope["path"])}?{urlencode([*query, (key, last)])}>; rel="next"'


def with_etag(
    request: Request, content: bytes | Content, etag: str, link: str | None = None
) -> Response:
    """JSON with an ETag; 304 without a body where the client has it already.

    Args:
        request: what asks, perhaps with ``If-None-Match``.
        content: JSON; compressed for clients that say they take it, where it is there so.
        etag: another one for each other content.
        link: where the list goes on; None: this is all of it.
    """
    headers = {"ETag": etag, "Cache-Control": "no-cache", **({"Link": link} if link else {})}
    if isinstance(content, Content):
        headers["Vary"] = "Accept-Encoding"
    if is_known(request, etag):
        return Response(status_code=304, headers=headers)
    if isinstance(content, Content):
        is_gzipped = _takes_gzip(request)
        headers |= {"Content-Encoding": "gzip"} if is_gzipped else {}
        content = content.gzipped if is_gzipped else content.plain
    return Response(content, headers=headers, media_type="application/json")


def is_known(request: Request, etag: str) -> bool:
    """Whether a client says that it has what has this ETag."""
    known = [one.strip() for one in request.headers.get("if-none-match", "").split(",")]
    return etag in known or "*" in known


def _takes_gzip(request: Request) -> bool:
    """Whether a client says that it takes compressed answers."""
    takes = request.headers.get("accept-encoding", "").lower().replace(" ", "").split(",")
    return any(
        one == "gzip" or (one.startswith("gzip;q=") and one[7:].strip("0.")) for one in takes
    )
