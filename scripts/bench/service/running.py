"""A service in a process of its own for a benchmark, and requests to it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import psutil

from hpsearch.home import Home
from hpsearch.server.tokens import Role, Tokens

PATIENCE = 600.0
"""Seconds after which what should happen has not happened."""

STUDY = """\
name = "{name}"
[dataset]
source = "digits"
[training]
precision = "float32"
epochs = {epochs}
early_stopping = false
[budget]
trials = {trials}
[pruner]
type = "none"
[space]
layers = {{ type = "int", low = 1, high = 3 }}
units = {{ type = "int", low = 16, high = 128, per_layer = true }}
"""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A service that runs.

    Attributes:
        home: its home.
        pid: of its process.
        client: asks with the token of an administrator.
        tokens: those of others, by name.
    """

    home: Home
    pid: int
    client: httpx2.Client
    tokens: Mapping[str, str]

    def submit(
        self, name: str, *, trials: int, epochs: int, user: str | None = None, priority: int = 0
    ) -> None:
        """Submit a study of digits; it is acknowledged when this returns."""
        headers = {"Content-Type": "application/toml"}
        if user is not None:
            headers["Authorization"] = f"Bearer {self.tokens[user]}"
        text = STUDY.format(name=name, trials=trials, epochs=epochs)
        path = f"/v1/studies?priority={priority}"
        self.client.post(path, content=text, headers=headers).raise_for_status()

    def rows(self) -> list[dict[str, Any]]:
        """All studies, as ``GET /v1/studies`` has them."""
        found = self.client.get("/v1/studies").raise_for_status().json()
        return [*found]

    def is_over(self) -> bool:
        """Whether no study is queued or running any more."""
        return all(row["state"] not in ("queued", "running") for row in self.rows())

    def is_warm(self) -> bool:
        """Whether all workers have started, and wait: within a second they have done nothing."""
        workers = psutil.Process(self.pid).children()
        before = [worker.cpu_times().user for worker in workers]
        time.sleep(1)
        after = [worker.cpu_times().user for worker in workers]
        return (
            bool(workers)
            and min(before) > 0.3
            and all(late - early < 0.05 for early, late in zip(before, after, strict=True))
        )


def wait_until(holds: Callable[[], bool], what: str, every: float = 0.1) -> None:
    """Wait for something.

    Raises:
        TimeoutError: it has not happened in :data:`PATIENCE` seconds.
    """
    until = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > until:
            raise TimeoutError(what)
        time.sleep(every)


@contextmanager
def running(
    home: Home,
    *,
    workers: int,
    users: Sequence[str] = (),
    program: Sequence[str] = ("-m", "hpsearch"),
    environment: Mapping[str, str] | None = None,
) -> Iterator[Running]:
    """A service for the block, on a free port of this machine.

    Args:
        home: its home.
        workers: how many.
        users: names that may submit.
        program: what Python runs in place of hpsearch.
        environment: added to ours.
    """
    home.root.mkdir(parents=True, exist_ok=True)
    tokens = Tokens(home.tokens)
    admin = tokens.add("bench", Role.ADMIN)
    others = {name: tokens.add(name, Role.SUBMIT) for name in users}
    options = ["--home", str(home.root), "--port", "0", "--gpus", "none", "--workers", str(workers)]
    with (home.root / "server.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603  # our own command
            [sys.executable, "-P", *program, "serve", *options],
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE, stderr=log, text=True,
            start_new_session=True,  # Linux shares processors among sessions: a share of its own
        )  # fmt: skip
    try:
        if process.stdout is None or not (address := process.stdout.readline().strip()):
            raise RuntimeError((home.root / "server.log").read_text(encoding="utf-8"))
        headers = {"Authorization": f"Bearer {admin}"}
        with httpx2.Client(base_url=address, headers=headers, timeout=60) as client:
            yield Running(home=home, pid=process.pid, client=client, tokens=others)
    finally:
        process.terminate()
        process.wait(120)


def say(rows: Sequence[object]) -> None:
    """Print what was found, one line each."""
    for row in rows:
        print(row if isinstance(row, str) else json.dumps(row), flush=True)
