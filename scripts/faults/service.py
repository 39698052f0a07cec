"""The fault run of the service: server and workers are killed, the storage is restarted, the disk
is full, while users submit, upload, pause and resume, and one watches.

Run by hand: ``scripts/faults/service.py --help``. Users go on until all faults have come. After
each but a worker's end the first page, the queue, ``/readyz`` and a stream of events come back by
themselves, and of data that a killed server received nothing is left. Afterwards every study that
was acknowledged is there and done, by whoever's request came twice only once, its budget is met
exactly, no trial was ended by two, every upload that was acknowledged is there with its bytes, each
content once, and every event that was acknowledged is noted; and every resumed trial of the quick
trainer came to the weights of an undisturbed one (it says so by failing).
"""

import argparse
import contextlib
import json
import random
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

sys.path.append(str(Path(__file__).parents[2] / "tests"))

import psutil
from disturbed import PATIENCE, Disturbed
from faults import disk, say
from promises import broken
from servers import running_server  # of the tests
from users import WATCHED, Told, User, Watcher

from hpsearch.home import Home
from hpsearch.server.tokens import Role, Tokens

DISK = 1536
"""MiB of the small disk; uploads are refused when 1,024 of them are left."""

WATCHER = "watcher"
"""The name of who watches."""


def main() -> None:
    """Run it; exit code 1 where something does not hold."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--server-kills", type=int, default=20)
    arguments.add_argument("--worker-kills", type=int, default=50)
    arguments.add_argument("--storage", choices=["sqlite", "postgresql"], default="sqlite")
    arguments.add_argument("--restarts", type=int, default=0, help="of PostgreSQL's server")
    arguments.add_argument("--full", type=int, default=0, help="times that the disk is full")
    arguments.add_argument("--users", type=int, default=3)
    arguments.add_argument("--studies", type=int, default=6, help="of each user, at least")
    arguments.add_argument("--trials", type=int, default=8, help="of each study")
    arguments.add_argument("--slots", type=int, default=4)
    arguments.add_argument("--back-within", type=float, default=90, metavar="SECONDS")
    arguments.add_argument("--seed", type=int, default=0)
    given = arguments.parse_args()
    if given.restarts and given.storage == "sqlite":
        arguments.error("--restarts: needs --storage postgresql")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        root = folder / "home"
        if given.full:
            root, is_small = stack.enter_context(disk(folder, DISK))
            if not is_small:
                arguments.error("--full: no disk can be mounted here (not root?)")
        root.mkdir(exist_ok=True)
        database = None
        if given.storage == "postgresql":
            database = stack.enter_context(running_server())
        tokens = Tokens(Home(root).tokens)
        names = [*(f"user{n}" for n in range(given.users)), WATCHER]
        users = {name: tokens.add(name, Role.SUBMIT) for name in names}
        service = Disturbed(
            Home(root), given.slots, _free_port(), random.Random(given.seed),  # noqa: S311  # no secret
            users[WATCHER], WATCHED, given.back_within, database,
        )  # fmt: skip
        sys.exit(_run(given, service, users))


def _run(given: Any, service: Disturbed, users: dict[str, str]) -> int:
    """Have users work while faults come; the exit code."""
    told, began = Told(), time.monotonic()
    watcher = Watcher(service, told, WATCHER, users[WATCHER])
    service.start()
    with _at_work(given, service, watcher, users):
        disturb(service, given)
    wait_for_end(service)
    say(summary(service, told, watcher))
    say(f"{len(told.studies)} studies of {given.trials} trials, {time.monotonic() - began:.0f} s")
    wrong = [*service.wrong, *broken(service, told, given.trials, users), *_end(service)]
    say("\n".join(wrong) or "every promise held")
    if wrong:
        say((service.home.root / "server.log").read_text(errors="replace")[-5000:])
    return bool(wrong)


@contextlib.contextmanager
def _at_work(
    given: Any, service: Disturbed, watcher: Watcher, users: dict[str, str]
) -> Iterator[None]:
    """Have users work while the block runs, and until they have all done what they began."""

    def note(failed: threading.ExceptHookArgs) -> None:
        service.wrong.append(f"{failed.thread and failed.thread.name}: {failed.exc_value!r}")

    threading.excepthook = note
    acts: dict[str, Callable[[], None]] = {
        name: partial(User(service, watcher.told, name, token).work, given.studies, given.trials)
        for name, token in users.items() if name != WATCHER
    }  # fmt: skip
    acts |= {"stream": partial(watcher.follow, given.trials), "pages": watcher.look}
    threads = [threading.Thread(target=act, name=name, daemon=True) for name, act in acts.items()]
    for thread in threads:
        thread.start()
    yield
    service.goes_on = False
    for thread in threads:
        thread.join(PATIENCE)
    service.wrong += [f"{one.name} is not done" for one in threads if one.is_alive()]


def disturb(service: Disturbed, given: Any) -> None:
    """Have all faults come, in an order by chance, each when a trial has ended since the last.

    SIGTERM has no more come; what came is judged then, too.
    """
    faults = [service.kill_server] * given.server_kills + [service.kill_worker] * given.worker_kills
    faults += [service.restart_storage] * given.restarts + [service.fill_disk] * given.full
    service.dice.shuffle(faults)

    def stop(*_: Any) -> None:
        service.goes_on = False

    signal.signal(signal.SIGTERM, stop)
    began = time.monotonic()
    for number, fault in enumerate(faults, 1):
        if not service.goes_on:
            break
        service.let_work(service.dice.uniform(0.5, 4))
        say(f"{number} of {len(faults)}  {time.monotonic() - began:5.0f} s  {fault.__name__}")
        fault()


def wait_for_end(service: Disturbed) -> None:
    """Wait until all studies are done; what never is, is found by who looks at what holds."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        rows = json.loads(service.ask(service.token, "GET", "/v1/studies").body)
        if all(row["state"] == "done" for row in rows):
            return
        time.sleep(1)


def _end(service: Disturbed) -> list[str]:
    """End the service; what does not hold of that."""
    children = service.workers()
    service.server.terminate()
    code = service.server.wait(PATIENCE)
    _, alive = psutil.wait_procs(children, timeout=10)
    wrong = [f"left behind: {one.cmdline()}" for one in alive]
    return wrong if code == 143 else [*wrong, f"the server's exit code is {code}"]


def summary(service: Disturbed, told: Told, watcher: Watcher) -> str:
    """What came, as figures."""
    lines = [
        ", ".join(f"{kind}: {number}" for kind, number in sorted(service.faults.items())),
        f"faults that found nothing to do: {service.idle}",
        f"uploads: {len(told.uploads)} of {len({*told.uploads.values()})} contents",
        f"uploads cut off by kills: {service.cut_off}",
        "answers: " + ", ".join(f"{code}: {n}" for code, n in sorted(service.statuses.items())),
        f"events: {watcher.events}",
        f"trials ended: {len(service.journal.read_text().splitlines())}",
    ]
    lines += [
        f"{one}: back after {len(times)} faults, in {median(times):.1f} s, at most {max(times):.1f}"
        for one, times in service.back.items()
    ]
    return "\n".join(lines)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


if __name__ == "__main__":
    main()
