"""Errors as problem documents (RFC 9457), with the messages of the command line."""

import http
import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from hpsearch.errors import (
    HpsearchError,
    InputError,
    NoTrialError,
    UnfinishedError,
    UnknownStudyError,
    UnreachableError,
)
from hpsearch.search.database.messages import STORAGE_ERRORS, readable_errors
from hpsearch.search.making import StudyExistsError
from hpsearch.search.storage import StudyBusyError
from hpsearch.search.submissions import StateError
from hpsearch.services.submit import KeyReusedError
from hpsearch.services.upload import BusyError, TooLargeError, UnknownUploadError, UploadKeptError

MEDIA_TYPE = "application/problem+json"

LONGEST = 4000
"""Characters of a message that are sent: some list all that is known."""

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


class RefusedError(Exception):
    """A request that is answered with a problem document.

    Attributes:
        status: of the answer.
        headers: more headers of the answer.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.headers = status, dict(headers or {})


def document(status: int, detail: str) -> dict[str, object]:
    """A problem document."""
    title = http.HTTPStatus(status).phrase
    return Problem(title=title, status=status, detail=detail).model_dump()


def answer(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An answer with a problem document."""
    # A lone surrogate in what somebody sent is no UTF-8.
    text = detail.encode("utf-8", "backslashreplace").decode()
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]} ..."
    return JSONResponse(document(status, text), status, dict(headers or {}), MEDIA_TYPE)


def add_handlers(app: FastAPI, url: str) -> None:
    """Have all errors answered by problem documents.

    Args:
        app: the application.
        url: of the storage, for messages.
    """

    @app.exception_handler(RefusedError)
    def refused(_: Request, error: RefusedError) -> JSONResponse:
        return answer(error.status, str(error), error.headers)

    @app.exception_handler(HpsearchError)
    def expected(_: Request, error: HpsearchError) -> JSONResponse:
        status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
        again = {"Retry-After": str(RETRY_AFTER)} if status == 503 else {}
        return answer(status, str(error), again)

    def storage(request: Request, error: Exception) -> JSONResponse:
        try:
            with readable_errors(url):
                raise error
        except UnreachableError as readable:
            _log.warning("%s", readable)
            return expected(request, readable)

    for kind in STORAGE_ERRORS:
        app.add_exception_handler(kind, storage)

    @app.exception_handler(HTTPException)
    def of_http(_: Request, error: HTTPException) -> JSONResponse:
        return answer(error.status_code, str(error.detail), error.headers)

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        told = [f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors()]
        return answer(422, "\n".join(told))

    @app.exception_handler(Exception)
    def fault(request: Request, _: Exception) -> JSONResponse:
        _log.error("a fault of the program: %s %s", request.method, request.url.path)
        return answer(500, "a fault of the program; its traceback is in the log of the service")


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
