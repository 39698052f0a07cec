"""Errors as problem documents (RFC 9457), with the messages of the command line."""

import http
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from hpsearch.errors import (
    EXIT_INPUT,
    HpsearchError,
    InputError,
    NoTrialError,
    StudyGoneError,
    UnfinishedError,
    UnknownStudyError,
    UnreachableError,
)
from hpsearch.files import PLAIN_NAME, PLAIN_NAME_IS
from hpsearch.search.database.messages import STORAGE_ERRORS, is_missing, readable_errors
from hpsearch.search.making import StudyExistsError
from hpsearch.search.storage import StudyBusyError
from hpsearch.search.submissions import StateError
from hpsearch.server.logs import told
from hpsearch.server.tokens import Token
from hpsearch.services.submit import KeyReusedError
from hpsearch.services.upload import BusyError, TooLargeError, UnknownUploadError, UploadKeptError
from hpsearch.text import show

MEDIA_TYPE = "application/problem+json"

LONGEST = 4000
"""Characters of a message that are sent: some list all that is known."""

QUIET = 30.0
"""Seconds between two lines of the log about a storage that cannot be reached."""

RETRY_AFTER = 5
"""Seconds after which a client may ask again where the storage could not be reached."""

_STATUS: dict[type[HpsearchError], int] = {
    UnknownStudyError: 404,
    UnknownUploadError: 404,
    UploadKeptError: 409,
    TooLargeError: 413,
    BusyError: 429,
    StudyExistsError: 409,
    StateError: 409,
    StudyBusyError: 409,
    UnfinishedError: 409,
    NoTrialError: 409,
    KeyReusedError: 422,
    StudyGoneError: 404,
    InputError: 422,
    UnreachableError: 503,
}
"""By class; the first one that an error is of counts."""

_log = logging.getLogger(__name__)


class Problem(BaseModel):
    """What is wrong, and what to do (RFC 9457)."""

    type: str = "about:blank"
    title: str
    """The status in words."""
    status: int
    detail: str
    """The message that the command line would print."""
    exit_code: int | None = None
    """With which the command would end; None: it is no message of a command."""


class RefusedError(Exception):
    """A request that is answered with a problem document.

    Attributes:
        status: of the answer.
        headers: more headers of the answer.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.headers = status, dict(headers or {})


def document(status: int, detail: str, exit_code: int | None = None) -> dict[str, object]:
    """A problem document."""
    title = http.HTTPStatus(status).phrase
    found = Problem(title=title, status=status, detail=detail, exit_code=exit_code)
    return found.model_dump(exclude_none=True)


def answer(
    status: int,
    detail: str,
    headers: Mapping[str, str] | None = None,
    exit_code: int | None = None,
) -> JSONResponse:
    """An answer with a problem document."""
    # A lone surrogate in what somebody sent is no UTF-8.
    text = detail.encode("utf-8", "backslashreplace").decode()
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]} ..."
    found = document(status, text, exit_code)
    return JSONResponse(found, status, dict(headers or {}), MEDIA_TYPE)


class _Seldom:
    """Says in the log that the storage is away, and not for each of those who poll."""

    def __init__(self) -> None:
        self._quiet_until = 0.0

    def say(self, error: UnreachableError) -> None:
        """Say so, unless it was said just now."""
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + QUIET
            _log.warning("%s", error, extra=told("storage away"))


_Handler = Callable[[Request, Any], JSONResponse]
"""Answers a request that raised an error of the kind that it is for."""


def add_handlers(app: FastAPI, url: str, note: Callable[[Token, Request, str], None]) -> None:
    """Have all errors answered by problem documents.

    Args:
        app: the application.
        url: of the storage, for messages.
        note: is told of whom a known token did not allow what it asked for, and why.
    """
    handlers: dict[type[Exception], _Handler] = {
        RefusedError: _of_refusals(note),
        HpsearchError: _expected,
        **dict.fromkeys(STORAGE_ERRORS, _of_storage(url)),
        KeyError: _removed,
        ClientDisconnect: _cut_off,
        HTTPException: _of_http,
        RequestValidationError: _invalid,
        Exception: _fault,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def _of_refusals(note: Callable[[Token, Request, str], None]) -> _Handler:
    """What answers where a request is refused; see :func:`add_handlers`."""

    def refused(request: Request, error: RefusedError) -> JSONResponse:
        token = getattr(request.state, "token", None)
        if error.status == 403 and token is not None:
            note(token, request, str(error))
        # What was sent is wrong: a command says so with this code.
        code = EXIT_INPUT if error.status == 422 else None
        return answer(error.status, str(error), error.headers, code)

    return refused


def _expected(_: Request, error: HpsearchError) -> JSONResponse:
    """The answer with the message that a command would print."""
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
    again = {"Retry-After": str(RETRY_AFTER)} if status == 503 else {}
    return answer(status, str(error), again, error.exit_code)


def _of_storage(url: str) -> _Handler:
    """What answers where the storage cannot be reached; see :func:`add_handlers`."""
    away = _Seldom()

    def storage(request: Request, error: Exception) -> JSONResponse:
        try:
            with readable_errors(url):
                raise error
        except UnreachableError as readable:
            away.say(readable)
            return _expected(request, readable)

    return storage


def _of_http(_: Request, error: HTTPException) -> JSONResponse:
    """The answer where Starlette refuses: no such route, or none of that method."""
    return answer(error.status_code, str(error.detail), error.headers)


def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
    """The answer where what was sent has not the form that is asked for."""
    said = "\n".join(map(_said_of, error.errors()))
    return answer(422, said, exit_code=EXIT_INPUT)


def _said_of(problem: Mapping[str, Any]) -> str:
    """What pydantic finds wrong with a key or parameter, with what was given."""
    key = ".".join(map(str, problem["loc"][1:]))
    if problem["type"] == "extra_forbidden":
        return f"{key}: unknown key; leave it out"
    if not key or problem["type"] in ("missing", "json_invalid"):
        return f"{key}: {problem['msg']}".removeprefix(": ")
    given = f"{key} = {show(problem['input'])}"
    if PLAIN_NAME in problem.get("ctx", {}).get("pattern", ""):
        return f"{given} is not a valid name; use {PLAIN_NAME_IS}"
    return f"{given}: {problem['msg']}"


def _fault(request: Request, _: Exception) -> JSONResponse:
    """The answer to whatever nobody foresaw, which uvicorn logs with its traceback."""
    _log.error("a fault of the program: %s %s", request.method, request.url.path)
    return answer(500, "a fault of the program; its traceback is in the log of the service")


def _cut_off(_: Request, __: Exception) -> JSONResponse:
    """The answer, which nobody reads, where a client has gone before all of its body came."""
    return answer(400, "the request was cut off; send it again")


def _removed(_: Request, error: Exception) -> JSONResponse:
    """The answer where a study is removed while a request looks at it."""
    if not isinstance(error, KeyError) or not is_missing(error):
        raise error
    return answer(404, "the study was removed meanwhile; GET /v1/studies lists those there are")


def _responses() -> dict[int | str, dict[str, object]]:
    said = {
        400: "The request cannot be read.",
        401: "No token, or a wrong one.",
        403: "The token does not allow it, or another site's page asks.",
        404: "There is no such study, or no such upload.",
        408: "Nothing came for too long.",
        409: "The state of the study, or of the upload, does not allow it.",
        413: "The body is too large.",
        415: "The body is of another type.",
        421: "The host is none of the service's.",
        422: "What was sent is wrong.",
        429: "Too many wrong tokens, or uploads at the same time.",
        503: "The storage cannot be reached just now, or the disk is full.",
    }
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    return {status: {"description": text, "content": content} for status, text in said.items()}


RESPONSES = _responses()
"""The problems that any route may answer with, for the OpenAPI document."""
