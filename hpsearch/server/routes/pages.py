"""The pages: one HTML file with its style and scripts, which ask the routes below ``/v1``."""

import importlib.resources
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from hpsearch.server.door import PAGE_POLICY
from hpsearch.server.problems import RefusedError
from hpsearch.server.routes.queue import set_session
from hpsearch.server.who import Gate

router = APIRouter(include_in_schema=False)

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}


@router.get("/")
async def first(request: Request) -> Response:
    """The first page; a token in the address becomes a cookie, and the address is forgotten."""
    shown = request.query_params.get("token")
    if shown is None:
        return _file("page.html")
    gate: Gate = request.app.state.gate
    token = gate.tokens.find(shown)
    if token is None:
        gate.miss(request)
        raise RefusedError(401, "the token in the address is wrong, or was revoked")
    rest = [(key, value) for key, value in request.query_params.multi_items() if key != "token"]
    entered = RedirectResponse("/" + (f"?{urlencode(rest)}" if rest else ""), 303)
    entered.headers["Cache-Control"] = "no-store"
    set_session(request, entered, gate.session(token))
    return entered


@router.get("/ui/{name}")
async def file(name: str) -> Response:
    """What the page consists of."""
    if name not in _content():
        raise RefusedError(404, "there is nothing here")
    return _file(name)


def _file(name: str) -> Response:
    headers = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-cache"}
    return Response(_content()[name], headers=headers, media_type=_TYPES[Path(name).suffix])


@cache
def _content() -> dict[str, bytes]:
    """The files of the page, by name."""
    folder = importlib.resources.files("hpsearch.server").joinpath("pages")
    return {
        one.name: one.read_bytes() for one in folder.iterdir() if Path(one.name).suffix in _TYPES
    }
