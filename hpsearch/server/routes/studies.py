"""``/v1/studies``: submitting studies, seeing how they stand, and deciding what becomes of them."""

from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from hpsearch.search import submissions
from hpsearch.search import trials as rows
from hpsearch.search.attributes import SUBMISSION_KEY
from hpsearch.search.effects import effects
from hpsearch.search.lookup import load_study
from hpsearch.search.shapes import Submission, SubmissionState
from hpsearch.search.storage.queued import Submitted
from hpsearch.search.study import OpenStudy
from hpsearch.server import described, results
from hpsearch.server.board import study_row
from hpsearch.server.problems import RefusedError
from hpsearch.server.routes.answers import as_json, following, with_etag
from hpsearch.server.service import Service, service
from hpsearch.server.tokens import Role, Token
from hpsearch.server.who import Gate, Reader, Submitter
from hpsearch.services import submit as submitting
from hpsearch.services.standing import standing

router = APIRouter(prefix="/v1/studies", tags=["studies"])
check_router = APIRouter(tags=["studies"])

AT_ONCE = 2
"""Submits that are worked on at the same time: each may import data."""

Here = Annotated[Service, Depends(service)]
Name = Annotated[str, Path(max_length=512)]
Priority = Annotated[int, Query(ge=-100, le=100, description="The higher, the earlier.")]
State = Annotated[
    Literal[SubmissionState, "running"] | None, Query(description="Only those in it.")
]
Limit = Annotated[int | None, Query(ge=1, le=1000, description="How many at most.")]
After = Annotated[int | None, Query(ge=0, lt=2**53, description="Those that come after it.")]
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]

Webhook = Annotated[
    str | None,
    Query(max_length=2000, description="Told of its end, failure and target (--webhook-host)."),
]
Target = Annotated[
    float | None,
    Query(allow_inf_nan=False, description="A value of the objective; reached, it is told."),
]

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


@router.get("", response_model=list[described.Study], responses=described.UNCHANGED)
async def list_studies(  # noqa: PLR0917  # FastAPI gives them by name
    request: Request,
    here: Here,
    _: Reader,
    state: State = None,
    user: Annotated[str | None, Query(max_length=40)] = None,
    limit: Limit = None,
    after: After = None,
) -> Response:
    """All submitted studies, the oldest first; with an ETag for who polls.

    In pages: at most ``limit`` studies, those made after the one whose ``id`` is ``after``.
    """
    found = await here.board.now()
    if (state, user, limit, after) == (None,) * 4:
        return with_etag(request, found.studies, found.etag)
    chosen = [
        row for row in found.rows
        if (state is None or row["state"] == state) and (user is None or row["user"] == user)
        and (after is None or row["id"] > after)
    ]  # fmt: skip
    if limit is None or len(chosen) <= limit:
        return await run_sync(as_json, request, chosen)
    page = chosen[:limit]
    return await run_sync(as_json, request, page, following(request, page[-1]["id"]))


def _asked(  # noqa: PLR0917  # FastAPI gives them by name
    token: Submitter,
    content: Annotated[str, Depends(_content)],
    ending: Annotated[str, Depends(_ending)],
    priority: Priority = 0,
    key: Key = None,
    webhook: Webhook = None,
    target: Target = None,
) -> submitting.Request:
    """What a token submits."""
    check_priority(token, priority)
    return submitting.Request(
        content=content,
        ending=ending,
        user=token.name,
        sees_all=token.role is Role.ADMIN,
        priority=priority,
        key=key,
        webhook=webhook,
        target=target,
    )


Asked = Annotated[submitting.Request, Depends(_asked)]
_MADE: dict[int | str, dict[str, Any]] = {
    200: {"model": described.Submitted, "description": "The study of an earlier request."}
}


@router.post(
    "",
    status_code=201,
    response_model=described.Submitted,
    responses=_MADE,
    openapi_extra=_FILE,
)
async def submit(here: Here, asked: Asked) -> JSONResponse:
    """Check a study file (TOML, or the same as JSON), make its study, and queue it."""
    return await _submitted(here, asked)


@router.post(
    "/{name}/fork",
    status_code=201,
    response_model=described.Forked,
    responses=_MADE,
    openapi_extra=_FILE,
)
async def fork(here: Here, asked: Asked, name: Name) -> JSONResponse:
    """As submitting, but the new study begins with the trials of this one that lie in its space."""
    return await _submitted(here, replace(asked, fork=name))


async def _submitted(here: Service, asked: submitting.Request) -> JSONResponse:
    """The row of a study that is made, and what was said of its data."""

    def work() -> tuple[dict[str, Any], bool]:
        done = submitting.submit(asked, here.rules, here.storage, here.workspace)
        here.changed()
        row = row_of(here, done.study, submissions.submission_of(done.study))
        return {**row, "warnings": done.warnings, **done.taken}, done.is_new

    body, is_new = await run_sync(work, limiter=_submits)
    where = {"Location": f"/v1/studies/{body['name']}"}
    return JSONResponse(body, 201 if is_new else 200, where)


@check_router.post("/v1/check", response_model=results.Checked, openapi_extra=_FILE)
async def check(
    here: Here,
    token: Submitter,
    content: Annotated[str, Depends(_content)],
    ending: Annotated[str, Depends(_ending)],
) -> JSONResponse:
    """Train the smallest, middle and largest model of a study file, as ``hpsearch check`` does."""
    sees_all = token.role is Role.ADMIN
    asked = submitting.Request(content=content, ending=ending, user=token.name, sees_all=sees_all)
    home = here.workspace.home
    work = partial(submitting.check, asked, here.rules, home)
    return JSONResponse(await run_sync(work, limiter=_checks))


@router.get("/{name}", response_model=described.Details, responses=described.UNCHANGED)
def show(
    request: Request,
    here: Here,
    token: Reader,
    name: Name,
    learnt: Annotated[bool, Query(description="Also what the trials say of the space.")] = False,
) -> Response:
    """One study as ``hpsearch show --json`` prints it, and what was decided of it.

    Where its data lie on this machine is for administrators; others see what study files call them.
    """
    study = load_study(here.storage, name)
    details = standing(study, here.workspace.home)
    if learnt:
        details["learnt"] = effects(study).plain()
    submission = study.optuna.user_attrs.get(SUBMISSION_KEY)
    if submission is not None:  # in the list's words: "running" where a worker has it
        row = row_of(here, study, submissions.submission_of(study))
        submission = {**submission, "state": row["state"]}
    return as_json(request, here.shown({**details, "submission": submission}, study, token))


@router.get("/{name}/trials", response_model=list[results.Trial], responses=described.UNCHANGED)
def trials(
    request: Request,
    here: Here,
    token: Reader,
    name: Name,
    *,
    limit: Limit = None,
    after: After = None,
) -> Response:
    """The trials of a study, as ``hpsearch trials --json`` prints them; ``after``: a number."""
    study = load_study(here.storage, name)
    if limit is None and after is None:
        return as_json(request, here.rows(study, token, study.trials()))
    found = here.storage.trials_after(study.study_id, -1 if after is None else after, limit)
    more = following(request, found[-1].number) if limit and len(found) == limit else None
    return as_json(request, here.rows(study, token, found), more)


@router.get("/{name}/best", response_model=results.Best, responses=described.UNCHANGED)
def best(request: Request, here: Here, token: Reader, name: Name) -> Response:
    """The best trial of a study, as ``hpsearch best --json`` prints it."""
    study = load_study(here.storage, name)
    return as_json(request, here.shown(rows.best_row(study), study, token))


@router.get(
    "/{name}/events",
    response_class=StreamingResponse,
    responses=described.file_of("text/event-stream"),
)
async def events(request: Request, here: Here, token: Reader, name: Name) -> StreamingResponse:
    """A study's trials as they run, as server-sent events: ``study``, ``trials``, ``gone``."""
    await here.hub.find(name)  # says so where there is none
    gate: Gate = request.app.state.gate
    events = here.hub.watch(name, lambda: gate.tokens.named(token.name) == token)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, 200, headers, "text/event-stream")


def check_priority(token: Token, priority: int) -> None:
    """Refuse a priority above the usual one, unless an administrator gives it.

    Raises:
        RefusedError: so it is.
    """
    if priority > 0 and token.role is not Role.ADMIN:
        raise RefusedError(
            403, f"priority {priority}: only an administrator gives more than 0; leave it out"
        )


def row_of(here: Service, study: OpenStudy, submission: Submission) -> dict[str, Any]:
    """A study as the list has it."""
    standing = here.storage.standings([study.study_id])[study.study_id]
    held = any(slot["study"] == study.name for slot in here.scheduler.shown)
    one = Submitted(study_id=study.study_id, name=study.name, submission=submission)
    return study_row(one, standing, is_held=held)
