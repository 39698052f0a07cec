"""Answers that a client need not get twice."""

import hashlib
import json
from typing import Any

from fastapi import Request
from fastapi.responses import Response


def as_json(request: Request, value: Any) -> Response:
    """A value that is ready for JSON, as :func:`with_etag`."""
    content = json.dumps(value).encode()
    return with_etag(request, content, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def with_etag(request: Request, content: bytes, etag: str) -> Response:
    """JSON with an ETag; 304 without a body where the client has it already.

    Args:
        request: what asks, perhaps with ``If-None-Match``.
        content: JSON.
        etag: another one for each other content.
    """
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    known = [one.strip() for one in request.headers.get("if-none-match", "").split(",")]
    if etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type="application/json")
