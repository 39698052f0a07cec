"""Answers that a client need not get twice."""

import hashlib
import json
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from hpsearch.server.board import Content


def as_json(request: Request, value: Any) -> Response:
    """A value that is ready for JSON, as :func:`with_etag`."""
    content = json.dumps(value).encode()
    return with_etag(request, content, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def with_etag(request: Request, content: bytes | Content, etag: str) -> Response:
    """JSON with an ETag; 304 without a body where the client has it already.

    Args:
        request: what asks, perhaps with ``If-None-Match``.
        content: JSON; compressed for clients that say they take it, where it is there so.
        etag: another one for each other content.
    """
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if isinstance(content, Content):
        headers["Vary"] = "Accept-Encoding"
    known = [one.strip() for one in request.headers.get("if-none-match", "").split(",")]
    if etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    if isinstance(content, Content):
        is_gzipped = _takes_gzip(request)
        headers |= {"Content-Encoding": "gzip"} if is_gzipped else {}
        content = content.gzipped if is_gzipped else content.plain
    return Response(content, headers=headers, media_type="application/json")


def _takes_gzip(request: Request) -> bool:
    """Whether a client says that it takes compressed answers."""
    takes = request.headers.get("accept-encoding", "").lower().replace(" ", "").split(",")
    return any(
        one == "gzip" or (one.startswith("gzip;q=") and one[7:].strip("0.")) for one in takes
    )
