"""Slots, who did what, and who asks: ``/v1/queue``, ``/v1/workers``, ``/v1/events``, ``/v1/me``."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response

from hpsearch.server import described
from hpsearch.server.board import moment
from hpsearch.server.problems import answer
from hpsearch.server.routes.answers import as_json, following, with_etag
from hpsearch.server.service import Service, service
from hpsearch.server.tokens import Role
from hpsearch.server.who import Gate, Reader

router = APIRouter(tags=["queue"])

Here = Annotated[Service, Depends(service)]


@router.get("/v1/queue", response_model=described.Queue, responses=described.UNCHANGED)
async def queue(request: Request, here: Here, _: Reader) -> Response:
    """The slots of this box and who has them; studies that wait, and all others."""
    found = await here.board.now()
    return with_etag(request, found.queue, found.etag)


@router.get("/v1/workers", response_model=list[described.Slot], responses=described.UNCHANGED)
async def workers(request: Request, here: Here, _: Reader) -> Response:
    """The slots of this box and who has them, without the studies."""
    found = await here.board.now()
    return as_json(request, [{**one, "since": moment(one["since"])} for one in found.slots])


@router.get("/v1/events", response_model=list[described.Event])
def events(  # noqa: PLR0917  # FastAPI gives them by name
    request: Request,
    response: Response,
    here: Here,
    token: Reader,
    study: Annotated[str | None, Query(max_length=512)] = None,
    before: Annotated[int | None, Query(ge=1, lt=2**53)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[dict[str, Any]]:
    """Who did what, and when, the last one first; ``before`` is the number of an event.

    Tokens, refusals and changes in the dashboard are for administrators.
    """
    is_admin = token.role is Role.ADMIN
    found = here.storage.events(study, before=before, most=limit, audit=is_admin)
    if len(found) == limit and found[-1].number > 1:
        response.headers["Link"] = following(request, found[-1].number, "before")
    return [
        {
            "number": event.number,
            "moment": moment(event.moment),
            "who": event.who,
            "what": event.what,
            "study": event.study,
            "detail": event.detail,
        }
        for event in found
    ]


@router.get("/v1/me", response_model=described.Me)
async def me(token: Reader) -> dict[str, str]:
    """Whose token was shown, and what it allows."""
    return {"name": token.name, "role": token.role.value}


@router.post("/v1/session", status_code=204)
def enter(request: Request, token: Reader) -> Response:
    """Have a browser stay in for some hours, by a cookie that stands for the token."""
    entered = Response(status_code=204, headers={"Cache-Control": "no-store"})
    set_session(request, entered, request.app.state.gate.session(token))
    return entered


@router.delete("/v1/session", status_code=204)
def leave(request: Request) -> Response:
    """Have the browser forget its cookie."""
    left = Response(status_code=204)
    left.delete_cookie(request.app.state.gate.cookie, path="/")
    return left


def set_session(request: Request, response: Response, session: str) -> None:
    """Put the cookie of a session into an answer."""
    gate: Gate = request.app.state.gate
    is_https = request.url.scheme == "https"
    response.set_cookie(
        gate.cookie, session, path="/", httponly=True, samesite="lax", secure=is_https
    )


@router.get("/healthz", response_model=described.Status)
async def healthz() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "ok"}


@router.get("/readyz", response_model=described.Status)
def readyz(here: Here) -> JSONResponse:
    """Whether the service works: its storage can be reached, and workers are started."""
    trouble = here.trouble
    return JSONResponse({"status": "ok"}) if trouble is None else answer(503, trouble)
