"""The service as a script sees it: its studies, and what can be done with them."""

import contextlib
import hashlib
import json
import math
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from hpsearch.client.connection import BLOCK, WORK, Connection, LostError
from hpsearch.client.events import Event, events
from hpsearch.client.logins import Logins, address, checked_token
from hpsearch.errors import InputError, UnfinishedError, UnreachableError
from hpsearch.files import written_whole

Row = dict[str, Any]
"""One study, trial or data set, as ``--json`` prints it."""

StudySource = str | Path | Mapping[str, Any]
"""A study file: where it is, or what stands in it."""

OPEN = ("queued", "running")
"""States of studies that go on by themselves."""

LOOK_EVERY = 1.0
"""Seconds between two looks of who waits."""

FORMATS = ("toml", "json", "yaml", "py", "keras")
"""Endings of what a service exports."""


class Client:
    """A service, for scripts.

    Attributes:
        url: its address.
    """

    def __init__(
        self, url: str | None = None, token: str | None = None, *, ca_file: Path | None = None
    ) -> None:
        """A service; nothing is asked of it yet.

        Args:
            url: its address; None: ``HPSEARCH_SERVER``.
            token: who asks; None: that of ``HPSEARCH_TOKEN``, else the one that ``hpsearch login``
                kept.
            ca_file: certificates (PEM) of who may vouch for it; None: those that ``SSL_CERT_FILE``
                names, else the system's.

        Raises:
            InputError: no address, or one that is none; no token.
        """
        self.url = address(url)
        shown = Logins().token_for(self.url) if token is None else checked_token(token)
        self.connection = Connection(self.url, shown, ca_file=ca_file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self.connection.close()

    def me(self) -> Row:
        """Whose token is shown: ``name`` and ``role``."""
        return self._row("GET", "/v1/me")

    def queue(self) -> Row:
        """The ``slots`` of the service and who has them, and its ``studies``."""
        return self._row("GET", "/v1/queue")

    def studies(self, *, state: str | None = None, user: str | None = None) -> list[Row]:
        """The submitted studies, the oldest first.

        Args:
            state: only those in it: "queued", "running", "paused", "done", "cancelled", "failed".
            user: only those of that name.
        """
        asked = {"state": state, "user": user}
        params = {key: value for key, value in asked.items() if value is not None}
        found: list[Row] = self.connection.json("GET", "/v1/studies", params=params)
        return found

    def study(self, name: str) -> "ServedStudy":
        """A study by its name; whether there is one is asked when something is asked of it."""
        return ServedStudy(self, name)

    def submit(
        self, study: StudySource, *, priority: int = 0, key: str | None = None
    ) -> "ServedStudy":
        """Have a study checked, made and queued.

        Args:
            study: a study file, or its table; paths in it are those of the service.
            priority: from -100 to 100, the higher, the earlier; above 0 for administrators.
            key: is sent again with the same request, which makes no second study; None: a new one,
                so that only a lost answer is covered.

        Raises:
            InputError: what ``hpsearch run`` would refuse, or the service's rules do.
            UnreachableError: the service, or data that it cannot read.
        """
        made = self.send("/v1/studies", study, {"priority": priority}, key)
        return ServedStudy(self, str(made["name"]))

    def check(self, study: StudySource) -> Row:
        """What ``hpsearch check --json`` says of a study file, and the lines that it says."""
        return self.send("/v1/check", study, {})

    def upload(self, file: str | Path, name: str | None = None, *, shared: bool = False) -> Row:
        """Put a file of data on the service, for studies of one's own.

        Args:
            file: a table, an npz or an archive of images; its ending says which.
            name: what it is called there; None: the file's name.
            shared: whether other users' studies may have it, too.

        Returns:
            Its row; ``path`` is what ``dataset.path`` of a study file names it by.

        Raises:
            InputError: what the service refuses.
            UnreachableError: the file, or the service.
        """
        path = Path(file)
        params = {"shared": "true"} if shared else {}
        return self._row(
            "PUT", f"/v1/datasets/{quote(name or path.name, safe='')}", again=True, params=params,
            seconds=WORK, content=lambda: _blocks(path), headers=_described(path),
        )  # fmt: skip

    def datasets(self) -> list[Row]:
        """The data sets that were uploaded, as far as they may be seen."""
        found: list[Row] = self.connection.json("GET", "/v1/datasets")
        return found

    def send(
        self, path: str, study: StudySource, params: Mapping[str, Any], key: str | None = None
    ) -> Row:
        """Send a study file to a route that takes one; what it answers."""
        kind, content = body_of(study)
        headers = {"Content-Type": kind, "Idempotency-Key": key or secrets.token_hex(16)}
        return self._row(
            "POST", path, again=True, params=params, content=content, headers=headers, seconds=WORK
        )

    def _row(self, method: str, path: str, **parts: Any) -> Row:
        found: Row = self.connection.json(method, path, **parts)
        return found


class ServedStudy:
    """A study on a service.

    Attributes:
        client: the service.
        name: the study's.
    """

    def __init__(self, client: Client, name: str) -> None:
        self.client, self.name = client, name
        self._path = f"/v1/studies/{quote(name, safe='')}"

    def __repr__(self) -> str:
        """As it was made: the study and its service."""
        return f"<study {self.name} on {self.client.url}>"

    def details(self, *, learnt: bool = False) -> Row:
        """How it stands, as ``hpsearch show --json`` prints it, and its ``submission``.

        Args:
            learnt: whether with what its trials say of its space, which takes a moment to reckon.
        """
        return self._row("GET", "", params={"learnt": "true"} if learnt else {})

    def trials(self) -> list[Row]:
        """Its trials, as ``hpsearch trials --json`` prints them."""
        found: list[Row] = self.client.connection.json("GET", f"{self._path}/trials")
        return found

    def best(self) -> Row:
        """Its best trial, as ``hpsearch best --json`` prints it.

        Raises:
            NoTrialError: none has completed.
        """
        return self._row("GET", "/best")

    def file(self) -> str:
        """Its study file, in TOML."""
        return self.client.connection.ask("GET", f"{self._path}/file").text

    def logs(self, *, worker: int | None = None, lines: int = 40) -> str:
        """The last lines of the logs of its workers.

        Args:
            worker: only this one's, by its number; None: all.
            lines: of each log, from 1 to 1000.
        """
        params = {"lines": lines} | ({} if worker is None else {"worker": worker})
        return self.client.connection.ask("GET", f"{self._path}/logs", params=params).text

    def events(self, on_loss: Callable[[str], None] | None = None) -> Iterator[Event]:
        """What changes, from how it stands now, for as long as it is there; through restarts.

        Args:
            on_loss: is told once why, whenever the service cannot be reached; None: a stream that
                cannot be begun again is an error.
        """
        return events(self.client.connection, f"{self._path}/events", self.name, on_loss)

    def wait(self, seconds: float | None = None) -> Row:
        """Wait until it is over, or paused.

        Args:
            seconds: at most; None: for as long as it takes.

        Returns:
            How it stands, with its ``state``: "done", "failed", "paused" or "cancelled".

        Raises:
            UnfinishedError: it goes on still.
            UnknownStudyError: there is none, or no longer.
        """
        end = math.inf if seconds is None else time.monotonic() + seconds
        while True:
            with contextlib.suppress(LostError):  # it goes on when the service is back
                found = self.details()
                state = (found["submission"] or {}).get("state")
                if state not in OPEN:
                    return {**found, "state": state}
            if time.monotonic() >= end:
                raise UnfinishedError(f"study {self.name}: goes on still after {seconds or 0:g} s")
            time.sleep(LOOK_EVERY)

    def pause(self) -> Row:
        """Have running trials saved within an epoch, and none start, until it is resumed."""
        return self._row("POST", "/pause", again=True)

    def resume(self) -> Row:
        """Queue it again, where it was paused or has failed."""
        return self._row("POST", "/resume", again=True)

    def cancel(self) -> Row:
        """As :meth:`pause`, but for good; what it has found stays."""
        return self._row("POST", "/cancel", again=True)

    def change(
        self, *, priority: int | None = None, budget: Mapping[str, Any] | None = None
    ) -> Row:
        """Give it another priority, or parts of another budget.

        Args:
            priority: from -100 to 100; above 0 for administrators.
            budget: ``trials``, ``timeout`` and ``plateau``, as in ``[budget]`` of a study file.
        """
        asked = {"priority": priority, "budget": budget}
        given = {key: value for key, value in asked.items() if value is not None}
        return self._row("PATCH", "", again=True, json=given)

    def fork(
        self, study: StudySource, *, priority: int = 0, key: str | None = None
    ) -> "ServedStudy":
        """Make a new study, with its trials that are valid there; see :meth:`Client.submit`."""
        made = self.client.send(f"{self._path}/fork", study, {"priority": priority}, key)
        return ServedStudy(self.client, str(made["name"]))

    def confirm(
        self,
        *,
        top: int | None = None,
        seeds: int | None = None,
        new_split: bool = False,
        smallest: bool | None = None,
    ) -> "ServedStudy":
        """Queue the training of its leaders with new seeds; asked again, it is the same.

        Args:
            top: how many leaders; None: as ``hpsearch confirm``.
            seeds: for each; None: likewise.
            new_split: whether each seed gets a new validation split, too.
            smallest: whether to choose the smallest network that the seeds cannot tell from the
                first.

        Returns:
            The study of these runs; what they came to: :meth:`confirmation`.
        """
        asked = {"top": top, "seeds": seeds, "new_split": new_split, "smallest": smallest}
        made = self._row("POST", "/confirm", again=True, json=asked, seconds=WORK)
        return ServedStudy(self.client, str(made["name"]))

    def confirmation(self) -> Row:
        """What its last confirmation came to, as ``hpsearch confirm --json`` prints it."""
        return self._row("GET", "/confirm")

    def report(self, file: str | Path) -> Path:
        """Write the page of ``hpsearch report``; where it is."""
        return self._written(Path(file), f"{self._path}/report", {})

    def export(
        self, file: str | Path, *, trial: int | None = None, confirmed: bool = False
    ) -> Path:
        """Write its best trial, or another one, in the format of the file's ending; where it is.

        Args:
            file: ends in .toml, .json, .yaml (a recipe), .py (a script) or .keras (a model).
            trial: its number; None: the best one.
            confirmed: the confirmed winner in its place.
        """
        path = Path(file)
        form = {"yml": "yaml"}.get(path.suffix.lower()[1:], path.suffix.lower()[1:])
        if form not in FORMATS:
            known = ", ".join(f".{one}" for one in FORMATS)
            raise InputError(f"{path}: a service exports files that end in {known}")
        params = {"format": form} | ({} if trial is None else {"trial": str(trial)})
        params |= {"confirmed": "true"} if confirmed else {}
        return self._written(path, f"{self._path}/export", params)

    def delete(self) -> None:
        """Remove it, with its files on the service; one that goes on is cancelled first."""
        self.client.connection.ask("DELETE", self._path)

    def _written(self, file: Path, path: str, params: Mapping[str, str]) -> Path:
        """Write the body of an answer whole or not at all.

        Raises:
            UnreachableError: it cannot be written.
        """
        connection = self.client.connection
        with connection.streamed(path, params=params) as response:
            try:
                with written_whole(file) as opened:
                    for block in response.iter_bytes(BLOCK):
                        opened.write(block)
            except OSError as error:
                raise UnreachableError(f"{file}: cannot be written: {error.strerror}") from None
        return file

    def _row(self, method: str, path: str, **parts: Any) -> Row:
        found: Row = self.client.connection.json(method, f"{self._path}{path}", **parts)
        return found


def body_of(study: StudySource) -> tuple[str, bytes]:
    """The type and the content of a study file as it is sent.

    Raises:
        InputError: a table that JSON cannot say.
        UnreachableError: a file that cannot be read.
    """
    if isinstance(study, Mapping):
        try:
            return "application/json", json.dumps(study, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise InputError(f"the study: cannot be sent as JSON: {error}") from None
    path = Path(study)
    kind = "application/json" if path.suffix == ".json" else "application/toml"
    try:
        return kind, path.read_bytes()
    except OSError as error:
        raise UnreachableError(f"{path}: cannot be read: {error.strerror}") from None


def key_of(content: bytes, *more: object) -> str:
    """An idempotency key that the same content always has."""
    text = b"\n".join([content, *(str(one).encode() for one in more)])
    return hashlib.sha256(text).hexdigest()[:40]


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits.

    Raises:
        UnreachableError: it cannot be read.
    """
    found = hashlib.sha256()
    for block in _blocks(path):
        found.update(block)
    return found.hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    """A file, block by block.

    Raises:
        UnreachableError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                yield block
    except OSError as error:
        raise UnreachableError(f"{path}: cannot be read: {error.strerror}") from None


def _described(path: Path) -> dict[str, str]:
    """The headers of an upload: how long it is, and of which type."""
    try:
        length = path.stat().st_size
    except OSError as error:
        raise UnreachableError(f"{path}: cannot be read: {error.strerror}") from None
    return {"Content-Length": str(length), "Content-Type": "application/octet-stream"}
