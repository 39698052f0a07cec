"""``/v1/datasets``: data that users send to the service, for study files to name."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from functools import partial
from typing import Annotated, Any, Literal

from anyio import CancelScope, CapacityLimiter, fail_after
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect

from hpsearch.files import PLAIN_NAME
from hpsearch.search.storage.events import Event
from hpsearch.server import described
from hpsearch.server.problems import RefusedError
from hpsearch.server.routes.answers import as_json
from hpsearch.server.service import Service, service
from hpsearch.server.tokens import NAME as USER
from hpsearch.server.tokens import Role, Token
from hpsearch.server.who import Reader, Submitter
from hpsearch.services.arriving import Arrival
from hpsearch.services.received import FORMATS
from hpsearch.services.upload import Asker, UnknownUploadError, Upload

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])

AT_ONCE = 2
"""Uploads that are looked at at the same time."""

SILENCE = 60.0
"""Seconds without a byte after which an upload is given up."""

BLOCK = 2**20
"""Bytes that are written at once."""

Here = Annotated[Service, Depends(service)]
Name = Annotated[str, Path(pattern=rf"^{PLAIN_NAME}$", description="A name of one's own.")]
Owner = Annotated[
    str | None, Query(pattern=rf"^{USER}$", description="Whose it is; left out, one's own.")
]

_TYPES = {
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/vnd.apache.parquet": "parquet",
    "application/vnd.apache.arrow.file": "arrow",
    "application/zip": "zip",
    "application/x-tar": "tar",
}
"""Formats that a Content-Type tells, where neither ``format`` nor the name does."""
_SAME = {"tgz": "tar.gz"}
"""Other endings of the same formats."""
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in ("application/octet-stream", *_TYPES)
        },
    }
}
_looks = CapacityLimiter(AT_ONCE)


def _asker(token: Token) -> Asker:
    return Asker(user=token.name, sees_all=token.role is Role.ADMIN)


def _row(here: Service, upload: Upload) -> dict[str, Any]:
    """An upload in a list, ready for JSON."""
    facts = here.uploads.facts(upload)
    own = {"path": upload.path, "source": facts["source"], "stored": facts["stored"]}
    return {**upload.model_dump(mode="json"), **own}


@router.get("", response_model=list[described.Upload], responses=described.UNCHANGED)
def list_uploads(request: Request, here: Here, token: Reader) -> Response:
    """The uploads that are there for who asks: one's own, and those that are shared."""
    rows = []
    for one in here.uploads.visible(_asker(token)):
        with suppress(UnknownUploadError):  # it has just gone
            rows.append(_row(here, one))
    return as_json(request, rows)


@router.get("/{name}", response_model=described.LookedAt, responses=described.UNCHANGED)
def show(request: Request, here: Here, token: Reader, name: Name, owner: Owner = None) -> Response:
    """One upload, with what is known of its data."""
    found = here.uploads.find(owner or token.name, name, _asker(token))
    return as_json(request, {**_row(here, found), "facts": here.uploads.facts(found)})


@router.put(
    "/{name}",
    status_code=201,
    response_model=described.Upload,
    responses={
        200: {"model": described.Upload, "description": "The name has these bytes already."}
    },
    openapi_extra=_BODY,
)
async def upload(  # noqa: PLR0917  # FastAPI gives them by name
    request: Request,
    here: Here,
    token: Submitter,
    name: Name,
    format: Annotated[  # noqa: A002  # the clearest word in an address
        Literal[*FORMATS, *_SAME] | None,  # type: ignore[valid-type]  # mypy cannot see the names
        Query(description="Of the body; left out, the name's ending or the Content-Type tells."),
    ] = None,
    shared: Annotated[
        bool | None, Query(description="Whether others may see and use it; at first not.")
    ] = None,
) -> JSONResponse:
    """Send data, which are read once to see that they are whole; the same again changes nothing."""
    kind = _kind(request, name, format)
    arrival = Arrival(here.uploads, token.name, name, kind)
    try:
        await run_sync(arrival.begin, _length(request))
        async with aclosing(_blocks(request)) as blocks:
            async for block in blocks:
                await run_sync(arrival.write, block)
        note = partial(_note, here, token, "uploaded")
        found, is_new = await run_sync(arrival.keep, shared, note, limiter=_looks)
    finally:
        with CancelScope(shield=True):
            await run_sync(arrival.close)
    where = {"Location": f"/v1/datasets/{name}"}
    return JSONResponse(await run_sync(_row, here, found), 201 if is_new else 200, where)


@router.delete("/{name}", status_code=204)
def remove(here: Here, token: Submitter, name: Name, owner: Owner = None) -> None:
    """Remove an upload that no study needs that is not over."""
    whose, asker = owner or token.name, _asker(token)
    here.uploads.find(whose, name, asker)  # says so where there is none
    if not asker.sees_all and token.name != whose:
        raise RefusedError(403, f"the upload is {whose}'s; token {token.name} deletes its own only")
    note = partial(_note, here, token, "deleted")
    here.uploads.remove(whose, name, asker, here.storage, note)


def _note(here: Service, token: Token, what: str, upload: Upload) -> None:
    """Write down who did what; names that are not shared are not for all."""
    name = upload.path if upload.shared else "an upload that is not shared"
    here.storage.note(Event(who=token.name, what=what, detail=name))


def _kind(request: Request, name: str, named: str | None) -> str:
    """The format of a body.

    Raises:
        RefusedError: nothing tells.
    """
    endings = (one for one in (*FORMATS, *_SAME) if name.lower().endswith(f".{one}"))
    header = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    kind = named or max(endings, key=len, default=None) or _TYPES.get(header)
    if kind is None:
        raise RefusedError(
            415,
            f"the format of the data is not known; add ?format= with one of {', '.join(FORMATS)}",
        )
    return _SAME.get(kind, kind)


def _length(request: Request) -> int:
    """The bytes that are said to come; 0: nothing is said."""
    said = request.headers.get("content-length", "")
    return int(said) if said.isdecimal() and len(said) < 20 else 0


async def _blocks(request: Request) -> AsyncGenerator[bytes]:
    """A body in blocks of about a MiB.

    Raises:
        RefusedError: it ends too early, nothing comes for too long, or it has too many bytes.
    """
    stream, block = request.stream(), bytearray()
    try:
        while True:
            with fail_after(SILENCE):
                block += await anext(stream)
            if len(block) >= BLOCK:
                yield bytes(block)
                block.clear()
    except StopAsyncIteration:
        yield bytes(block)
    except TimeoutError:
        raise RefusedError(408, f"nothing came for {SILENCE:.0f} s; send it again") from None
    except ClientDisconnect:
        raise RefusedError(400, "the upload was cut off; send it again") from None
