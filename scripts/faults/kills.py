"""Kills at every point: each command is ended at its k-th SQL statement or file, by SIGKILL, and
some by Ctrl-C, too.

Run by hand, as it takes half an hour: ``scripts/faults/kills.py --help``. A case is a copy of a
home that was prepared once, a command that is killed in it, and what the user does then: the same
command again (``run``, where a worker was killed). Afterwards all that follows from the files alone
must be as if nobody had been killed, and no trial that had ended is lost or another one. A failed
case is repeated by ``--only SCENARIO --at KIND:K:AFTER``, as it is named where it fails.

The commands are forked as those of the tests are (tests/forked.py), and train with the quick
trainer of ``process.py``. ``killed.py`` counts, and kills.
"""

import argparse
import contextlib
import gc
import importlib
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[2] / "tests"))

import forked  # of the tests
import sqlalchemy as sa
from case import FILES, Case, anywhere, ended, lost
from killed import FILE, KINDS, SQL, Kill
from postgresql import running_postgresql  # of the folder above
from scenarios import MADE, SCENARIOS, STEPS, Scenario, run_of

from hpsearch.data.cache import open_dataset
from hpsearch.data.drawing import split
from hpsearch.data.facts import facts
from hpsearch.errors import HpsearchError
from hpsearch.home import sqlite_url
from hpsearch.search.making import open_or_create
from hpsearch.search.storage.opening import open_storage
from hpsearch.study_file import load

CALLS = 40
"""Calls and returns of Python after an operation on files, at most, at which a kill may come."""
IMPORTED = (
    "joblib", "plotly.animation", "plotly.io", "rich.live", "rich.progress", "sklearn.datasets",
    "scipy.stats",
)  # fmt: skip
"""What commands import when they run, beside hpsearch."""


@dataclass
class Bench:
    """Where cases are made."""

    root: Path
    server: str | None
    """The URL of a database on PostgreSQL; None: SQLite."""

    def case(self, place: str, scenario: Scenario) -> Case:
        """An empty case."""
        folder = self.root / place
        if self.server is not None:
            made = sa.engine.make_url(self.server).set(database=place)
            url = made.render_as_string(hide_password=False)
        else:
            url = sqlite_url(folder / ("target.db" if scenario.is_copy else "home/studies.db"))
        return Case(folder, url)

    def prepare(self, scenario: Scenario) -> None:
        """Make what all cases of a scenario begin with."""
        case = self.case("prepared", scenario)
        case.folder.mkdir()
        for name, text in FILES.items():
            (case.folder / f"{name}.toml").write_text(text, encoding="utf-8")
        self._create("prepared", "template1")
        if scenario.has_other:
            case.do(*run_of("other"))
        storage = case.own if scenario.is_copy else case.url
        for words in scenario.prepared:
            if words[0] == MADE[0]:
                self._make(case, words[1])
            elif words[0] in STEPS:
                STEPS[words[0]](case)
            else:
                case.do(*words, storage=storage)
        case.wait()
        for name in ("pids", "site", "counted"):
            path = case.folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def _make(self, case: Case, name: str) -> None:
        """Make a study without trials."""
        file = load(case.folder / f"{name}.toml")
        dataset = open_dataset(file.dataset, case.home)
        storage = open_storage(case.url)
        open_or_create(storage, file, facts(dataset, split(dataset, file.dataset)))
        storage.close()

    @contextlib.contextmanager
    def fresh(self, scenario: Scenario) -> Iterator[Case]:
        """A copy of what was prepared, for one case."""
        case = self.case("tried", scenario)
        shutil.copytree(self.root / "prepared", case.folder)
        self._create("tried", "prepared")
        try:
            yield case
        finally:
            self._drop("tried")
            shutil.rmtree(case.folder)

    def forget(self) -> None:
        """Remove what was prepared."""
        self._drop("prepared")
        shutil.rmtree(self.root / "prepared")

    def _create(self, name: str, template: str) -> None:
        self._tell(f"CREATE DATABASE {name} TEMPLATE {template}")

    def _drop(self, name: str) -> None:
        self._tell(f"DROP DATABASE {name} WITH (FORCE)")

    def _tell(self, statement: str) -> None:
        """Have the server do something, where there is one."""
        if self.server is None:
            return
        engine = sa.create_engine(self.server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.execute(sa.text(statement))
        engine.dispose()


def look(case: Case, scenario: Scenario) -> dict[str, Any]:
    """What must be as if nobody had been killed."""
    found = anywhere(case)
    for one in scenario.looks:
        found |= one(case)
    return found


def go_on(case: Case, scenario: Scenario) -> list[str]:
    """What the user does then; what went wrong."""
    wrong = []
    for index, words in enumerate([scenario.again or scenario.command, *scenario.then]):
        code, said = case.command(words, typed="y\n")
        is_done = index == 0 and code == 2 and scenario.done and scenario.done in said
        if code and not is_done:
            wrong.append(f"{' '.join(words)}: exit code {code}: {said[-2000:]}")
    return wrong + case.wait()


def undisturbed(bench: Bench, scenario: Scenario) -> tuple[dict[str, Any], dict[str, int]]:
    """What comes of a scenario without a kill, and how many operations there are of each kind.

    Raises:
        RuntimeError: even so not all that must hold does.
    """
    with bench.fresh(scenario) as case:
        code, said = case.command(scenario.command, target=_target(scenario))
        if code:
            raise RuntimeError(f"{' '.join(scenario.command)}: exit code {code}\n{said}")
        counted = case.counted()
        wrong = go_on(case, scenario)
        found = look(case, scenario)
        wrong += [f"{key}: {value}" for key, value in found.items() if _is_wrong(key, value)]
        if wrong:
            raise RuntimeError("without any kill: " + "; ".join(wrong))
        return found, counted


def _is_wrong(key: str, value: object) -> bool:
    """Whether there is something that must never be."""
    return key.startswith("no ") and bool(value)


def _target(scenario: Scenario) -> str:
    return scenario.target or scenario.command[0]


def hold(
    bench: Bench, scenario: Scenario, kill: Kill, expected: Mapping[str, Any], keep: Path | None
) -> tuple[bool, list[str]]:
    """Kill a command once; whether that moment was reached, and what does not hold afterwards.

    Args:
        bench: where.
        scenario: what.
        kill: when.
        expected: what comes of it without a kill.
        keep: where a copy of a failed case goes.
    """
    with bench.fresh(scenario) as case:
        code, said = case.command(scenario.command, kill=kill, target=_target(scenario))
        reached, wrong = case.was_killed, []
        own = reached and not scenario.target
        if code not in (kill.codes if own else (0,)) or "Traceback" in said:
            wrong.append(f"{' '.join(scenario.command)}: exit code {code}: {said[-2000:]}")
        before = ended(case)
        wrong += go_on(case, scenario)
        wrong += [f"lost or changed: {one}" for one in lost(before, ended(case))]
        try:
            found = look(case, scenario)
        except HpsearchError as error:
            found, wrong = dict(expected), [*wrong, str(error)]
        for key in {**expected, **found}:
            if found.get(key) != expected.get(key):
                wrong.append(f"{key}: {found.get(key)} in place of {expected.get(key)}")
        if wrong and keep is not None:
            shutil.copytree(case.folder, keep, dirs_exist_ok=True)
        return reached, wrong


def chosen(
    counted: Mapping[str, int], number: int, chance: random.Random, by: str = "KILL"
) -> list[Kill]:
    """At which operations a scenario is killed: at all of them where it fits.

    Half of them come before an operation, half after it.

    Args:
        counted: how many operations there are of each kind.
        number: of kills, at most.
        chance: chooses.
        by: the signal.
    """
    kills: list[Kill] = []
    by_kind = {
        kind: [
            Kill(kind=kind, at=at, after=after, by=by)
            for at in range(1, counted[kind] + 1)
            for after in (0, 1 if kind == SQL else chance.randint(1, CALLS))
        ]
        for kind in KINDS
    }
    for kind, other in ((FILE, SQL), (SQL, FILE)):
        room = max(number // 2, number - len(by_kind[other]))
        all_of_it = by_kind[kind]
        kills += all_of_it if len(all_of_it) <= room else chance.sample(all_of_it, room)
    return kills[:number]


@dataclass
class Row:
    """What came of a scenario."""

    name: str
    counted: Mapping[str, int]
    killed: int = 0
    ended: int = 0
    """Cases in which the command ended before the moment came: threads take turns otherwise."""
    failed: int = 0
    seconds: float = 0.0
    said: list[str] = field(default_factory=list)


def try_scenario(bench: Bench, name: str, options: argparse.Namespace, number: int) -> Row:
    """All kills of a scenario."""
    scenario, began = SCENARIOS[name], time.monotonic()
    chance = random.Random(f"{options.seed} {name}")  # noqa: S311  # to be the same again
    bench.prepare(scenario)
    expected, counted = undisturbed(bench, scenario)
    row = Row(name, counted)
    kills = [options.at] if options.at else chosen(counted, number, chance, scenario.by)
    for index, kill in enumerate(kills, 1):
        keep = options.keep and options.keep / f"{name.replace(', ', '-')}-{kill}"
        reached, wrong = hold(bench, scenario, kill, expected, keep)
        row.killed += reached
        row.ended += not reached
        row.failed += bool(wrong)
        if wrong:
            say(f"FAILED  --only '{name}' --at {kill}")
            for line in wrong:
                say(f"        {line}")
        if index % 25 == 0 or index == len(kills):
            seconds = time.monotonic() - began
            say(f"{name}: {index} of {len(kills)}, {row.failed} failed, {seconds:.0f} s")
    row.seconds = time.monotonic() - began
    bench.forget()
    return row


def say(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)


def print_table(rows: Sequence[Row]) -> None:
    """What came of all."""
    line = "{:20} {:>10} {:>7} {:>7} {:>11} {:>7} {:>8}".format
    print(line("scenario", "statements", "files", "killed", "not reached", "failed", "seconds"))
    for row in rows:
        figures = (row.counted[SQL], row.counted[FILE], row.killed, row.ended, row.failed)
        print(line(row.name, *figures, f"{row.seconds:.0f}"))
    sums = [
        sum(figures) for figures in zip(*((r.killed, r.ended, r.failed) for r in rows), strict=True)
    ]
    seconds = sum(row.seconds for row in rows)
    print(line("all", "", "", *sums, f"{seconds:.0f}"))


def main() -> int:
    """Run as the command line says; 0 if every promise held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000, help="of all scenarios together")
    parser.add_argument("--storage", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", choices=[*SCENARIOS], metavar="SCENARIO")
    parser.add_argument("--at", type=Kill.read, metavar="KIND:K:AFTER:SIGNAL", help="one kill only")
    parser.add_argument("--keep", type=Path, help="where to keep the folders of failed cases")
    options = parser.parse_args()
    names = options.only or [*SCENARIOS]
    for module in IMPORTED:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    forked.prepare()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the folders are removed
    rows: list[Row] = []
    with contextlib.ExitStack() as stack:
        stack.callback(forked.end)
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hpsearch-kills-")))
        server = None
        if options.storage == "postgresql":
            server, _ = stack.enter_context(running_postgresql())
        for index, name in enumerate(names):
            done = sum(row.killed + row.ended for row in rows)
            share = -(-(options.kills - done) // (len(names) - index))
            rows.append(try_scenario(Bench(root, server), name, options, share))
    print_table(rows)
    failed = sum(row.failed for row in rows)
    print("every promise held" if not failed else "BROKEN")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
