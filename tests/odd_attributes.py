"""Random contents of every attribute, and every command that reads: none ends in a traceback.

Other programs and newer versions write attributes, too. Each case writes odd contents into a
database with two studies and confirmation runs, and runs the commands on it; the study that was
left alone is listed in each case. A test does so with few contents; run by hand:
``.venv/bin/python tests/odd_attributes.py --help``.
"""

import argparse
import contextlib
import json
import random
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from averaged import ensemble
from commandline import Cli
from made import make_runs, make_study

ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31 - 1, 2**53 - 1, 10**30, -(10**400),
    1.5, -0.0, 1e12, 3e9, 1e100, -1e100, 1e308, float("nan"), float("inf"),
    "", "a text", "0", "\x00\x1b[31m", "\ud800", "x" * 5000, [], [1], [None], ["a", 1], {},
    {"a": 1}, {"": None}, [[]], [{}], {"type": "none"},
)  # fmt: skip
"""Contents that nobody expects."""

BROKEN = ("", "{", "nul", "[" * 100_000, '{"a": 1, "a"', "\ufeff1", "1e999")
"""Texts that are no JSON, or none that can be read."""

TABLES = {
    "study_user_attributes": "study_id",
    "study_system_attributes": "study_id",
    "trial_user_attributes": "trial_id",
    "trial_system_attributes": "trial_id",
}
"""The tables of attributes, each with the key of what they are of."""

MORE: dict[str, dict[str, Any]] = {
    "study_user_attributes": {
        "commands": [{"command": "hpsearch run", "date": "2026-01-01", "machine": "a"}],
        "ensemble": ensemble((0, False, 1, 0.75), (1, True, 2, 0.25)).model_dump(mode="json"),
        "failures_since": 0,
        "forked_from": {"study": "old", "trials": 1, "shift": 1, "date": "2026-01-01"},
        "machines": {
            "a": {
                "host": "box", "os": "Linux", "cpu": "fast", "cores": 2, "memory": 1, "gpus": [],
                "versions": {"keras": "3"},
            }
        },
        "mlflow_teller": {
            "worker": "a:1", "process": {"place": "a", "started": 1}, "beat": 1, "over": True,
        },
        "note": "",
        "precision": {
            "chosen": "mixed_bfloat16",
            "measured": [
                {"host": "a", "device": "CPU", "reason": "",
                 "seconds": {"float32": 2.0, "mixed_bfloat16": 1.0}},
            ],
        },
        "reference": [
            {"name": "trees", "values": {"val_accuracy": 0.5}, "test": None, "interval": None,
             "examples": 1, "of_examples": 1, "inputs": 1, "of_inputs": 1,
             "with_validation": False, "seconds": 1.0, "scikit_learn": "1"},
        ],
        "stop_request": {"number": 1, "how": "leave", "over": True},
        "submission": {"state": "queued", "user": "ana", "priority": 0, "queued": 1.0},
        "test_opened": [{"date": "2026-01-01", "opened_by": "evaluate", "key": "a"}],
    },
    "study_system_attributes": {"hpsearch:present:a:1": {}},
    "trial_user_attributes": {
        "adopted_from": {"study": "theirs", "number": 1, "value": 0.5},
        "alone": True, "clock_end": ["a", 1.0], "clock_start": ["a", 1.0],
        "config": {}, "deaths": 1, "earlier": [0], "failure": "diverged",
        "failure_epoch": 1, "failure_message": "", "forked_from": {}, "kind": "refit", "of": "0",
        "process": {}, "reached": 1, "recipe_changes": {}, "resumes": 0, "same_as": 0, "threads": 1,
    },
    "trial_system_attributes": {"fixed_params": {}, "hpsearch:asked": {}, "completed_rung_0": 0.5},
}  # fmt: skip
"""What the studies made here may lack, with a content to change."""

Words = tuple[str, ...]

READING: tuple[Words, ...] = (
    ("ls",), ("ls", "--json"), ("doctor", "--json"),
    ("show", "small"), ("show", "small", "--json"), ("show", "small", "--provenance"),
    ("show", "small", "--provenance", "--json"), ("show", "small.confirm"),
    ("trials", "small"), ("trials", "small", "--json"), ("trials", "small", "--csv"),
    ("show", "small.confirm", "--json"), ("trials", "small.confirm", "--csv"),
    ("trials", "small.confirm", "--json"), ("trials", "small.confirm"),
    ("best", "small"), ("best", "small", "--json"), ("best", "small.confirm"),
    ("report", "small", "-o", "made.html"), ("report", "small.confirm", "-o", "made.html"),
    ("export", "small", "-o", "made.toml"), ("export", "small", "-o", "made-one.py"),
    ("export", "small", "--baseline", "-o", "made.toml"),
    ("export", "small.confirm", "-o", "made.json"),
    ("export", "small.confirm", "--trial", "1", "-o", "made.yaml"),
    ("storage", "backup", "made.db"),
)  # fmt: skip
"""Commands that change nothing in the database; all on the same one."""

WRITING: tuple[Words, ...] = (
    ("enqueue", "small", "recipe.toml"), ("fork", "small", "new.toml"), ("stop", "small"),
    ("storage", "copy", "sqlite:///home/studies.db", "sqlite:///made.db"),
    ("delete", "small", "--yes"),
)  # fmt: skip
"""Commands that change it, each on a copy of its own."""


@dataclass(frozen=True)
class Content:
    """One odd content in one place."""

    table: str
    row: int
    key: str
    text: str

    def write(self, connection: sqlite3.Connection) -> None:
        """Put it into a database."""
        holder, place = TABLES[self.table], (self.row, self.key)
        connection.execute(f"DELETE FROM {self.table} WHERE {holder} = ? AND key = ?", place)
        connection.execute(
            f"INSERT INTO {self.table} ({holder}, key, value_json) VALUES (?, ?, ?)",
            (*place, self.text),
        )


def odd(value: Any, chance: random.Random) -> Any:
    """A value with something odd in it, or in its place."""
    if isinstance(value, dict) and value and chance.random() < 0.7:
        key = chance.choice([*value])
        match chance.randrange(3):
            case 0:
                return {k: v for k, v in value.items() if k != key}
            case 1:
                return value | {"of another program": chance.choice(ODD)}
        return value | {key: odd(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.7:
        at = chance.randrange(len(value))
        return [*value[:at], odd(value[at], chance), *value[at + 1 :]]
    return chance.choice(ODD)


Places = dict[tuple[str, str], list[tuple[int, str]]]
"""By table and name: where an attribute is, and what is there."""


def places(database: Path) -> Places:
    """All attributes of the study "small", of its confirmation runs, and of their trials."""
    found: Places = {}
    with contextlib.closing(sqlite3.connect(database)) as connection:
        ids = "SELECT study_id FROM studies WHERE study_name LIKE 'small%'"
        rows = {
            "study_id": ids,
            "trial_id": f"SELECT trial_id FROM trials WHERE study_id IN ({ids})",
        }
        for table, holder in TABLES.items():
            query = (
                f"SELECT {holder}, key, value_json FROM {table} WHERE {holder} IN ({rows[holder]})"
            )
            for row, key, text in connection.execute(query):
                found.setdefault((table, key), []).append((row, text))
            for key, value in MORE[table].items():
                at = [(row, json.dumps(value)) for (row,) in connection.execute(rows[holder])]
                found.setdefault((table, key), at)
    # Of optuna-dashboard; hpsearch writes them and reads none.
    return {place: at for place, at in found.items() if not place[1].startswith("dashboard:")}


def content(number: int, at: Sequence[tuple[int, str]], chance: random.Random) -> tuple[int, str]:
    """Where, of some places, what is written for the ``number``-th time."""
    row, text = chance.choice(at)
    if number < len(BROKEN):
        return row, BROKEN[number]
    if number < len(BROKEN) + len(ODD):
        return row, json.dumps(ODD[number - len(BROKEN)])
    return row, json.dumps(odd(json.loads(text), chance))


def cases(found: Places, numbers: Sequence[int], chance: random.Random) -> Iterator[list[Content]]:
    """What is written at once: an attribute of a study, or one each of all that trials have.

    Args:
        found: where attributes are.
        numbers: which contents, from 0: first those of BROKEN, then of ODD, then changed ones.
        chance: draws the changes and the rows.
    """
    for number in numbers:
        together: list[Content] = []
        for (table, key), at in sorted(found.items()):
            row, text = content(number, at, chance)
            one = Content(table, row, key, text)
            if table.startswith("trial"):
                together.append(one)
            else:
                yield [one]
        yield together


def prepare(folder: Path) -> Cli:
    """Two searched studies, one with confirmation runs; and what commands are given."""
    cli = Cli(folder)
    file = cli.study_file(trials=6)
    file.write_text(f"{file.read_text()}[baseline]\nlayers = 1\nunits = 20\n")
    make_study(cli, file)
    make_runs(cli, top=2, seeds=2)
    make_study(cli, cli.study_file("other", trials=2))
    cli("export", "small", "-o", "recipe.toml")
    (folder / "new.toml").write_text(file.read_text().replace('"small"', '"new"', 1))
    return cli


def run(cli: Cli, words: Sequence[str], codes: Sequence[int] = (0, 1, 2, 3)) -> str:
    """Run a command; what is wrong with how it ended, or nothing.

    Args:
        cli: the command line.
        words: the command.
        codes: the exit codes that it may end with.
    """
    try:
        done = cli(*words, code=None, process=False)
    except AssertionError as error:
        return str(error)[-3000:]
    except Exception as error:  # whatever it is, the command let it through
        return f"{type(error).__name__}: {error}"
    if done.returncode not in codes:
        return f"exit code {done.returncode}\n{done.stderr[-3000:]}"
    if words[0] == "ls" and not ("other" in done.stdout and "small" in done.stdout + done.stderr):
        return f"a study is not named\n{done.stdout}{done.stderr}"
    return ""


def attack(
    cli: Cli,
    whole: bytes,
    case: Sequence[Content],
    which: Sequence[Words],
    codes: Sequence[int] = (0, 1, 2, 3),
) -> dict[str, str]:
    """Write a case into the database and run commands; those that ended badly, and how.

    Args:
        cli: the command line.
        whole: the database as it was.
        case: what is written into it.
        which: the commands.
        codes: the exit codes that they may end with.
    """
    wrong = {}
    for words in which:
        for file in cli.folder.glob("made*"):
            file.unlink()
        if words == which[0] or words in WRITING:
            shutil.rmtree(cli.home / "runs", ignore_errors=True)
            for file in cli.home.glob("studies.db*"):
                file.unlink()
            cli.database.write_bytes(whole)
            with contextlib.closing(sqlite3.connect(cli.database)) as connection, connection:
                for one in case:
                    one.write(connection)
        if said := run(cli, words, codes):
            wrong[" ".join(words)] = said
    return wrong


def _ascii(text: str) -> str:
    """What every terminal can show."""
    return text.encode("ascii", "backslashreplace").decode()


def main() -> int:
    """Run as the command line says; 0 if no command ended in a traceback."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contents", type=int, default=200, help="of every attribute")
    parser.add_argument("--first", type=int, default=0, help="number of the first content")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="attributes whose name holds this")
    parser.add_argument("--show", type=int, default=20, help="of the faults")
    options = parser.parse_args()
    faults: Counter[str] = Counter()
    told: dict[str, str] = {}
    tried = 0
    with tempfile.TemporaryDirectory(prefix="hpsearch-attributes-") as name:
        cli = prepare(Path(name))
        whole = cli.database.read_bytes()
        found = {k: at for k, at in places(cli.database).items() if options.only in k[1]}
        if wrong := attack(cli, whole, [], (*READING, *WRITING), codes=[0]):
            parser.exit(1, f"without odd contents: {wrong}\n")
        chance = random.Random(options.seed)  # noqa: S311  # to be the same again
        numbers = range(options.first, options.first + options.contents)
        for case in cases(found, numbers, chance):
            tried += len(case)
            more = WRITING if len(case) > 1 else ()
            for words, said in attack(cli, whole, case, (*READING, *more)).items():
                where = case[0].key if len(case) == 1 else "trials"
                faults[f"{where}: {words}"] += 1
                told.setdefault(f"{where}: {words}", f"{case[0].text[:200]}\n{said}")
                print(_ascii(f"{where}: {words}: {case}\n{said}"), file=sys.stderr, flush=True)
            if tried % 1000 < len(case):
                print(f"{tried} contents, {faults.total()} faults", file=sys.stderr, flush=True)
    for place in [*told][: options.show]:
        print(_ascii(f"--- {place} ({faults[place]} times) with {told[place]}"))
    print(
        f"{len(found)} attributes, {tried} contents, {len(READING)} commands that read each;"
        f" those of trials together, with {len(WRITING)} more"
    )
    print(f"{faults.total()} ended in a traceback or hid another study")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
