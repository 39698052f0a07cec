"""A study of a service as a script sees it."""

import contextlib
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hpsearch.client.connection import WORK, LostError
from hpsearch.client.downloads import download
from hpsearch.client.events import Event, events
from hpsearch.client.sent import StudySource
from hpsearch.errors import InputError, UnfinishedError
from hpsearch.files import PLAIN_NAME

if TYPE_CHECKING:
    from hpsearch.client.service import Client

Row = dict[str, Any]
"""One study, trial or data set, as ``--json`` prints it."""

OPEN = ("queued", "running")
"""States of studies that go on by themselves."""

LOOK_EVERY = 2.0
"""Seconds between two looks of who waits."""

TEXTS, MODELS = ("toml", "json", "yaml", "py"), ("keras", "onnx", "tflite", "xml")
"""Endings of what a service exports, but for the folder of a SavedModel."""


class ServedStudy:
    """A study on a service.

    Attributes:
        client: the service.
        name: the study's.
        made: what the service said where it was submitted just now: its row, ``warnings`` about its
            data, and of a fork what was ``taken`` and what was ``left``; else empty.
    """

    def __init__(self, client: "Client", name: str, made: Row | None = None) -> None:
        self.client, self.name, self.made = client, name, made or {}
        self._path = f"/v1/studies/{quote(name, safe='')}"

    def __repr__(self) -> str:
        """As it was made: the study and its service."""
        return f"<study {self.name} on {self.client.url}>"

    def details(self, *, learnt: bool = False) -> Row:
        """How it stands, as ``hpsearch show --json`` prints it, and its ``submission``.

        Args:
            learnt: whether with what its trials say of its space, which takes a moment to reckon.
        """
        return self._row("GET", "", params=params_of(learnt=learnt))

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

    def provenance(self) -> Row:
        """Where its results come from, as ``hpsearch show --provenance --json`` prints it."""
        return self._row("GET", "/provenance")

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

    def pause(self, *, now: bool = False) -> Row:
        """Have running trials saved within an epoch, and none start, until it is resumed.

        Args:
            now: end them at once; progress since a trial's last checkpoint is lost.
        """
        return self._row("POST", "/pause", again=True, params=params_of(now=now))

    def resume(self) -> Row:
        """Queue it again, where it was paused or has failed."""
        return self._row("POST", "/resume", again=True)

    def cancel(self, *, now: bool = False) -> Row:
        """As :meth:`pause`, but for good; what it has found stays."""
        return self._row("POST", "/cancel", again=True, params=params_of(now=now))

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
        self,
        study: StudySource,
        *,
        priority: int = 0,
        webhook: str | None = None,
        target: float | None = None,
        key: str | None = None,
    ) -> "ServedStudy":
        """Make a new study, with its trials that are valid there; see
        :meth:`hpsearch.client.service.Client.submit`.
        """
        return self.client.make(
            f"{self._path}/fork", study, key, priority=priority, webhook=webhook, target=target
        )

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

    def ensemble(self, *, members: int | None = None) -> Row:
        """Choose trained networks to average, as ``hpsearch ensemble --json`` prints it.

        Args:
            members: how many at most, from 2; None: as ``hpsearch ensemble``.
        """
        asked = {} if members is None else {"members": members}
        return self._row("POST", "/ensemble", again=True, json=asked, seconds=WORK)

    def refit(self, *, ensemble: bool = False) -> "ServedStudy":
        """Queue the training of its winner on training and validation examples together.

        Args:
            ensemble: train the networks of its ensemble instead.

        Returns:
            The study of these runs; what was trained: :meth:`refitted`.
        """
        asked = {"ensemble": ensemble}
        made = self._row("POST", "/refit", again=True, json=asked, seconds=WORK)
        return ServedStudy(self.client, str(made["name"]))

    def refitted(self, *, ensemble: bool = False) -> Row:
        """What :meth:`refit` has trained, as ``hpsearch refit --json`` prints it."""
        return self._row("GET", "/refit", params=params_of(ensemble=ensemble))

    def report(self, file: str | Path) -> Path:
        """Write the page of ``hpsearch report``; where it is."""
        download(self.client.connection, f"{self._path}/report", {}, path := Path(file))
        return path

    def facts(self) -> Row:
        """What the report says, as ``hpsearch report --json`` prints it."""
        return self._row("GET", "/report", params={"format": "json"}, seconds=WORK)

    def export(
        self,
        file: str | Path,
        *,
        trial: int | None = None,
        baseline: bool = False,
        confirmed: bool = False,
        ensemble: bool = False,
        refit: bool = False,
        quantize: str | None = None,
        tell: Callable[[str], object] | None = None,
    ) -> Path:
        """Write its best trial, or something else, in the format of the file's ending; where it is.

        What belongs to a file, such as the data of a script, is written beside it.

        Args:
            file: ends as those of ``hpsearch export``: in .toml (a recipe), .py (a script), .keras
                (a model) ...; without an ending, or with / at the end, it is a SavedModel's folder.
            trial: its number; None: the best one.
            baseline: the baseline in its place.
            confirmed: the confirmed winner in its place.
            ensemble: what ``hpsearch ensemble`` chose in its place.
            refit: what ``hpsearch refit`` trained in its place: the winner, or, with ``ensemble``,
                that.
            quantize: "int8" or "float16" for what weights of a model for other tools are stored in.
            tell: is told what was written.

        Raises:
            InputError: an unknown ending, or what ``hpsearch export`` refuses.
            UnreachableError: the file, or the service.
        """
        path, form = Path(file), _format_of(file)
        called = path.name if form == "saved_model" else path.stem
        params = params_of(
            format=form, trial=trial, baseline=baseline, confirmed=confirmed, ensemble=ensemble,
            refit=refit, quantize=quantize, beside=form not in TEXTS,
            file=called if re.fullmatch(PLAIN_NAME, called) else None,
        )  # fmt: skip
        told = download(self.client.connection, f"{self._path}/export", params, path)
        if tell is not None:
            tell(told)
        return path

    def delete(self) -> None:
        """Remove it, with its files on the service; cancel one that goes on first.

        Raises:
            RefusedError: it is queued or runs.
        """
        self.client.connection.ask("DELETE", self._path)

    def _row(self, method: str, path: str, **parts: Any) -> Row:
        found: Row = self.client.connection.json(method, f"{self._path}{path}", **parts)
        return found


def _format_of(file: str | Path) -> str:
    """What a service calls the format of a file's name.

    Raises:
        InputError: an unknown ending.
    """
    ending = "" if str(file).endswith("/") else Path(file).suffix.lower()[1:]
    form = {"yml": "yaml", "": "saved_model"}.get(ending, ending)
    if form not in (*TEXTS, *MODELS, "saved_model"):
        known = ", ".join(f".{one}" for one in (*TEXTS, *MODELS))
        raise InputError(
            f"{file}: a service exports files that end in {known}, and without an ending the"
            " folder of a SavedModel"
        )
    return form


def params_of(**options: str | float | bool | None) -> dict[str, str]:
    """Parameters of a request: what is neither None nor False, which a service need not be told."""
    given = {key: one for key, one in options.items() if one is not None and one is not False}
    return {key: "true" if one is True else str(one) for key, one in given.items()}
