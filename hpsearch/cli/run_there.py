"""``hpsearch run … --server``: a study is submitted to a service, and shown until it is over."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hpsearch.cli.output import say
from hpsearch.cli.served import budget_of, counts_of, follow
from hpsearch.client import Client, ServedStudy
from hpsearch.client.problems import RefusedError
from hpsearch.client.sent import body_of, key_of, packed, sha256_of
from hpsearch.errors import (
    EXIT_SIGTERM,
    InputError,
    ProgramError,
    StoppedError,
    UnknownStudyError,
    uses_place,
)
from hpsearch.services.search import Conclusion
from hpsearch.study_file import apply_override, read_study
from hpsearch.text import size

FILE = "study.toml", "study.json"
"""What a service calls a file that came without a name."""


_TAKEN = ("taken", "left", "outside")
"""What a service says of the trials that a fork began with."""

_STANDS = ("counted", "waiting", "trials", "over")
"""What is told of how a fork stands."""


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """A study file as it is sent."""

    file: Path
    table: dict[str, Any]
    """What stands in it, with all that was typed in place of its keys."""
    priority: int | None
    """None: the usual one, or that which the study has already."""

    @property
    def name(self) -> str:
        """The study's, as far as the file has one."""
        return str(self.table.get("name", ""))

    @property
    def data(self) -> Path | None:
        """Where its data are, as it is read here; None: it names no path."""
        dataset = self.table.get("dataset")
        path = dataset.get("path") if isinstance(dataset, dict) else None
        if not isinstance(path, str):
            return None
        with suppress(RuntimeError):  # ~somebody
            return self.file.parent / Path(path).expanduser()
        return None

    @property
    def key(self) -> str:
        """An idempotency key: the same file has it whenever it comes, whatever its budget."""
        rest = {key: value for key, value in self.table.items() if key != "budget"}
        return key_of(body_of(rest)[1])


def submitted(file: Path, given: Sequence[str], priority: int | None) -> Submitted:
    """A study file with what was typed in place of its keys.

    Raises:
        InputError: no study file, or ``KEY=VALUE`` that is none.
    """
    table = read_study(file)
    for override in given:
        apply_override(table, override)
    return Submitted(file=file, table=table, priority=priority)


def submit(client: Client, asked: Submitted, *, upload: bool = False) -> ServedStudy:
    """Submit a study, or go on with the one that the same file made; its budget may be another.

    Args:
        client: the service.
        asked: what is submitted.
        upload: whether its data are sent there first.

    Raises:
        InputError: what the service refuses, in the words of ``hpsearch run``.
        UnreachableError: the service.
    """
    if upload:
        asked = _with_data(client, asked)
    with _named(asked.file):
        try:
            found = client.submit(asked.table, priority=asked.priority or 0, key=asked.key)
        except RefusedError as error:
            if not str(error).startswith("Idempotency-Key"):
                raise _advised(error, asked) from None
            found = _again(client, asked)
    _warn(found)
    state = _state(found)
    if state == "cancelled":
        raise InputError(
            f"study {found.name}: was cancelled, which is for good; to search on, give the file"
            f" another name, or fork the study (hpsearch fork {found.name} {asked.file})"
        )
    if state in ("paused", "failed"):
        found.resume()
        say(f"Resumed study {found.name} on {client.url}")
    else:
        say(f"Study {found.name} on {client.url}: {state}")
    return found


def _advised(error: RefusedError, asked: Submitted) -> RefusedError:
    """What was refused; of data that are here it is told how they get to the service."""
    file = asked.data
    if "dataset.path" not in str(error) or file is None or not file.exists():
        return error
    return RefusedError(error.status, f"{error}\nTo send {file} along: --upload")


def _with_data(client: Client, asked: Submitted) -> Submitted:
    """Send the data of a study file to the service; the file with the name that they have there.

    A folder is packed. What is there already with the same content is not sent again.

    Raises:
        InputError: the file names no data.
        UnreachableError: they cannot be read, or the service.
    """
    if (found := asked.data) is None:
        raise InputError(f"{asked.file}: --upload: has no dataset.path, so that nothing is to send")
    with packed(found) if found.is_dir() else nullcontext(found) as file:
        digest = sha256_of(file)
        name = _named_by(file.name, digest)
        known = {row["name"]: row for row in client.datasets() if row["sha256"] == digest}
        if (row := known.get(name)) is None:
            say(f"Sending {found} ({size(file.stat().st_size)}) to {client.url}")
            row = client.upload(file, name)
    table = {**asked.table, "dataset": {**asked.table["dataset"], "path": row["path"]}}
    return replace(asked, table=table)


def _named_by(name: str, digest: str) -> str:
    """What data are called on a service: by their file's name, as far as it may be, and content."""
    stem, dot, ending = name.partition(".")
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-_")[:40] or "data"
    return f"{plain}-{digest[:12]}{dot}{ending.lower()}"


def _again(client: Client, asked: Submitted) -> ServedStudy:
    """Go on with a study whose file came before with another budget; or make it anew, if it was
    removed since.
    """
    study = client.study(asked.name)
    try:
        study.details()
    except UnknownStudyError:
        return client.submit(asked.table, priority=asked.priority or 0)
    if (budget := asked.table.get("budget")) or asked.priority is not None:
        study.change(budget=budget or None, priority=asked.priority)
    return study


def _state(study: ServedStudy) -> str:
    return str((study.details()["submission"] or {}).get("state"))


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Have messages name the file as it was typed: the service knows no name of it."""
    try:
        yield
    except RefusedError as error:
        lines = str(error)
        for name in FILE:
            lines = "\n".join(
                f"{file}{line.removeprefix(name)}" if line.startswith(f"{name}:") else line
                for line in lines.split("\n")
            )
        raise RefusedError(error.status, lines) from None


def watch(study: ServedStudy, hint: str) -> Conclusion:
    """Show a study until it is over, as ``hpsearch run`` does.

    Args:
        study: the study.
        hint: what stands behind commands that ask the same service.

    Raises:
        ProgramError: it failed, and not by its configurations.
    """
    try:
        found = follow(study)
    except SystemExit:
        say(
            f"The search goes on at {study.client.url}. To see it again: hpsearch show"
            f" {study.name} --watch{hint}; to pause it: hpsearch stop {study.name}{hint}"
        )
        raise
    details = study.details()
    if found.state == "cancelled":
        say(f"Study {study.name} was cancelled with {found.counts().counted} trials done.")
        raise StoppedError("", EXIT_SIGTERM)
    if found.state == "failed" and details["over"] != "failures":
        raise ProgramError(
            f"study {study.name}: failed: {found.why}; see hpsearch logs {study.name}{hint}"
        )
    return concluded(study, details, is_stopped=found.state in ("paused", "cancelled"))


def concluded(study: ServedStudy, details: dict[str, Any], *, is_stopped: bool) -> Conclusion:
    """How a study stands, as ``hpsearch run`` tells it at its end.

    Args:
        study: the study.
        details: as :meth:`ServedStudy.details` gives them.
        is_stopped: whether it was paused or cancelled.
    """
    counts, over = counts_of(details), details["over"]
    needs_trials = over == "failures" or not counts.complete
    counted = [row for row in study.trials() if _counts(row)] if needs_trials else []
    last = next((row for row in reversed(counted) if row["failure"]), None)
    failures: dict[str, int] = {}
    for row in reversed(counted if over == "failures" else ()):
        if row["state"] != "failed":
            break
        failures[row["failure"]] = failures.get(row["failure"], 0) + 1
    failed = ""
    if not counts.complete and last is not None:
        failed = f"trial {last['number']} {last['failure']}: {last['failure_message']}"
    return Conclusion(
        study=study.name,
        metric=details["metric"],
        counts=counts,
        budget=budget_of(details),
        over=over,
        failures=dict(sorted(failures.items(), key=lambda one: -one[1])),
        best=study.best() if counts.complete and not (is_stopped and over is None) else None,
        stopped=EXIT_SIGTERM if is_stopped and over is None else 0,
        failed=failed,
    )


def _counts(row: dict[str, Any]) -> bool:
    """Whether a trial has ended and uses up a place of the budget."""
    if row["state"] == "failed":
        return uses_place(row["failure"])
    return row["state"] in ("complete", "pruned")


def fork_there(study: ServedStudy, asked: Submitted) -> dict[str, Any]:
    """Fork a study of a service; what was done, as ``hpsearch fork --json`` prints it.

    What was taken and left is not among it where the same was asked for before.

    Raises:
        InputError: what the service refuses.
    """
    with _named(asked.file):
        new = study.fork(asked.table, key=asked.key)
    _warn(new)
    details = new.details()
    known: dict[str, Any] = {key: new.made[key] for key in _TAKEN if key in new.made}
    counts: dict[str, Any] = {key: details[key] for key in _STANDS}
    return {"study": new.name, "forked_from": study.name, **known, **counts}


def _warn(study: ServedStudy) -> None:
    """Tell what is suspicious about the data of a study that was just submitted."""
    for warning in study.made.get("warnings", ()):
        say(f"warning: {warning}")
