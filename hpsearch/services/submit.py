"""Submitting a study to the service: checked as ``hpsearch run`` or ``fork`` does, and queued."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy.exc import IntegrityError

from hpsearch.data.facts import facts
from hpsearch.errors import InputError, UnknownStudyError, UnreachableError
from hpsearch.formats import parsed
from hpsearch.home import Home
from hpsearch.outputs.copies import Copies
from hpsearch.search import submissions
from hpsearch.search.lookup import load_study
from hpsearch.search.making import StudyExistsError, create_submitted
from hpsearch.search.sampling.samplers import check_sampler
from hpsearch.search.storage import Storage
from hpsearch.search.storage.events import Event, Notice
from hpsearch.search.study import OpenStudy
from hpsearch.services.apart import apart, import_data
from hpsearch.services.data import study_data
from hpsearch.services.forked import fork
from hpsearch.services.going_on import refuse_changed
from hpsearch.services.progress import Silent
from hpsearch.services.rules import Rules, place_code, place_data, reading, refuse_tracking
from hpsearch.services.upload import Asker
from hpsearch.services.workspace import Workspace
from hpsearch.study_file import StudyFile, from_table
from hpsearch.text import show

MOST_GIVEN = 1000
"""Configurations that a study may be given; all that wait are looked at by who watches it."""

FILE = "study.toml"
"""What messages call a file that came without a name."""

_PER_GPU = (
    "workers.per_gpu is not looked at: a service has workers of its own; workers.count says how"
    " many this study may have at the same time"
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """A study file that somebody submits."""

    content: str
    """The file."""
    ending: str = ".toml"
    """Its format: ".toml" or ".json"."""
    user: str
    """The name of who submits it."""
    sees_all: bool = False
    """Whether other users' uploads that are not shared may be used, too."""
    priority: int = 0
    key: str | None = None
    """What the client sends again with the same request, if it does not know whether it came."""
    fork: str | None = None
    """The study whose trials it begins with; None: it begins with none."""
    webhook: str | None = None
    """Where its end, its failure and its target are told; None: nowhere."""
    target: float | None = None
    """A value of the objective; that it is reached is told. None: none is."""

    @property
    def name(self) -> str:
        """What messages call the file."""
        return Path(FILE).with_suffix(self.ending).name

    @property
    def digest(self) -> str:
        """Tells this request from others that have its key."""
        told = () if self.notice is None else (self.webhook, self.target)
        text = "\n".join(map(str, (self.ending, self.priority, *told, self.content)))
        text = text if self.fork is None else f"fork {self.fork}\n{text}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def notice(self) -> Notice | None:
        """What is to be told of the study; None: nothing."""
        if self.webhook is None and self.target is None:
            return None
        return Notice(url=self.webhook, target=self.target)


class KeyReusedError(InputError):
    """An idempotency key came again with another request."""


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A study that is queued."""

    study: OpenStudy
    is_new: bool
    """Whether this request made it; else an earlier one did, which had the same key."""
    warnings: list[str]
    """What is suspicious about its data, in the words of ``hpsearch check``, and what of its file a
    service does not look at."""
    taken: Mapping[str, Any] = field(default_factory=dict)
    """What trials it took over and left, as JSON; empty: it was not forked just now."""


class _Told(Silent):
    """Progress that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        """Keeps a line."""
        self.lines.append(text.removeprefix("warning: "))


def submit(request: Request, rules: Rules, storage: Storage, workspace: Workspace) -> Accepted:
    """Check a study file, make its study, with the trials of another one where it is to be forked,
    and queue it; a request that came before makes none.

    Args:
        request: what is submitted.
        rules: what it may read and run.
        storage: where studies are kept; its table of events is there.
        workspace: with the home that keeps data sets.

    Raises:
        KeyReusedError: the key came before, with another request.
        UnknownStudyError: there is no study to take trials from.
        StudyExistsError: there is a study of that name.
        InputError: what ``hpsearch run`` would refuse, or the rules do: of a study that came before
            and is not over, too.
        UnreachableError: data or storage that cannot be read.
    """
    if (before := _earlier(request, storage)) is not None:
        if submissions.submission_of(before.study).state not in submissions.FINAL:
            refuse_changed(before.study, rules, workspace.home)
        return before
    if request.webhook is not None:
        rules.receivers.place(request.webhook)
    file = checked(request, rules)
    with reading(rules, file.dataset.path, request.user) as tell:
        made = _made(file, request, storage, workspace)
        ignored = [_PER_GPU] if made.is_new and file.workers.per_gpu != "auto" else []
        return replace(made, warnings=[*map(tell, made.warnings), *ignored])


def _made(file: StudyFile, request: Request, storage: Storage, workspace: Workspace) -> Accepted:
    """Make and queue the study of a file that was checked; see :func:`submit`."""
    old = None if request.fork is None else load_study(storage, request.fork)
    told = _Told()
    home = workspace.home
    import_data(file, request.name, home)
    file, dataset, parts = study_data(file, request.name, home, told)
    if old is None:
        Copies(home).refuse_foreign_runs(storage, file.name)
    event = Event(
        who=request.user,
        what="submitted" if old is None else "forked",
        study=file.name,
        detail=request.digest,
        key=None if request.key is None else _key(request),
        notice=request.notice,
    )
    submission = submissions.new(request.user, request.priority)
    known, taken = facts(dataset, parts), dict[str, Any]()
    try:
        if old is None:
            study = create_submitted(storage, file, known, submission, event)
        else:
            taken = fork(old, file, known, workspace, submission=submission, event=event)
            study = load_study(storage, file.name)
    except (IntegrityError, StudyExistsError, UnreachableError):
        # Perhaps the same request came at this moment.
        if (before := _earlier(request, storage)) is not None:
            return before
        raise
    workspace.record(study)
    return Accepted(study=study, is_new=True, warnings=told.lines, taken=taken)


def prepare() -> None:
    """Import what the first submit needs and takes a second or two: libraries for data."""
    for name in ("sklearn.datasets", "hpsearch.data.tables.flaws", "hpsearch.data.tables.looks"):
        import_module(name)


def check(request: Request, rules: Rules, home: Home) -> dict[str, Any]:
    """Train the smallest, middle and largest model of a study file, as ``hpsearch check`` does.

    Returns:
        What the command prints as JSON, and the lines that it says, ``messages``.

    Raises:
        InputError: what the command, or the rules, refuse.
        UnreachableError: data that cannot be read.
    """
    file = checked(request, rules)
    with reading(rules, file.dataset.path, request.user) as tell:
        found, messages = apart("check", _table(request, rules), request.name, home)
    return {**found, "messages": [tell(one) for one in messages]}


def _table(request: Request, rules: Rules) -> dict[str, Any]:
    """The table of a request, its paths absolute.

    Raises:
        InputError: it is none, or the rules refuse it.
    """
    table = parsed(request.content, Path(request.name))
    place_data(table, rules, request.name, Asker(user=request.user, sees_all=request.sees_all))
    place_code(table, rules, request.name)
    refuse_tracking(table, request.name)
    return table


def checked(request: Request, rules: Rules) -> StudyFile:
    """The study file of a request, with all that can be said without its data.

    Raises:
        InputError: what is wrong, one line for each problem; or what the rules refuse.
    """
    file = from_table(_table(request, rules), Path(request.name))
    check_sampler(file, request.name)
    if (count := len(file.enqueue) + len(file.portfolio)) > MOST_GIVEN:
        raise InputError(
            f"{request.name}: enqueue has {count:,} configurations to be tried first, over"
            f" {MOST_GIVEN:,}; give fewer"
        )
    return file


def _earlier(request: Request, storage: Storage) -> Accepted | None:
    """What an earlier request with the same key came to; None: there was none."""
    if request.key is None or (event := storage.event_with(_key(request))) is None:
        return None
    if event.detail != request.digest:
        raise KeyReusedError(
            f"Idempotency-Key {show(request.key)}: came before with another request, for study"
            f" {event.study}; send a new key with each new request"
        )
    try:
        study = load_study(storage, str(event.study))
    except UnknownStudyError:
        raise KeyReusedError(
            f"Idempotency-Key {show(request.key)}: made study {event.study}, which was removed"
            " since; send a new key to make it again"
        ) from None
    return Accepted(study=study, is_new=False, warnings=[])


def _key(request: Request) -> str:
    """The key as it is stored: two users may choose the same."""
    return f"{request.user} {request.key}"
