"""Surroundings × commands: whatever a user's machine is like, commands do what they always do.

Surroundings that only a real start shows are at the end.
"""

import dataclasses
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import forked
import numpy as np
import pytest
from commandline import Cli
from made import make_study
from surroundings import Surroundings

from hpsearch.home import sqlite_url

ODD = "größe 日本 %20#?{SCHEMA_VERSION}[red]'\"\\ \udcff\x1b[31m\nline"
"""A folder's name with whatever may mean something to somebody."""

WORST = {
    "nothing": Surroundings(
        closed=(0, 1, 2), has_folder=False, is_known=False, warnings_are_errors=True,
        variables={"HOME": None, "USER": None, "LOGNAME": None},
    ),
    "a poor terminal": Surroundings(encoding="ascii", variables={"COLUMNS": "1", "TERM": None}),
}  # fmt: skip
"""What all commands are run in."""

LOOKING = (
    "ls --json",
    "show small --json",
    "trials small",
    "trials small --csv",
    "best small",
    "logs small",
)
"""What is run in all surroundings."""

OTHERS = (
    "--version",
    "ls",
    "show small",
    "show small --provenance",
    "trials small --json",
    "best small --json",
    "data",
    "data {work}/small.toml",
    "doctor {work}/small.toml",
    "export small -o {work}/best.toml",
    "export small -o {work}/best.py",
    "enqueue small {work}/more.toml",
    "fork small {work}/other.toml",
    "init {work}/new.toml",
    "stop small",
    "run {work}/small.toml --trials 2",
    "report small -o {work}/small.html",
    "storage copy {url} {copy}",
    "storage backup {work}/backup.db",
    "delete small --yes",
)
"""What is run in the worst ones, beside those."""

WRONG = ("show nosuch", "nosuch")

UNKNOWN = {"HOME": None, "USER": None, "LOGNAME": None}
SURROUNDINGS = {
    "ascii": Surroundings(encoding="ascii"),
    "latin-1": Surroundings(encoding="latin-1"),
    "no input": Surroundings(closed=(0,)),
    "no output": Surroundings(closed=(1,)),
    "no messages": Surroundings(closed=(2,)),
    "no streams": Surroundings(closed=(0, 1, 2)),
    "no working folder": Surroundings(has_folder=False),
    "a user without name and home": Surroundings(is_known=False, variables=UNKNOWN),
    "messages to a full disk": Surroundings(full=(2,)),
    "settings that ask for much": Surroundings(
        umask=0,
        warnings_are_errors=True,
        variables={
            "COLUMNS": "1", "FORCE_COLOR": "1", "LINES": "1", "MPLBACKEND": "tkagg",
            "MPLCONFIGDIR": "/dev/null/none", "TZ": "Pacific/Kiritimati",
        },
    ),
    "settings of nothing": Surroundings(
        umask=0o077,
        variables={
            "CUDA_VISIBLE_DEVICES": "none", "HOME": "/nonexistent", "NO_COLOR": "1",
            "OMP_NUM_THREADS": "many", "TERM": None, "TMPDIR": "/nonexistent", "TZ": "no/where",
        },
    ),
}  # fmt: skip


def make_base(folder: Path) -> Path:
    """A folder with a home that holds a finished study "small", and files for commands."""
    folder.mkdir()
    cli = Cli(folder)
    text = make_study(cli).read_text()
    (folder / "other.toml").write_text(text.replace('"small"', '"other"'))
    (folder / "more.toml").write_text("layers = 1\nunits = 32\noptimizer = { type = 'adam' }\n")
    (log := cli.home / "logs" / "small" / "worker-0.log").parent.mkdir(parents=True)
    log.write_text("\x1b[31mready\x1b[0m größe\n")
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Look at it, do not change it."""
    return make_base(tmp_path_factory.mktemp("surroundings") / "größe 日本")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ended:
    """What became of a command."""

    code: int
    out: str
    err: str


def words(line: str, folder: Path) -> list[str]:
    """A command's words, for a folder."""
    places = {
        "work": folder,
        "url": sqlite_url(folder / "home" / "studies.db"),
        "copy": sqlite_url(folder / "copy.db"),
    }
    return [word.format(**places) for word in line.split()]


def run(line: str, folder: Path, where: Surroundings) -> Ended:
    """Run a command on the home in a folder; it must say what is wrong in words."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = forked.Forked(
            words(line, folder), where, cwd=folder, env=where.among(Cli(folder).environment()),
            stdin=subprocess.DEVNULL, stdout=out, stderr=err,
        )  # fmt: skip
        code = process.wait(timeout=60)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(where.encoding, "replace"))
    assert "Traceback" not in texts[1], f"{line}\n{texts[1]}"
    return Ended(code=code, out=texts[0], err=texts[1])


@pytest.fixture(scope="module")
def usual(base: Path) -> dict[str, Ended]:
    """What becomes of commands that look where all is as usual."""
    return {line: run(line, base, Surroundings()) for line in LOOKING}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_commands_that_look(base: Path, usual: dict[str, Ended], name: str) -> None:
    where = SURROUNDINGS[name]
    for line in LOOKING:
        ended = run(line, base, where)
        assert ended.code == 0, f"{line}\n{ended.err}"
        if 1 in where.closed:
            assert ended.out == ""
        elif line.endswith(("--json", "--csv")):
            assert ended.out == usual[line].out
        else:
            assert ended.out
    for line in WRONG:
        ended = run(line, base, where)
        assert ended.code == 2
        assert bool(ended.err) == (2 not in where.closed and 2 not in where.full)


@pytest.mark.parametrize("name", WORST)
def test_all_other_commands(base: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / ODD
    shutil.copytree(base, folder)
    for line in OTHERS:
        ended = run(line, folder, WORST[name])
        assert ended.code == 0, f"{line}\n{ended.err}"
        assert "\x1b" not in ended.out + ended.err
    assert [path.name for path in tmp_path.iterdir()] == [ODD]
    assert (folder / "copy.db").exists()


@pytest.mark.parametrize("line", ["best small", "trials small --csv", "show small --json", "-h"])
def test_results_to_a_full_disk(base: Path, line: str) -> None:
    ended = run(line, base, Surroundings(full=(1,)))
    assert ended.code == 3
    assert ended.err == "error: cannot write the output: No space left on device\n"


def test_names_that_mean_something_to_somebody(base: Path, tmp_path: Path) -> None:
    folder = tmp_path / ODD
    shutil.copytree(base, folder)
    for line in LOOKING:
        ended = run(line, folder, Surroundings())
        assert ended.code == 0, f"{line}\n{ended.err}"
        assert "\x1b" not in ended.out + ended.err


def test_a_folder_that_is_gone_is_named_where_it_is_needed(base: Path) -> None:
    for line in ("ls --home home", "show small --home home"):
        ended = run(line, base, Surroundings(has_folder=False))
        assert ended.code == 3
        assert ended.err == "error: the working folder no longer exists; change to one that does\n"


# --------------------------------------------------------------------- what only a real start shows


def test_files_of_the_working_folder_stand_in_for_no_module(cli: Cli) -> None:
    for name in ("random", "numpy", "typer", "sqlalchemy"):
        (cli.folder / f"{name}.py").write_text("raise SystemExit('the wrong one')")
    process = cli.start("ls", "--json")
    assert process.communicate(timeout=60) == ("[]\n", "")
    assert process.returncode == 0


def test_a_locale_without_letters_and_names_with_them(cli: Cli) -> None:
    y = np.arange(60) % 3
    np.savez(cli.folder / "größe.npz", x_train=y[:, None].astype("uint8"), y_train=y)
    text = cli.study_file().read_text().replace('"digits"', '"npz"\npath = "größe.npz"')
    (cli.folder / "größe.toml").write_text(text, encoding="utf-8")
    cli.variables.update(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    process = cli.start("data", "größe.toml", "--json")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(out)["path"] == str(cli.folder / "größe.npz")
