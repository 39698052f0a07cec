"""What the routes answer, for the OpenAPI description: one model for each kind of answer.

:mod:`hpsearch.server.results` has those of what was found.

Rows and tables of the commands are made elsewhere, ready for JSON; a run of schemathesis holds what
is really answered against these models (``tests/integration/test_schema.py``).
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from hpsearch.server.tokens import Role

State = Literal["queued", "running", "paused", "cancelled", "done", "failed"]
"""Of a study."""
Table = dict[str, JsonValue]
"""What the page of its command describes."""


class Answer(BaseModel):
    """An object with these keys, and no others."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Status(Answer):
    """That it is so."""

    status: Literal["ok"]


class Me(Answer):
    """Whose token was shown."""

    name: str
    role: Role


class Counts(Answer):
    """A study's best value, its budget, and its trials by state."""

    name: str
    metric: str
    best: float | None
    trials: int
    """Of the budget."""
    counted: int
    """Those that the budget counts."""
    complete: int
    pruned: int
    failed: int
    uncounted: int
    running: int
    waiting: int


class Study(Counts):
    """A study in a list."""

    id: int
    state: State
    user: str
    priority: int
    queued: str | None
    """When, in UTC, as ISO 8601."""
    why: str
    """Why it failed, or is held though it is queued."""


class Submitted(Study):
    """A study that was submitted just now, or by an earlier request with the same key."""

    warnings: list[str]
    """What is suspicious about its data."""


class Forked(Submitted):
    """A study that began with trials of another one."""

    taken: dict[str, int]
    """Trials that it took over, by state, and in all."""
    left: dict[str, int]
    """Trials that were left behind, by reason."""
    outside: dict[str, int]
    """Of how many trials each field lies outside of the new space."""


class Slot(Answer):
    """A place for a worker."""

    slot: int
    device: str
    study: str | None
    """Which study has it."""
    user: str | None
    worker: str | None
    """"host:pid"."""
    since: str | None
    """When it got the study, in UTC, as ISO 8601."""
    next: str | None
    """Which study gets it after the trial that runs."""


class Queue(Answer):
    """The slots and all studies."""

    slots: list[Slot]
    studies: list[Study]


class Event(Answer):
    """Something that somebody did."""

    number: int
    moment: str | None
    """When, in UTC, as ISO 8601."""
    who: str
    what: str
    study: str | None
    detail: str


class Numbered(Answer):
    """A trial and its configuration."""

    number: int
    config: Table


class Worker(Answer):
    """A worker that runs a trial just now; null: another program runs it."""

    worker: str | None
    host: str | None
    pid: int | None
    device: str | None
    trial: int
    epoch: int | None
    last_seen: str | None
    silent: float | None
    """Seconds."""


class Decided(Answer):
    """What was decided of a study; a newer version may know more."""

    model_config = ConfigDict(extra="allow")

    state: State
    user: str
    priority: int
    queued: float
    """When it was submitted, or resumed, in seconds since 1970, in UTC."""
    served: float | None
    """When a worker began to work for it last."""
    why: str
    """Why it failed, or is held though it is queued."""
    more: int
    """How often more was asked of it."""


class Details(Counts):
    """A study as ``hpsearch show --json`` prints it, and what was decided of it."""

    budget: Table
    dataset: Table | None
    precision: str
    preset: str | None
    portfolio: int
    winners: list[Table]
    adopted: int
    refits: int
    """Of the complete trials of a confirmation study those that trained on validation examples."""
    reference: Table | None
    over: str | None
    seconds: float
    stop: str | None
    workers: list[Worker]
    provenance: Table
    study_file: Table
    test_openings: list[Table]
    confirmed: Table | None
    ensemble: Table | None
    best_trial: Numbered | None
    submission: Decided | None
    """Null: it was not submitted."""
    learnt: Table | None = None
    """What the trials say of the space, where that is asked for."""


class Upload(Answer):
    """Data that somebody sent."""

    name: str
    owner: str
    format: str
    bytes: int
    """As they were sent."""
    sha256: str
    """Of these."""
    shared: bool
    added: str
    """When, in UTC, as ISO 8601."""
    path: str
    """What ``dataset.path`` of a study file calls them."""
    source: str
    """``dataset.source`` that reads them."""
    stored: int
    """Bytes on the disk."""


class LookedAt(Upload):
    """An upload with what ``hpsearch data --json`` says of such data."""

    facts: Table


UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "The client has it, by If-None-Match."}
}
"""The other answer of what has an ETag."""


def file_of(*types: str) -> dict[int | str, dict[str, Any]]:
    """The answer of a route that sends a file.

    Args:
        types: what it may be, as media types; parameters are left out.
    """
    content: dict[str, dict[str, Any]] = {kind.partition(";")[0]: {} for kind in types}
    return {200: {"description": "The file.", "content": content}}
