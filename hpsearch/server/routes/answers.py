"""Answers that a client need not get twice."""

import hashlib
import json
from typing import Any

from fastapi import Request
from fastapi.responses import Response


def with_etag(request: Request, value: Any, etag: str | None = None) -> Response:
    """A value as JSON with an ETag; 304 without a body where the client has it already.

    Args:
        request: what asks, perhaps with ``If-None-Match``.
        value: ready for JSON.
        etag: known beforehand; None: by the content.
    """
    content = b""
    if etag is None:
        content = json.dumps(value).encode()
        etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    known = [one.strip() for one in request.headers.get("if-none-match", "").split(",")]
    if etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    content = content or json.dumps(value).encode()
    return Response(content, headers=headers, media_type="application/json")
