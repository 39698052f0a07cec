"""The fault run of the service: server and workers are killed, the storage is restarted, the disk
is full, while users submit, pause and resume.

Run by hand: ``scripts/faults/service.py --help``. After a restart and a full disk the service gets
ready by itself. Afterwards every study that was acknowledged is there and done, by whoever's
request came twice only once, its budget is met exactly, nothing runs, every event that was
acknowledged is noted, and every resumed trial of the quick trainer came to the weights of an
undisturbed one (it says so by failing).
"""

import argparse
import contextlib
import http.client
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[2] / "tests"))

import psutil
from faults import disk
from process import VARIABLE, Settings
from servers import Server, running_server  # of the tests

from hpsearch.environment import STORAGE_VARIABLE
from hpsearch.home import Home
from hpsearch.search import submissions
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import load_study
from hpsearch.server.tokens import Role, Tokens

STUDY = """\
name = "{name}"
[dataset]
source = "digits"
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

READY_WITHIN = 90.0
"""Seconds after which the service works again when storage and disk do."""

PATIENCE = 600.0
"""Seconds after which what should happen has not happened."""


@dataclass
class Run:
    """A service that is killed again and again, and what users do meanwhile."""

    home: Home
    slots: int
    port: int
    dice: random.Random
    process: subprocess.Popen[bytes] | None = None
    acknowledged: dict[str, list[str]] = field(default_factory=dict)
    """What each study's user was told is done, in order."""
    database: Server | None = None
    """The PostgreSQL server that is restarted; None: SQLite in the home."""
    kills: Counter[str] = field(default_factory=Counter)
    """Faults that came."""
    wrong: list[str] = field(default_factory=list)
    """What did not hold on the way."""

    @property
    def url(self) -> str:
        """The storage's."""
        return self.home.storage_url() if self.database is None else self.database.url

    def start(self) -> None:
        """Start the server; it takes a moment until it answers."""
        settings = Settings(
            journal=str(self.home.root / "journal"), beat=0.5, lease=30.0, checkpoint=0.2,
            epoch=0.1, real=False,
        )  # fmt: skip
        ours = {VARIABLE: json.dumps(asdict(settings)), STORAGE_VARIABLE: self.url}
        options = ["--home", str(self.home.root), "--gpus", "none", "--workers", str(self.slots)]
        with (self.home.root / "server.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603  # our own command
                [sys.executable, "-P", str(Path(__file__).with_name("process.py")), "serve",
                 "--port", str(self.port), *options],
                env={**os.environ, **ours},
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def ask(self, token: str, method: str, path: str, text: str = "", key: str = "") -> int:
        """Send a request until it is answered; the status."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/toml"}
        headers |= {"Idempotency-Key": key} if key else {}
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection.request(method, path, text, headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 503:
                    return answer.status
            connection.close()
            time.sleep(0.2)
        raise AssertionError(f"{method} {path}: no answer")

    def use(self, user: str, token: str, studies: int, trials: int) -> None:
        """What a user does: submits studies, and pauses and resumes some of them."""
        dice = random.Random(user)  # noqa: S311  # no secret
        for number in range(studies):
            name = f"{user}-{number}"
            text = STUDY.format(name=name, trials=trials)
            status = self.ask(token, "POST", "/v1/studies", text, key=name)
            _expect(status, 200, 201)
            self.acknowledged[name] = ["submitted"]
            if dice.random() < 0.5:
                time.sleep(dice.random() * 3)
                for act, what in (("pause", "paused"), ("resume", "resumed")):
                    status = self.ask(token, "POST", f"/v1/studies/{name}/{act}")
                    _expect(status, 200, 409)
                    self.acknowledged[name] += [what] * (status == 200)
                    time.sleep(dice.random())
            time.sleep(dice.random() * 2)

    def let_work(self, seconds: float) -> None:
        """Wait until a trial has ended since the last time, or for a minute; and some seconds."""
        journal, end = self.home.root / "journal", time.monotonic() + 60
        before = journal.stat().st_size if journal.exists() else 0
        while time.monotonic() < end and not (journal.exists() and journal.stat().st_size > before):
            time.sleep(0.2)
        time.sleep(seconds)

    def kill(self) -> None:
        """Kill the server, or one of its workers once there are some."""
        workers = self.workers()
        if self.dice.random() < 0.7:
            end = time.monotonic() + 30
            while not workers and time.monotonic() < end:
                time.sleep(0.2)
                workers = self.workers()
        if workers and self.dice.random() < 0.8:
            with contextlib.suppress(psutil.NoSuchProcess):
                self.dice.choice(workers).kill()
                self.kills["worker"] += 1
            return
        if self.server.poll() is not None:
            self.wrong.append(f"the server had ended by itself: {self.server.returncode}")
        self.server.kill()
        self.server.wait()
        self.kills["server"] += 1
        time.sleep(self.dice.random() * 2)
        self.start()

    def restart_storage(self) -> None:
        """Have the database's server crash, be away for some seconds, and come back."""
        if self.database is None:
            raise AssertionError("there is no server")
        self.database.stop(self.dice.choice(["immediate", "fast"]))
        time.sleep(self.dice.uniform(0.5, 8))
        self.database.start()
        self.kills["storage"] += 1
        self.expect_ready("a restart of the storage")

    def fill_disk(self) -> None:
        """Fill the disk of the home for some seconds."""
        ballast = self.home.root / "ballast"
        try:
            with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(2**16))
            time.sleep(self.dice.uniform(2, 8))
        finally:
            ballast.unlink(missing_ok=True)
        self.kills["full disk"] += 1
        self.expect_ready("a full disk")

    def expect_ready(self, after: str) -> None:
        """Wait until the service works again, without a new start."""
        end = time.monotonic() + READY_WITHIN
        while time.monotonic() < end:
            if self.server.poll() is not None:
                self.wrong.append(f"the server ended after {after}: {self.server.returncode}")
                self.start()
                return
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    return
            time.sleep(0.2)
        self.wrong.append(f"not ready {READY_WITHIN:.0f} s after {after}")

    @property
    def server(self) -> "subprocess.Popen[bytes]":
        """The server that runs now."""
        if self.process is None:
            raise AssertionError("it was not started")
        return self.process

    def workers(self) -> list[psutil.Process]:
        """The workers of the server that runs now."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.server.pid).children()
        return []


def _expect(status: int, *known: int) -> None:
    """Refuse an answer that no user should get."""
    if status not in known:
        raise AssertionError(f"answered with {status}")


def check(run: Run, trials: int) -> list[str]:
    """What does not hold at the end."""
    wrong = [*run.wrong]
    storage = open_storage(run.url)
    for name, told in run.acknowledged.items():
        study = load_study(storage, name)
        counts, state = study.counts(), submissions.submission_of(study).state
        events = [event.what for event in reversed(storage.events(name))]
        if (counts.counted, counts.running, counts.waiting) != (trials, 0, 0) or state != "done":
            wrong.append(f"{name}: {state}, {counts}")
        if events.count("submitted") != 1:
            wrong.append(f"{name}: submitted {events.count('submitted')} times")
        # What was done and not acknowledged may be there besides; who asks again does it twice.
        wrong += [f"{name}: {one} is not noted" for one in told if one not in events]
    if set(storage.study_names()) != set(run.acknowledged):
        wrong.append(f"studies: {storage.study_names()}")
    logs = run.home.root.rglob("*.log")
    wrong += [
        f"{log}: resumed elsewhere" for log in logs if "resumed from something" in log.read_text()
    ]
    storage.close()
    return wrong


def main() -> None:
    """Run it; exit code 1 where something does not hold."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--kills", type=int, default=70, help="of server (3 of 10) and workers")
    arguments.add_argument("--storage", choices=["sqlite", "postgresql"], default="sqlite")
    arguments.add_argument("--restarts", type=int, default=0, help="of PostgreSQL's server")
    arguments.add_argument("--full", type=int, default=0, help="times that the disk is full")
    arguments.add_argument("--users", type=int, default=3)
    arguments.add_argument("--studies", type=int, default=6, help="of each user")
    arguments.add_argument("--trials", type=int, default=8, help="of each study")
    arguments.add_argument("--slots", type=int, default=4)
    arguments.add_argument("--seed", type=int, default=0)
    given = arguments.parse_args()
    if given.restarts and given.storage == "sqlite":
        arguments.error("--restarts: needs --storage postgresql")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        root, is_small = folder / "home", False
        if given.full:
            root, is_small = stack.enter_context(disk(folder))
            if not is_small:
                arguments.error("--full: no disk can be mounted here (not root?)")
        root.mkdir(exist_ok=True)
        database = None
        if given.storage == "postgresql":
            database = stack.enter_context(running_server())
        sys.exit(_run(given, Home(root), database))


def _run(given: Any, home: Home, database: Server | None) -> int:
    tokens = Tokens(home.tokens)
    users = {f"user{n}": tokens.add(f"user{n}", Role.SUBMIT) for n in range(given.users)}
    run = Run(home, given.slots, 18080 + given.seed, random.Random(given.seed))  # noqa: S311  # no secret
    run.database = database
    run.start()
    threads = [
        threading.Thread(target=run.use, args=(*one, given.studies, given.trials), daemon=True)
        for one in users.items()
    ]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    faults = [run.kill] * given.kills + [run.restart_storage] * given.restarts
    faults += [run.fill_disk] * given.full
    run.dice.shuffle(faults)
    for fault in faults:
        if not any(thread.is_alive() for thread in threads) and not check(run, given.trials):
            break  # all is done: there is nothing left to disturb
        run.let_work(run.dice.uniform(0.5, 4))
        fault()
    for thread in threads:
        thread.join(PATIENCE)
    wanted = given.users * given.studies
    wrong: list[str] = []
    while (wrong := check(run, given.trials)) and time.monotonic() < began + 2 * PATIENCE:
        time.sleep(2)
    run.ask("", "GET", "/healthz")  # the last one may only just have been started
    children = run.workers()
    run.server.terminate()
    code = run.server.wait(60)
    _, alive = psutil.wait_procs(children, timeout=10)
    wrong += [f"left behind: {one.cmdline()}" for one in alive]
    if len(run.acknowledged) != wanted:
        wrong.append(f"{len(run.acknowledged)} of {wanted} studies were acknowledged")
    wrong += [] if code == 143 else [f"the server's exit code is {code}"]
    seconds = time.monotonic() - began
    sys.stdout.write(
        f"{', '.join(f'{kind}: {number}' for kind, number in run.kills.items())};"
        f" {len(run.acknowledged)} studies of {given.trials} trials, {seconds:.0f} s\n"
    )
    sys.stdout.write("\n".join(wrong) or "every promise held")
    sys.stdout.write("\n")
    if wrong:
        sys.stdout.write((home.root / "server.log").read_text()[-5000:])
    return bool(wrong)


if __name__ == "__main__":
    main()
