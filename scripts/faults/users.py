"""What users of a service do in its fault run: submit, upload, pause and resume, and watch."""

import contextlib
import functools
import hashlib
import http.client
import io
import itertools
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from disturbed import Disturbed
from sklearn.datasets import load_digits

from hpsearch.client import Client

STUDY = """\
name = "{name}"
[dataset]
{dataset}
[training]
precision = "float32"
epochs = 5
early_stopping = false
[budget]
trials = {trials}
[pruner]
type = "none"
[space]
layers = {{ type = "int", low = 1, high = 5 }}
"""

SOURCES = {
    "npz": 'source = "npz"\npath = "upload:{name}"',
    "csv": 'source = "table"\npath = "upload:{name}"\ntarget = "kind"',
}
"""What a study file says of an upload, by its format."""

OPEN = 2
"""Studies of a user that are not over, at most: there is always something to do."""

BLOCK = 2**17
"""Bytes of an upload that are sent at once, so that some of them are cut off."""

PAGES = ("/", "/v1/queue", "/readyz")
"""The first page, what it asks every other second, and whether the service works."""

STREAM = "events"
"""The server-sent events of a study."""

WATCHED = (*PAGES, STREAM)


@dataclass
class Told:
    """What users were told is done."""

    studies: dict[str, list[str]] = field(default_factory=dict)
    """Of each study, in order."""
    uploads: dict[tuple[str, str], str] = field(default_factory=dict)
    """The SHA-256 of each upload that arrived, by its owner and its name."""


@dataclass
class User:
    """One who submits studies, two of three on data that were uploaded for them."""

    service: Disturbed
    told: Told
    name: str
    token: str

    def work(self, least: int, trials: int) -> None:
        """Submit ``least`` studies, and more while faults come; pause and resume some of them."""
        dice = random.Random(self.name)  # noqa: S311  # no secret
        for number in itertools.count():
            if number >= least and not self.service.goes_on:
                return
            while self._open() >= OPEN:
                time.sleep(2)
            name = f"{self.name}-{number}"
            self.submit(name, self._dataset(number, dice), trials)
            if dice.random() < 0.5:
                self._pause_and_resume(name, dice)
            time.sleep(dice.random() * 2)

    def submit(self, name: str, dataset: str, trials: int) -> None:
        """Submit a study, with the same key until it is acknowledged."""
        text = STUDY.format(name=name, dataset=dataset, trials=trials)
        headers = {"Content-Type": "application/toml", "Idempotency-Key": name}
        self.service.ask(
            self.token, "POST", "/v1/studies", lambda: text, headers=headers, known=(200, 201)
        )
        self.told.studies[name] = ["submitted"]

    def _open(self) -> int:
        """The user's studies that go on."""
        path = f"/v1/studies?user={self.name}"
        rows = json.loads(self.service.ask(self.token, "GET", path).body)
        return sum(one["state"] in ("queued", "running") for one in rows)

    def _dataset(self, number: int, dice: random.Random) -> str:
        """The section of a study; all users upload the same bytes for the same number."""
        if number % 3 == 0:
            return 'source = "digits"'
        kind = ("npz", "csv")[number % 3 - 1]
        name, content = f"data-{number}.{kind}", contents(kind, number)
        headers = {"Content-Length": str(len(content))} if dice.random() < 0.5 else {}
        path = f"/v1/datasets/{name}"
        self.service.ask(
            self.token, "PUT", path, lambda: _slowly(content, dice), headers=headers,
            known=(200, 201),
        )  # fmt: skip
        self.told.uploads[self.name, name] = hashlib.sha256(content).hexdigest()
        return SOURCES[kind].format(name=name)

    def _pause_and_resume(self, name: str, dice: random.Random) -> None:
        time.sleep(dice.random() * 3)
        for act, what in (("pause", "paused"), ("resume", "resumed")):
            path = f"/v1/studies/{name}/{act}"
            found = self.service.ask(self.token, "POST", path, known=(200, 409))
            self.told.studies[name] += [what] * (found.status == 200)
            time.sleep(dice.random())


@dataclass
class Watcher(User):
    """One who looks at the first page and follows a study, as page and commands do."""

    events: int = 0
    """Those that came."""

    def follow(self, trials: int) -> None:
        """Submit a study and follow its events until it is done; the next one while faults come."""
        client = Client(self.service.address, self.token)
        for number in itertools.count():
            if number and not self.service.goes_on:
                return
            name = f"{self.name}-{number}"
            self.submit(name, 'source = "digits"', trials)
            for event in client.study(name).events(on_loss=lambda _: None):
                self.service.seen[STREAM] = time.monotonic()
                self.events += 1
                if event.kind == "study" and event.data["state"] == "done":
                    break

    def look(self) -> None:
        """Ask for the pages again and again, while faults come."""
        while self.service.goes_on:
            for path in PAGES:
                began = time.monotonic()
                with contextlib.suppress(OSError, http.client.HTTPException):
                    if self.service.send(self.token, "GET", path, seconds=20).status == 200:
                        self.service.seen[path] = began
            time.sleep(1)


def _slowly(content: bytes, dice: random.Random) -> Iterator[bytes]:
    """A content that comes within some seconds."""
    for at in range(0, len(content), BLOCK):
        time.sleep(dice.random() * 0.3)
        yield content[at : at + BLOCK]


@functools.cache
def contents(kind: str, number: int) -> bytes:
    """Data of a format of :data:`SOURCES`, others for each number, of more than a MiB."""
    dice, file = np.random.default_rng(number), io.BytesIO()
    images, labels = load_digits(return_X_y=True)
    rows = dice.permutation(len(labels))
    if kind == "npz":
        small = images[rows].reshape(-1, 8, 8).astype(np.uint8)
        np.savez(file, x_train=np.kron(small, np.ones((1, 4, 4), np.uint8)), y_train=labels[rows])
        return file.getvalue()
    numbers = dice.random((30_000, 6))
    kinds = np.where(numbers[:, 0] > 0.5, "high", "low")
    table = zip(numbers, kinds, strict=True)
    lines = (",".join([*(f"{x:.4f}" for x in row), one]) for row, one in table)
    return "\n".join(["a,b,c,d,e,f,kind", *lines, ""]).encode()
