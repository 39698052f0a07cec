"""``/v1/studies``: submitting studies, seeing how they stand, and deciding what becomes of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from hpsearch.search import submissions
from hpsearch.search import trials as rows
from hpsearch.search.attributes import SUBMISSION_KEY
from hpsearch.search.shapes import Submission
from hpsearch.search.storage.queued import Submitted
from hpsearch.search.study import OpenStudy, load_study
from hpsearch.server.board import study_row
from hpsearch.server.problems import RefusedError
from hpsearch.server.routes.answers import as_json, with_etag
from hpsearch.server.service import Service, service
from hpsearch.server.tokens import Role, Token
from hpsearch.server.who import Gate, Reader, Submitter, may_change
from hpsearch.services import submit as submitting

router = APIRouter(prefix="/v1/studies", tags=["studies"])
check_router = APIRouter(tags=["studies"])

AT_ONCE = 2
"""Submits that are worked on at the same time: each may import data."""

Here = Annotated[Service, Depends(service)]
Name = Annotated[str, Path(max_length=512)]
Priority = Annotated[int, Query(ge=-100, le=100, description="The higher, the earlier.")]
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]

_ENDINGS = {
    "application/toml": ".toml",
    "text/plain": ".toml",
    "application/json": ".json",
}
_FILE = {
    "requestBody": {
        "required": True,
        "content": {
            kind: {"schema": {"type": "string"}} for kind in ("application/toml", "text/plain")
        }
        | {"application/json": {"schema": {"type": "object"}}},
    }
}
_submits, _checks = CapacityLimiter(AT_ONCE), CapacityLimiter(1)


class Change(BaseModel):
    """What may be changed of a study."""

    model_config = ConfigDict(extra="forbid")

    priority: Annotated[int, Field(ge=-100, le=100, strict=True)]
    """The higher, the earlier; above 0 only by an administrator."""


async def _content(request: Request) -> str:
    """The text of a body.

    Raises:
        RefusedError: it is no text, or too large (:mod:`hpsearch.server.door`).
    """
    try:
        return (await request.body()).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RefusedError(422, "the study file is not UTF-8 text; save it as UTF-8") from None


def _ending(request: Request) -> str:
    """The format of a body.

    Raises:
        RefusedError: another one than a study file may have.
    """
    kind = request.headers.get("content-type", "application/toml").partition(";")[0].strip().lower()
    if kind not in _ENDINGS:
        raise RefusedError(
            415, f"Content-Type {kind!r}: send the study file as {' or '.join(_ENDINGS)}"
        )
    return _ENDINGS[kind]


@router.get("")
async def list_studies(
    request: Request,
    here: Here,
    _: Reader,
    state: Annotated[str | None, Query(max_length=20)] = None,
    user: Annotated[str | None, Query(max_length=40)] = None,
) -> Response:
    """All submitted studies, the oldest first; with an ETag for who polls."""
    found = await here.board.now()
    if state is None and user is None:
        return with_etag(request, found.studies, found.etag)
    chosen = [
        row for row in found.rows if row["state"] == (state or row["state"])
        and row["user"] == (user or row["user"])
    ]  # fmt: skip
    return await run_sync(as_json, request, chosen)


@router.post("", status_code=201, openapi_extra=_FILE)
async def submit(  # noqa: PLR0917  # FastAPI gives them by name
    here: Here,
    token: Submitter,
    content: Annotated[str, Depends(_content)],
    ending: Annotated[str, Depends(_ending)],
    priority: Priority = 0,
    key: Key = None,
) -> JSONResponse:
    """Check a study file (TOML, or the same as JSON), make its study, and queue it."""
    _check_priority(token, priority)
    asked = submitting.Request(
        content=content, ending=ending, user=token.name, priority=priority, key=key
    )

    def work() -> tuple[dict[str, Any], bool]:
        done = submitting.submit(asked, here.rules, here.storage, here.workspace)
        here.changed()
        row = _row(here, done.study, submissions.submission_of(done.study))
        return {**row, "warnings": done.warnings}, done.is_new

    body, is_new = await run_sync(work, limiter=_submits)
    where = {"Location": f"/v1/studies/{body['name']}"}
    return JSONResponse(body, 201 if is_new else 200, where)


@check_router.post("/v1/check", openapi_extra=_FILE)
async def check(
    here: Here,
    token: Submitter,
    content: Annotated[str, Depends(_content)],
    ending: Annotated[str, Depends(_ending)],
) -> JSONResponse:
    """Train the smallest, middle and largest model of a study file, as ``hpsearch check`` does."""
    asked = submitting.Request(content=content, ending=ending, user=token.name)
    home = here.workspace.home
    work = partial(submitting.check, asked, here.rules, home)
    return JSONResponse(await run_sync(work, limiter=_checks))


@router.get("/{name}")
def show(request: Request, here: Here, _: Reader, name: Name) -> Response:
    """One study: budget, data, counts, workers, study file, and what was decided of it."""
    study = load_study(here.storage, name)
    details = rows.details(study)
    submission = study.optuna.user_attrs.get(SUBMISSION_KEY)
    return as_json(request, {**details, "submission": submission})


@router.get("/{name}/trials")
def trials(request: Request, here: Here, _: Reader, name: Name) -> Response:
    """The trials of a study, as ``hpsearch trials --json`` prints them."""
    study = load_study(here.storage, name)
    return as_json(request, [rows.row(study, trial) for trial in study.trials()])


@router.get("/{name}/best")
def best(request: Request, here: Here, _: Reader, name: Name) -> Response:
    """The best trial of a study, as ``hpsearch best --json`` prints it."""
    return as_json(request, rows.best_row(load_study(here.storage, name)))


@router.get("/{name}/events", response_class=StreamingResponse)
async def events(request: Request, here: Here, token: Reader, name: Name) -> StreamingResponse:
    """A study's trials as they run, as server-sent events: ``study``, ``trials``, ``gone``."""
    await here.hub.find(name)  # says so where there is none
    gate: Gate = request.app.state.gate
    events = here.hub.watch(name, lambda: gate.tokens.named(token.name) == token)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, 200, headers, "text/event-stream")


@router.post("/{name}/pause")
def pause(here: Here, token: Submitter, name: Name) -> dict[str, Any]:
    """Have running trials saved within an epoch, and none start, until it is resumed."""
    return _decide(here, token, name, submissions.pause)


@router.post("/{name}/resume")
def resume(here: Here, token: Submitter, name: Name) -> dict[str, Any]:
    """Queue a study that was paused, or has failed."""
    return _decide(here, token, name, submissions.resume)


@router.post("/{name}/cancel")
def cancel(here: Here, token: Submitter, name: Name) -> dict[str, Any]:
    """As pause, but for good; what it has found stays."""
    return _decide(here, token, name, submissions.cancel)


@router.patch("/{name}")
def change(here: Here, token: Submitter, name: Name, change: Change) -> dict[str, Any]:
    """Give a study another priority."""
    _check_priority(token, change.priority)

    def prioritise(study: OpenStudy, who: str) -> Submission:
        return submissions.prioritise(study, who, change.priority)

    return _decide(here, token, name, prioritise)


def _check_priority(token: Token, priority: int) -> None:
    """Refuse a priority above the usual one, unless an administrator gives it.

    Raises:
        RefusedError: so it is.
    """
    if priority > 0 and token.role is not Role.ADMIN:
        raise RefusedError(
            403, f"priority {priority}: only an administrator gives more than 0; leave it out"
        )


def _decide(
    here: Service, token: Token, name: str, act: Callable[[OpenStudy, str], Submission]
) -> dict[str, Any]:
    """Decide something of a study that may be the token's to decide; the study's row."""
    study = load_study(here.storage, name)
    may_change(token, submissions.submission_of(study).user)
    with _noted(here):
        return _row(here, study, act(study, token.name))


@contextmanager
def _noted(here: Service) -> Iterator[None]:
    """Have the next look at the board see what the block changed."""
    try:
        yield
    finally:
        here.changed()


def _row(here: Service, study: OpenStudy, submission: Submission) -> dict[str, Any]:
    """A study as the list has it."""
    standing = here.storage.standings([study.study_id])[study.study_id]
    held = any(slot["study"] == study.name for slot in here.scheduler.shown)
    one = Submitted(study_id=study.study_id, name=study.name, submission=submission)
    return study_row(one, standing, is_held=held)
