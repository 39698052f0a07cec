"""A home in which a command is killed: what is prepared there, done, and read of it then."""

import contextlib
import ctypes
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[2] / "tests"))

import forked  # of the tests
import psutil
import sqlalchemy as sa
from commandline import Cli  # likewise
from killed import KINDS, NOBODY, VARIABLE, Kill, Settings
from optuna.storages._rdb.models import BaseModel
from optuna.trial import FrozenTrial

from hpsearch.errors import HpsearchError
from hpsearch.home import Home
from hpsearch.search import budget
from hpsearch.search.attributes import origin
from hpsearch.search.lookup import load_study
from hpsearch.search.storage import Storage
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy

PATIENCE = 60.0
"""Seconds that a command may take."""
SITE = """\
import sys
sys.path.append({folder!r})
import killed
killed.begin()
"""
SPACE = """
[space]
layers = { type = "int", low = 1, high = 2 }
units = { type = "int", low = 16, high = 64, log = true, per_layer = true }
[space.optimizer]
adam = { learning_rate = { type = "float", low = 1e-3, high = 1e-2, log = true } }
sgd = { learning_rate = { type = "float", low = 1e-2, high = 1e-1, log = true } }
"""
HEAD = 'name = "{name}"\n[dataset]\nsource = "digits"\n[training]\nepochs = 2\n{more}'
QUICK = "early_stopping = false\n"
FILES = {
    # Four points, one of them asked for, and a trial of which one value is asked for.
    "grid": HEAD.format(name="grid", more=QUICK)
    + """
[sampler]
type = "grid"
[space]
layers = { type = "int", low = 1, high = 2 }
batch_norm = { type = "categorical", choices = [true, false] }
[[enqueue]]
layers = 2
batch_norm = true
[[enqueue]]
layers = 1
""",
    # Two that are enqueued, two of the initial design, two that TPE draws; some are too large.
    "tpe": HEAD.format(name="tpe", more=QUICK)
    + """
[sampler]
type = "tpe"
n_startup_trials = 4
[budget]
trials = 6
max_parameters = 5500
"""
    + SPACE
    + """
[[enqueue]]
layers = 1
units = 20
optimizer = { type = "adam", learning_rate = 0.002 }
[[enqueue]]
layers = 2
""",
    "queue": HEAD.format(name="queue", more=QUICK) + "[budget]\ntrials = 3\n" + SPACE,
    "new": HEAD.format(name="new", more=QUICK)
    + "[budget]\ntrials = 5\n"
    + SPACE.replace("high = 64", "high = 128")
    + "[[enqueue]]\nlayers = 2\n",
    "other": HEAD.format(name="other", more=QUICK) + "[budget]\ntrials = 2\n" + SPACE,
    "wanted": 'layers = 2\nunits = 33\noptimizer = { type = "sgd", learning_rate = 0.05 }\n',
}  # fmt: skip
"""The study files of all scenarios, and a configuration to enqueue."""


@dataclass(frozen=True)
class Case:
    """A folder with study files and a home, and a storage."""

    folder: Path
    url: str
    """The storage that the scenario is about."""

    @property
    def home(self) -> Home:
        """Its home."""
        return Home(self.folder / "home")

    @property
    def own(self) -> str:
        """The SQLite file of its home, which is the storage or that of what is copied from."""
        return self.home.own_storage

    def command(
        self,
        words: Sequence[str],
        *,
        kill: Kill | None = None,
        target: str = NOBODY,
        storage: str | None = None,
        typed: str = "",
    ) -> tuple[int, str]:
        """Run a command to its end; its exit code, and what it said on standard error.

        Args:
            words: what is typed behind ``hpsearch``; {own} and {url} stand for storages.
            kill: where it ends, if at all.
            target: which command is counted, and killed: itself or one that it starts.
            storage: the storage; None: ``url``.
            typed: on standard input.
        """
        settings = Settings(folder=str(self.folder), command=target, kill=kill)
        site = self.folder / "site"
        site.mkdir(exist_ok=True)
        text = SITE.format(folder=str(Path(__file__).parent))
        (site / "sitecustomize.py").write_text(text, encoding="utf-8")
        cli = Cli(
            self.folder,
            variables={"HPSEARCH_STORAGE": storage or self.url, VARIABLE: settings.text()},
            at_start={"PYTHONPATH": str(site)},
        )
        words = [word.format(own=self.own, url=self.url) for word in words]
        process = forked.start(cli, *words, stdin=subprocess.PIPE)
        _adopt_orphans()  # which tests do only while they start one
        try:
            _, said = process.communicate(typed, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            _, said = process.communicate()
            return 124, f"{' '.join(words)}: not over after {PATIENCE:.0f} s\n{said}"
        return process.returncode, said

    def do(self, *words: str, storage: str | None = None) -> None:
        """Run a command of the preparation.

        Raises:
            RuntimeError: it failed.
        """
        code, said = self.command(words, storage=storage)
        if code:
            raise RuntimeError(f"{' '.join(words)}: exit code {code}\n{said}")

    @property
    def was_killed(self) -> bool:
        """Whether the chosen operation was reached."""
        return (self.folder / "killed").exists()

    def counted(self) -> dict[str, int]:
        """Operations of an undisturbed command, by kind."""
        found: dict[str, int] = json.loads((self.folder / "counted").read_text(encoding="ascii"))
        return {kind: found.get(kind, 0) for kind in KINDS}

    def wait(self) -> list[str]:
        """Wait until no process of the case is there; what is wrong where one stays."""
        file, wrong = self.folder / "pids", list[str]()
        pids = file.read_text(encoding="ascii").split() if file.exists() else []
        until = time.monotonic() + PATIENCE
        for pid in map(int, pids):
            while psutil.pid_exists(pid):
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
                if time.monotonic() > until:
                    wrong.append(f"process {pid} is still there after {PATIENCE:.0f} s")
                    psutil.Process(pid).kill()
                    until = time.monotonic() + 1
                time.sleep(0.002)
        return wrong

    @contextlib.contextmanager
    def opened(self, url: str | None = None) -> Iterator[Storage | None]:
        """A storage to look at; None where there is none yet."""
        try:
            storage = open_storage(url or self.url, create=False, read_only=True)
        except HpsearchError:
            yield None
            return
        try:
            yield storage
        finally:
            storage.close()


def _adopt_orphans() -> None:
    """Have descendants whose parent was killed become children of this process."""
    ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER


def whole(trial: FrozenTrial) -> str:
    """All of a trial but its key, to be compared."""
    return json.dumps(
        [
            trial.number, trial.state.name, trial.values, trial.datetime_start,
            trial.datetime_complete, trial.params, sorted(map(str, trial.distributions.items())),
            trial.user_attrs, trial.system_attrs, trial.intermediate_values,
        ],
        sort_keys=True,
        default=str,
    )  # fmt: skip


def ended(case: Case) -> dict[str, dict[int, str]]:
    """The trials that are over, of all studies that are whole."""
    with case.opened() as storage:
        if storage is None:
            return {}
        return {
            one.study_name: {
                trial.number: whole(trial)
                for trial in storage.get_all_trials(one._study_id, deepcopy=False)  # noqa: SLF001
                if trial.state.is_finished()
            }
            for one in storage.get_all_studies()
            if not one.study_name.startswith(".")
        }


def lost(
    before: Mapping[str, Mapping[int, str]], now: Mapping[str, Mapping[int, str]]
) -> list[str]:
    """Which trials that were over are not there any more, or are others."""
    return [
        f"{name} {number}"
        for name, trials in before.items()
        for number, text in trials.items()
        if name in now and now[name].get(number) != text
    ]


def digest(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Some files of the folders of trials, by their place."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()[:12]
        for name in names
        for file in sorted(folder.glob(f"*/{name}"))
    }


def anywhere(case: Case) -> dict[str, Any]:
    """What must hold in every scenario."""
    names, widowed = [], Counter[str]()
    with case.opened() as storage:
        if storage is not None:
            names = storage.study_names()
            widowed = _widowed(storage)
    hidden = [
        str(path.relative_to(case.folder))
        for path in sorted(case.folder.rglob(".*"))
        if path.name.startswith((".partial", ".unfinished", ".replaced"))
    ]
    found: dict[str, Any] = {
        "studies": sorted(names),
        "no half-made study": [name for name in names if name.startswith(".")],
        "no half-made file": hidden,
        "no row of a study that is gone": sorted(widowed),
        "no damage": [said for said in integrity(case) if said != "ok"],
    }
    if "other" in names:
        with studied(case, "other") as study:
            attrs = {k: v for k, v in study.optuna.user_attrs.items() if "plotly" not in k}
            found["other"] = hashlib.sha256(
                json.dumps([attrs, [*map(whole, study.trials())]], sort_keys=True).encode()
            ).hexdigest()[:12]
        found["files of other"] = digest(case.home.study_runs("other"), ["*"])
    return found


def _widowed(storage: Storage) -> Counter[str]:
    """Rows that belong to no trial or study that is there, by table."""
    found: Counter[str] = Counter()
    with storage.engine.connect() as connection:
        for table in BaseModel.metadata.sorted_tables:
            for key in ("trial_id", "study_id"):
                whose = {"trial_id": "trials", "study_id": "studies"}[key]
                if key not in table.c or table.name == whose:
                    continue
                parent = BaseModel.metadata.tables[whose]
                there = sa.exists().where(parent.c[key] == table.c[key])
                query = sa.select(sa.func.count()).select_from(table).where(~there)
                if count := connection.scalar(query):
                    found[table.name] += count
    return found


def integrity(case: Case) -> list[str]:
    """What SQLite says of its files; of a server nothing."""
    said = []
    for url in {case.url, case.own}:
        file = Path(url.removeprefix("sqlite:///"))
        if url.startswith("sqlite") and file.exists():
            with contextlib.closing(sqlite3.connect(file)) as connection:
                said += [row[0] for row in connection.execute("PRAGMA integrity_check")]
    return said


@contextlib.contextmanager
def studied(case: Case, name: str) -> Iterator[OpenStudy]:
    """A study of a case.

    Raises:
        UnknownStudyError: it is not there.
    """
    storage = open_storage(case.url, create=False)
    try:
        yield load_study(storage, name)
    finally:
        storage.close()


def searched(case: Case, name: str) -> dict[str, Any]:
    """What must hold of every study whose budget is met."""
    with studied(case, name) as study:
        counts, trials = study.counts(), study.trials()
        chains = Counter(origin(trial) for trial in trials if budget.counts(trial))
        return {
            f"counted of {name}": counts.counted,
            f"no running trial of {name}": [t.number for t in trials if t.state.name == "RUNNING"],
            f"no waiting trial of {name}": [t.number for t in trials if t.state.name == "WAITING"],
            f"no trial of {name} counted twice": [n for n, of in chains.items() if of > 1],
            f"no program error in {name}": [
                t.number for t in trials if t.user_attrs.get("failure") == "program_error"
            ],
        }


def counted_trials(study: OpenStudy) -> list[FrozenTrial]:
    """The trials that use up a place."""
    return [trial for trial in study.trials() if budget.counts(trial)]


def as_texts(values: Sequence[Mapping[str, Any]]) -> list[str]:
    """Parameters, in order."""
    return sorted(json.dumps(value, sort_keys=True) for value in values)
