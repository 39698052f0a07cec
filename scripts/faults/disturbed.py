"""The service of a fault run: it and its workers are killed, its storage is restarted, its disk
full; each time it must come back.
"""

import contextlib
import http.client
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil
from process import VARIABLE, Settings
from servers import Server  # of the tests

from hpsearch.environment import STORAGE_VARIABLE
from hpsearch.home import Home
from hpsearch.server.problems import MEDIA_TYPE
from hpsearch.services.upload_folder import listed

PATIENCE = 600.0
"""Seconds after which what should happen has not happened."""

Body = Callable[[], "str | bytes | Iterable[bytes]"]
"""Makes the body of a request, each time that it is sent."""


@dataclass(frozen=True)
class Answer:
    """What the service answered."""

    status: int
    kind: str
    """The Content-Type."""
    body: bytes


@dataclass
class Disturbed:
    """A service that is killed again and again, at an address that stays the same."""

    home: Home
    slots: int
    port: int
    dice: random.Random
    token: str
    """With which it is watched, and refused on a full disk."""
    watched: tuple[str, ...]
    """What must come back after each fault, by the names that :attr:`seen` has."""
    patience: float = 90.0
    """Seconds after a fault within which all that is watched must come back."""
    database: Server | None = None
    """The PostgreSQL server that is restarted; None: SQLite in the home."""
    process: subprocess.Popen[bytes] | None = None
    goes_on: bool = True
    """Whether faults are still to come."""
    faults: Counter[str] = field(default_factory=Counter)
    """Those that came, by their kinds."""
    idle: int = 0
    """Faults before which no trial had ended for long."""
    cut_off: int = 0
    """Uploads that had begun to arrive when the server was killed."""
    statuses: Counter[int] = field(default_factory=Counter)
    """Of all answers."""
    seen: dict[str, float] = field(default_factory=dict)
    """When each thing that is watched was seen last."""
    back: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Seconds until each was seen again, one for each fault that it was waited for after."""
    wrong: list[str] = field(default_factory=list)
    """What did not hold on the way."""

    @property
    def url(self) -> str:
        """The storage's."""
        return self.home.storage_url() if self.database is None else self.database.url

    @property
    def address(self) -> str:
        """The service's."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def journal(self) -> Path:
        """Where workers write down which trials they ended: not on the disk that is full."""
        return self.home.root.parent / "journal"

    @property
    def server(self) -> "subprocess.Popen[bytes]":
        """The server that runs now."""
        if self.process is None:
            raise AssertionError("it was not started")
        return self.process

    def start(self) -> None:
        """Start the server; it takes a moment until it answers."""
        settings = Settings(
            journal=str(self.journal), beat=0.5, lease=30.0, checkpoint=0.2, epoch=0.4, real=False
        )
        ours = {VARIABLE: json.dumps(asdict(settings)), STORAGE_VARIABLE: self.url}
        options = ["--home", str(self.home.root), "--gpus", "none", "--workers", str(self.slots)]
        with (self.home.root / "server.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603  # our own command
                [sys.executable, "-P", str(Path(__file__).with_name("process.py")), "serve",
                 "--port", str(self.port), *options],
                env={**os.environ, **ours},
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def workers(self) -> list[psutil.Process]:
        """The workers of the server that runs now."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return [one for one in psutil.Process(self.server.pid).children() if _is_worker(one)]
        return []

    def send(
        self, token: str, method: str, path: str, body: Body = str, *,
        headers: Mapping[str, str] | None = None, seconds: float = 120.0,
    ) -> Answer:  # fmt: skip
        """Send a request once.

        Raises:
            OSError, http.client.HTTPException: no answer came.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        shown = {"Authorization": f"Bearer {token}", **(headers or {})}
        with contextlib.closing(connection):
            connection.request(method, path, body(), shown)
            answer = connection.getresponse()
            found = Answer(answer.status, answer.headers.get_content_type(), answer.read())
        self.statuses[found.status] += 1
        if found.status >= 400 and found.kind != MEDIA_TYPE:
            self.wrong.append(f"{method} {path}: {found.status} is no problem document")
        return found

    def answer(
        self, token: str, method: str, path: str, body: Body = str, *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        """Send a request until it is answered."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(OSError, http.client.HTTPException):
                return self.send(token, method, path, body, headers=headers)
            time.sleep(0.2)
        raise AssertionError(f"{method} {path}: no answer")

    def ask(
        self, token: str, method: str, path: str, body: Body = str, *,
        headers: Mapping[str, str] | None = None, known: Iterable[int] = (200,),
    ) -> Answer:  # fmt: skip
        """Send a request until it is answered otherwise than that storage or disk are away."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = self.answer(token, method, path, body, headers=headers)
            if found.status in known:
                return found
            if found.status != 503:
                raise AssertionError(f"{method} {path}: {found.status} {found.body[:500]!r}")
            time.sleep(0.2)
        raise AssertionError(f"{method} {path}: 503 for {PATIENCE:.0f} s")

    def let_work(self, seconds: float) -> None:
        """Wait until a trial has ended since the last time; then some seconds."""
        before, end = _size(self.journal), time.monotonic() + self.patience
        while _size(self.journal) == before and time.monotonic() < end:
            time.sleep(0.2)
        self.idle += _size(self.journal) == before
        time.sleep(seconds)

    def kill_worker(self) -> None:
        """Kill one of the workers, once there is one."""
        end = time.monotonic() + self.patience
        while time.monotonic() < end:
            with contextlib.suppress(psutil.NoSuchProcess, IndexError):
                self.dice.choice(self.workers()).kill()
                self.faults["workers killed"] += 1
                return
            time.sleep(0.2)
        self.wrong.append(f"no worker for {self.patience:.0f} s")

    def kill_server(self) -> None:
        """Kill the server, half of the times while data arrive, and start another one."""
        arriving = self.home.uploads / "arriving"
        end = time.monotonic() + self.dice.choice((0.0, 10.0))
        while not listed(arriving) and time.monotonic() < end:
            time.sleep(0.1)
        self._note_end("before it was killed")
        self._kill("servers killed")
        left = listed(arriving)
        self.cut_off += len(left)
        time.sleep(self.dice.random() * 2)
        self.start()
        if self.dice.random() < 0.25:
            time.sleep(self.dice.random() * 5)
            self._kill("and again while they started")
            self.start()
        self.expect_back("a kill of the server")
        self.wrong += [f"{one}: was left by a killed server" for one in left if one.exists()]

    def _kill(self, kind: str) -> None:
        """Kill the server, and wait until it is dead."""
        self.server.kill()
        self.server.wait()
        self.faults[kind] += 1

    def restart_storage(self) -> None:
        """Have the database's server crash, be away for some seconds, and come back."""
        if self.database is None:
            raise AssertionError("there is no server")
        self.database.stop(self.dice.choice(["immediate", "fast"]))
        time.sleep(self.dice.uniform(0.5, 8))
        self.database.start()
        self.faults["restarts of the storage"] += 1
        self.expect_back("a restart of the storage")

    def fill_disk(self) -> None:
        """Fill the disk of the home for some seconds; an upload is refused meanwhile."""
        ballast = self.home.root / "ballast"
        try:
            with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(2**20))
            refused = self.answer(self.token, "PUT", "/v1/datasets/refused.csv", lambda: "a\n1\n")
            if refused.status != 503:
                self.wrong.append(f"an upload to a full disk is answered with {refused.status}")
            time.sleep(self.dice.uniform(2, 8))
        finally:
            ballast.unlink(missing_ok=True)
        self.faults["full disks"] += 1
        self.expect_back("a full disk")

    def expect_back(self, after: str) -> None:
        """Wait until all that is watched is seen again, without a new start."""
        began = time.monotonic()
        while time.monotonic() < began + self.patience:
            if not self.goes_on:
                return  # nobody watches any more
            if self._note_end(f"after {after}"):
                self.start()
                return
            if all(self.seen.get(one, 0) > began for one in self.watched):
                for one in self.watched:
                    self.back[one].append(self.seen[one] - began)
                return
            time.sleep(0.1)
        away = [one for one in self.watched if self.seen.get(one, 0) <= began]
        self.wrong.append(f"not back {self.patience:.0f} s after {after}: {', '.join(away)}")

    def _note_end(self, when: str) -> bool:
        """Note that the server has ended by itself, if it has."""
        has_ended = self.server.poll() is not None
        if has_ended:
            self.wrong.append(f"the server ended {when}: {self.server.returncode}")
        return has_ended


def _is_worker(process: psutil.Process) -> bool:
    """Whether a process works, rather than looks at data; not where it is just ending."""
    try:
        return "worker" in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
