"""What ``kills.py`` tries: each command with what the user does then, and what must hold."""

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[2] / "tests"))

import forked  # of the tests
import psutil
import sqlalchemy as sa
from averaged import ensemble  # likewise
from commandline import Cli  # likewise
from killed import KINDS, NOBODY, VARIABLE, Kill, Settings
from optuna.storages._rdb.models import BaseModel
from optuna.trial import FrozenTrial

from hpsearch.errors import HpsearchError
from hpsearch.home import CURVES, WEIGHTS, Home
from hpsearch.search import budget
from hpsearch.search.attributes import CHANGES_KEY, PRESENT_PREFIX, origin, requested_params
from hpsearch.search.ensemble import keep_ensemble
from hpsearch.search.lookup import load_study
from hpsearch.search.recipes import trial_seed
from hpsearch.search.storage import Storage
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import is_refit
from hpsearch.services.refit import refitted

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


def of_grid(case: Case) -> dict[str, Any]:
    """Every point once, beside what is asked for in part; that once, too."""
    with studied(case, "grid") as study:
        counted = counted_trials(study)
        points = as_texts([t.params for t in counted if requested_params(t) != {"layers": 1}])
        return searched(case, "grid") | {
            "points of the grid": points,
            "no point twice": [point for point, of in Counter(points).items() if of > 1],
            "enqueued": as_texts([requested_params(t) for t in counted if requested_params(t)]),
        }


def of_tpe(case: Case) -> dict[str, Any]:
    """The initial design once, what is asked for once, and nothing that is too large."""
    with studied(case, "tpe") as study:
        counted, first = counted_trials(study), as_texts(study.first_trials)
        params = Counter(as_texts([trial.params for trial in counted]))
        limit = study.budget.max_parameters or 0
        return searched(case, "tpe") | {
            "initial design": {text: params[text] for text in first},
            "enqueued": as_texts([requested_params(t) for t in counted if requested_params(t)]),
            "no network too large": [
                t.number for t in counted if t.user_attrs["parameters"] > limit
            ],
        }


def of_queue(case: Case) -> dict[str, Any]:
    """What was enqueued is counted once."""
    with studied(case, "queue") as study:
        counted = counted_trials(study)
        wanted = [requested_params(trial) for trial in counted if requested_params(trial)]
        return searched(case, "queue") | {"enqueued": as_texts(wanted)}


def of_fork(case: Case) -> dict[str, Any]:
    """All trials of the old study are in the new one, which goes on."""
    with studied(case, "queue") as study:
        old = [*map(whole, study.trials())]
    with studied(case, "new") as study:
        trials = study.trials()
        taken = [t for t in trials if "forked_from" in t.user_attrs]
        return searched(case, "new") | {
            "old study": old,
            "taken over": [*map(whole, taken)],
            "enqueued": as_texts(
                [
                    requested_params(t)
                    for t in trials[len(taken) :]
                    if requested_params(t) and budget.counts(t)
                ]
            ),
            "curves": _curves(case, len(taken)),
            "its history": _histories(study),
        }


def _curves(case: Case, count: int) -> dict[str, str]:
    """The curves of the trials that were taken over."""
    runs = case.home.study_runs("new")
    wanted = {f"trial-{number:05d}/{CURVES}" for number in range(count)}
    return {name: text for name, text in digest(runs, [CURVES]).items() if name in wanted}


def _histories(study: OpenStudy) -> list[str]:
    """The commands of the old study that the new one knows of."""
    commands = study.optuna.user_attrs.get("commands", ())
    return [entry["command"].split()[1] for entry in commands if "study" in entry]


def of_copy(case: Case) -> dict[str, Any]:
    """All studies are here and there, whole."""
    found: dict[str, Any] = {}
    for where, url in (("from", case.own), ("to", case.url)):
        with case.opened(url) as storage:
            if storage is None:
                continue
            for one in storage.get_all_studies():
                if one.study_name == "other":
                    continue
                system = {
                    key: value
                    for key, value in one.system_attrs.items()
                    if not key.startswith(PRESENT_PREFIX)
                }
                trials = storage.get_all_trials(one._study_id, deepcopy=False)  # noqa: SLF001
                found[f"{one.study_name} {where}"] = [
                    json.dumps([one.user_attrs, system], sort_keys=True),
                    [*map(whole, trials)],
                ]
    names = {name.split()[0] for name in found}
    unlike = [n for n in names if found.get(f"{n} from") != found.get(f"{n} to")]
    return found | {"no study that is other here than there": unlike}


def of_confirm(case: Case) -> dict[str, Any]:
    """Each run once."""
    with studied(case, "queue") as study:
        old = [*map(whole, study.trials())]
    with studied(case, "queue.confirm") as runs:
        jobs = [
            {key: trial.user_attrs[key] for key in ("of", "seed", "config")}
            for trial in counted_trials(runs)
        ]
        return searched(case, "queue.confirm") | {"searched": old, "runs": as_texts(jobs)}


def choose(case: Case) -> None:
    """Keep an ensemble of a trial of the study and of its first two confirmation runs."""
    with studied(case, "queue") as study, studied(case, "queue.confirm") as runs:
        of = next(of for trial in runs.trials() if (of := trial.user_attrs["of"]) != "baseline")
        own = [trial for trial in runs.trials() if trial.user_attrs["of"] == of][:2]
        first = study.trials()[int(of)]
        members = [
            (int(of), False, trial_seed(study, first), 0.5),
            *((run.number, True, trial_seed(runs, run), 0.25) for run in own),
        ]
        chosen = ensemble(*members)
        kept = [one.model_copy(update={"of": of}) for one in chosen.members]
        keep_ensemble(study, chosen.model_copy(update={"members": kept}))


def lose(case: Case) -> None:
    """Remove the weights of refits, as somebody who makes space."""
    with studied(case, "queue.confirm") as runs:
        for trial in filter(is_refit, runs.trials()):
            (case.home.trial_run(runs.name, trial.number) / WEIGHTS).unlink()


def of_refit(case: Case) -> dict[str, Any]:
    """Each network of the ensemble once where its weights are here, and these as they would be."""
    with studied(case, "queue") as study, studied(case, "queue.confirm") as runs:
        refits = [trial for trial in counted_trials(runs) if is_refit(trial)]
        files = {
            trial.number: case.home.trial_run(runs.name, trial.number) / WEIGHTS for trial in refits
        }
        here = [trial for trial in refits if files[trial.number].is_file()]
        taken = refitted(study, case.home, ensemble=True)
        return searched(case, "queue.confirm") | {
            "searched": [*map(whole, study.trials())],
            "refits": as_texts([_job(trial) for trial in refits]),
            "no refit twice": [
                text for text, times in Counter(as_texts([*map(_job, here)])).items() if times > 1
            ],
            "weights": sorted(
                [trial.user_attrs["seed"], _digest(files[trial.number])] for trial in here
            ),
            "no weights missing": [
                one["trial"] for one in taken.plain()["networks"]
                if not files[one["trial"]].is_file()
            ],
            "what is taken": sorted(
                [one["seed"], one["weight"]] for one in taken.plain()["networks"]
            ),
        }  # fmt: skip


def _job(trial: FrozenTrial) -> dict[str, Any]:
    """What makes a confirmation run the one that it is."""
    return {key: trial.user_attrs[key] for key in ("of", "seed", "config", "kind", CHANGES_KEY)}


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def of_delete(case: Case) -> dict[str, Any]:
    """Nothing of the study is left."""
    places = (case.home.study_runs, case.home.study_logs)
    folders = [place(name) for name in ("queue", "queue.confirm") for place in places]
    return {"no file of the study": [str(one) for one in folders if one.exists()]}


Command = tuple[str, ...]
Look = Callable[[Case], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A command that is killed, and what is done and looked at then."""

    prepared: tuple[Command, ...]
    """What is done once, for all cases."""
    command: Command
    by: str = "KILL"
    """The signal: KILL or INT, which is Ctrl-C."""
    target: str = ""
    """Which command is killed: "" for itself, else one that it starts."""
    again: Command = ()
    """What the user does then; the same command where nothing is said."""
    done: str = ""
    """What ``again`` says, with exit code 2, where the killed command had done all."""
    then: tuple[Command, ...] = ()
    """What comes after that."""
    looks: tuple[Look, ...]
    """What must be as if nobody had been killed."""
    has_other: bool = True
    """Whether another study is in the storage, which nobody touches."""
    is_copy: bool = False
    """Whether what is prepared is in the home's own storage, and another one is the case's."""


def run_of(name: str, *more: str) -> Command:
    """``run`` of a study file."""
    return ("run", f"{name}.toml", "--workers", "1", "--no-reference", *more)


MADE: Command = ("made",)
"""Stands for making the study of a file without trials."""
_CONFIRM = ("confirm", "queue", "--top", "2", "--seeds", "2", "--workers", "1")
STEPS: dict[str, Callable[[Case], None]] = {"choose": choose, "lose": lose}
"""What is done in a preparation, beside commands."""
_REFIT = ("refit", "queue", "--ensemble", "--workers", "1")
_CHOSEN = (run_of("queue"), _CONFIRM, ("choose",))
_LOST = (*_CHOSEN, _REFIT, ("lose",))
_DELETE = ("delete", "queue", "--yes")

SCENARIOS: dict[str, Scenario] = {
    "worker, grid": Scenario(
        prepared=((*MADE, "grid"),),
        command=("worker", "grid"),
        again=run_of("grid"),
        looks=(of_grid,),
    ),
    "worker, TPE": Scenario(
        prepared=((*MADE, "tpe"),), command=("worker", "tpe"), again=run_of("tpe"), looks=(of_tpe,)
    ),
    "a run's worker": Scenario(
        prepared=(), command=run_of("grid"), target="worker", looks=(of_grid,)
    ),
    "run, first of all": Scenario(
        prepared=(), command=run_of("tpe"), looks=(of_tpe,), has_other=False
    ),
    "run, new study": Scenario(prepared=(), command=run_of("grid"), looks=(of_grid,)),
    "enqueue": Scenario(
        prepared=(run_of("queue"),),
        command=("enqueue", "queue", "wanted.toml"),
        then=(run_of("queue", "--trials", "4"),),
        looks=(of_queue,),
    ),
    "fork": Scenario(
        prepared=(run_of("queue"),),
        command=("fork", "queue", "new.toml"),
        done="already exists",
        then=(run_of("new"),),
        looks=(of_fork,),
    ),
    "storage copy": Scenario(
        prepared=(run_of("queue"), _CONFIRM),
        command=("storage", "copy", "{own}", "{url}"),
        looks=(of_copy,),
        is_copy=True,
    ),
    "confirm": Scenario(prepared=(run_of("queue"),), command=_CONFIRM, looks=(of_confirm,)),
    "a confirm's worker": Scenario(
        prepared=(run_of("queue"),), command=_CONFIRM, target="worker", looks=(of_confirm,)
    ),
    "refit": Scenario(prepared=_CHOSEN, command=_REFIT, looks=(of_refit,)),
    "refit, Ctrl-C": Scenario(prepared=_CHOSEN, command=_REFIT, by="INT", looks=(of_refit,)),
    "a refit's worker": Scenario(
        prepared=_CHOSEN, command=_REFIT, target="worker", looks=(of_refit,)
    ),
    "refit, lost weights": Scenario(prepared=_LOST, command=_REFIT, looks=(of_refit,)),
    "delete": Scenario(
        prepared=(run_of("queue"),), command=_DELETE, done="not found", looks=(of_delete,)
    ),
    "delete, confirmed": Scenario(
        prepared=(run_of("queue"), _CONFIRM), command=_DELETE, done="not found", looks=(of_delete,)
    ),
}
