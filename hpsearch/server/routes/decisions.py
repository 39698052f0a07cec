"""What becomes of studies: pause, resume, cancel, priority, budget, confirm, refit, remove."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from hpsearch.search import submissions
from hpsearch.search.lookup import load_study, with_confirmation
from hpsearch.search.shapes import Stop, Submission
from hpsearch.search.study import OpenStudy
from hpsearch.server import described, results
from hpsearch.server.problems import RefusedError
from hpsearch.server.routes.answers import as_json
from hpsearch.server.routes.studies import Here, Name, check_priority, row_of
from hpsearch.server.service import Service
from hpsearch.server.tokens import Token
from hpsearch.server.who import Reader, Submitter, may_change
from hpsearch.services import decide
from hpsearch.services.confirm import confirmation_of, submit_confirmation
from hpsearch.services.decide import Act
from hpsearch.services.going_on import refuse_changed
from hpsearch.services.refit import refitted as refits_of
from hpsearch.services.refit import submit_refit
from hpsearch.services.workspace import Workspace

router = APIRouter(prefix="/v1/studies", tags=["studies"])

Whole = Annotated[int, Field(lt=2**53, strict=True)]
"""What every reader of JSON takes."""


class Budget(BaseModel):
    """Limits of ``[budget]``, as one writes them in a study file; those left out stay."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    trials: Whole | None = None
    """Trials in all, those that are done among them."""
    timeout: float | str | None = None
    """Seconds, or such as "2h", in which a trial runs; null: no limit."""
    plateau: Whole | None = None
    """Trials without a better one; null: no limit."""


class Change(BaseModel):
    """What may be changed of a study."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    priority: Annotated[int, Field(ge=-100, le=100, strict=True)] = 0
    """The higher, the earlier; above 0 only by an administrator."""
    budget: Budget = Budget()


class Confirming(BaseModel):
    """What is to be confirmed: the options of ``hpsearch confirm``."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    top: Annotated[int, Field(ge=1, le=20, strict=True)] | None = None
    """How many of the best configurations; null: 3."""
    seeds: Annotated[int, Field(ge=2, le=50, strict=True)] | None = None
    """How many new seeds each of them gets; null: 5."""
    new_split: Annotated[bool, Field(strict=True)] = False
    """Whether each seed gets a new validation split, too."""
    smallest: Annotated[bool, Field(strict=True)] | None = None
    """Choose the smallest network that the seeds cannot tell from the first."""


class Refitting(BaseModel):
    """What is trained again: the options of ``hpsearch refit``."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    ensemble: Annotated[bool, Field(strict=True)] = False
    """The networks of the study's ensemble, in place of the winner."""


_USUAL = Confirming()
_WINNER = Refitting()

Ensemble = Annotated[bool, Query(description="Of the study's ensemble, in place of the winner.")]

Submit = Callable[[OpenStudy, str, Workspace], tuple[OpenStudy, Submission]]
"""Queues runs of a study for somebody; their study, and what is known of it."""

Now = Annotated[
    bool, Query(description="At once: progress since a trial's last checkpoint is lost.")
]

AT_ONCE = 4
"""Studies whose data are looked at at the same time."""

_looks = CapacityLimiter(AT_ONCE)


@router.post("/{name}/pause", response_model=described.Study)
def pause(here: Here, token: Submitter, name: Name, now: Now = False) -> dict[str, Any]:
    """Have running trials saved within an epoch, and none start, until it is resumed."""
    return _decided(here, token, name, partial(submissions.pause, how=_how(now)))


@router.post("/{name}/resume", response_model=described.Study)
async def resume(here: Here, token: Submitter, name: Name) -> dict[str, Any]:
    """Queue a study that was paused, or has failed; not one whose data have changed."""
    await _refuse_changed(here, token, name)
    return await run_sync(_decided, here, token, name, submissions.resume)


@router.post("/{name}/cancel", response_model=described.Study)
def cancel(here: Here, token: Submitter, name: Name, now: Now = False) -> dict[str, Any]:
    """As pause, but for good; what it has found stays."""
    return _decided(here, token, name, partial(submissions.cancel, how=_how(now)))


def _how(now: bool) -> Stop:
    return "now" if now else "leave"


@router.patch("/{name}", response_model=described.Study)
async def change(here: Here, token: Submitter, name: Name, change: Change) -> dict[str, Any]:
    """Give a study another priority or budget; one that was done by its budget goes on."""
    given = change.budget.model_dump(exclude_unset=True)
    if not given and "priority" not in change.model_fields_set:
        raise RefusedError(422, "nothing to change; give priority, or trials, timeout or plateau")
    check_priority(token, change.priority)
    if given:
        await _refuse_changed(here, token, name)
    return await run_sync(_changed, here, token, name, change, given)


def _changed(  # run_sync gives them by place
    here: Service, token: Token, name: str, change: Change, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Change a study; its row."""
    study = _own(here, token, name)
    with _noted(here):
        if given:
            decide.allow(study, token.name, given)
        if "priority" in change.model_fields_set:
            decide.decide(study, token.name, _prioritise(change.priority))
        return row_of(here, study, submissions.submission_of(study))


def _prioritise(priority: int) -> Act:
    def act(study: OpenStudy, who: str) -> Submission:
        return submissions.prioritise(study, who, priority)

    return act


@router.delete("/{name}", status_code=204)
def delete(request: Request, here: Here, token: Submitter, name: Name) -> Response:
    """Remove a study with its trials, its confirmation and its files; data sets stay."""
    study = load_study(here.storage, name)
    may_change(token, submissions.user_of(study))
    own = with_confirmation(study)
    with _noted(here):
        decide.delete(study, token.name, here.workspace)
    for one in own:
        request.app.state.downloads.forget(one)
    return Response(status_code=204)


@router.post("/{name}/confirm", status_code=202, response_model=described.Study)
async def confirm(
    here: Here, token: Submitter, name: Name, asked: Annotated[Confirming, Body()] = _USUAL
) -> JSONResponse:
    """Queue runs of the best configurations with new seeds, as ``hpsearch confirm`` trains them.

    They are a study of their own, ``NAME.confirm``, with the priority and the user of the study.
    Asked for again with the same, it is the same.
    """
    return await _queued(here, token, name, partial(submit_confirmation, **asked.model_dump()))


async def _queued(here: Service, token: Token, name: str, submit: Submit) -> JSONResponse:
    """Queue runs of a study's confirmation study, which reads its data; the row of that."""

    def queue() -> JSONResponse:
        study = _own(here, token, name)
        with _noted(here):
            runs, submission = submit(study, token.name, here.workspace)
            row = row_of(here, runs, submission)
        return JSONResponse(row, 202, {"Location": f"/v1/studies/{runs.name}"})

    await _refuse_changed(here, token, name)
    return await run_sync(queue)


@router.get("/{name}/confirm", response_model=results.Confirmation, responses=described.UNCHANGED)
def confirmed(request: Request, here: Here, _: Reader, name: Name) -> Response:
    """What the last confirmation came to, as ``hpsearch confirm --json`` prints it."""
    study = load_study(here.storage, name)
    return as_json(request, confirmation_of(study).plain())


@router.post("/{name}/refit", status_code=202, response_model=described.Study)
async def refit(
    here: Here, token: Submitter, name: Name, asked: Annotated[Refitting, Body()] = _WINNER
) -> JSONResponse:
    """Queue the training of the winner on training and validation examples, as ``hpsearch refit``.

    It is a run of ``NAME.confirm``, with the priority and the user of the study. Asked for again,
    it is the same.
    """
    return await _queued(here, token, name, partial(submit_refit, **asked.model_dump()))


@router.get("/{name}/refit", response_model=results.Refitted, responses=described.UNCHANGED)
def refitted(
    request: Request, here: Here, _: Reader, name: Name, ensemble: Ensemble = False
) -> Response:
    """What was trained so, as ``hpsearch refit --json`` prints it."""
    study = load_study(here.storage, name)
    found = refits_of(study, here.workspace.home, ensemble=ensemble)
    return as_json(request, found.plain())


async def _refuse_changed(here: Service, token: Token, name: str) -> None:
    """Refuse to go on with a study whose data have changed, which may take an import of them."""

    def look() -> None:
        refuse_changed(_own(here, token, name), here.rules, here.workspace.home)

    await run_sync(look, limiter=_looks)


def _own(here: Service, token: Token, name: str) -> OpenStudy:
    """A study that may be the token's to decide of."""
    study = load_study(here.storage, name)
    may_change(token, submissions.submission_of(study).user)
    return study


def _decided(here: Service, token: Token, name: str, act: Act) -> dict[str, Any]:
    """Decide something of a study and its confirmation; the study's row."""
    study = _own(here, token, name)
    with _noted(here):
        return row_of(here, study, decide.decide(study, token.name, act))


@contextmanager
def _noted(here: Service) -> Iterator[None]:
    """Have the next look at the board see what the block changed."""
    try:
        yield
    finally:
        here.changed()
