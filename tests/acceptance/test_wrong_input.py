"""Whatever is written wrongly ends in one message with a cure, exit code 2, and nothing written."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from commandline import Cli
from made import make_study
from wrong_study_files import WRONG, Wrong


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_a_wrong_study_file(wrong: Wrong, cli: Cli) -> None:
    content = wrong.text if isinstance(wrong.text, bytes) else wrong.text.encode("utf-8")
    (cli.folder / wrong.file).write_bytes(content)
    options = [part for override in wrong.overrides for part in ("--set", override)]
    done = cli("run", wrong.given or wrong.file, *options, code=2)
    assert done.stdout == ""
    message = done.stderr
    assert message.startswith("error: ")
    assert len(message.splitlines()) == wrong.lines
    if wrong.names_file:
        assert (wrong.given or wrong.file) in message
    for part in wrong.says:
        assert part in message
    assert [path.name for path in cli.folder.iterdir()] == [wrong.file], "something was written"


@dataclass(frozen=True)
class Command:
    """A command with something wrong in it, and what the message must say."""

    line: str
    says: tuple[str, ...]
    files: dict[str, str] = field(default_factory=dict)
    """Beside the study file small.toml: names and texts."""


def command(line: str, *says: str, **files: str) -> Command:
    return Command(line, says, {name.replace("_", "."): text for name, text in files.items()})


UNKNOWN = ("study nosuch: not found", "known: small")
COMMANDS = [
    command("rnu small.toml", "No such command 'rnu'"),
    command("run", "Missing argument 'FILE'", "hpsearch run -h"),
    command("run small.toml --trails 3", "No such option: --trails"),
    command("run small.toml --trials 0", "small.toml", "budget.trials = 0", "at least 1"),
    command("run small.toml --trials many", "--trials", "valid integer"),
    command("run small.toml --workers x", 'workers.count = "x"', "auto, or a number"),
    command("run small.toml --workers 0", "workers.count = 0", "at least 1"),
    command("run small.toml --workers-per-gpu 0.5", "workers.per_gpu = 0.5", "whole number"),
    command("run small.toml --gpus 7", "--gpus 7", "no such GPU", "this machine has"),
    command("run small.toml --timeout soon", 'budget.timeout = "soon"', '"2h"'),
    command("run small.toml --set budget.trails=3", "budget.trails", "did you mean trials?"),
    command("run small.toml --set budget.trials", "--set budget.trials", "key=value"),
    command("run small.toml --set sampler.type=grid", "small.toml: sampler.type", "another"),
    command("run small.toml --storage studies.db", "--storage", "sqlite:///FILE"),
    command("run small.toml --storage postgresql://me:secret@host:port/x", "--storage", "HOST"),
    command("run small.toml --home ~nosuchuser/x", "--home", "write the path in full"),
    command("check small.toml --set sampler.type=grid", "small.toml: sampler.type", "another"),
    command("worker nosuch", *UNKNOWN),
    command("worker small --set budget.trials=3", "--set budget.trials=3", "dataset.path=PATH"),
    command("enqueue nosuch new.toml", *UNKNOWN, new_toml="layers = 1"),
    command("enqueue small new.toml", "new.toml", "TOML", "correct", new_toml="layers = "),
    command("enqueue small new.toml", "new.toml", "did you mean layers?", new_toml="layer = 1"),
    command("enqueue small new.toml", "new.toml: layers = 9", "1 to 2", new_toml="layers = 9"),
    command("enqueue small new.toml", "sets no field", "add at least one", new_toml=""),
    command("enqueue small gone.toml", "gone.toml", "check the name"),
    command("show nosuch", *UNKNOWN),
    command("trials nosuch --json", *UNKNOWN),
    command("best nosuch", *UNKNOWN),
    command("best", "Missing argument 'STUDY'", "hpsearch best -h"),
    command("logs nosuch", "nosuch", "hpsearch ls"),
    command("logs small --lines 0", "--lines", "equal to 1"),
    command("export nosuch -o best.toml", *UNKNOWN),
    command("export small", "Missing option '-o'"),
    command("report small -o x.html", "x.html", "not a report", "another name", x_html="<html>"),
    command("data small.toml -o x.html", "x.html", "not a page", "another name", x_html="<html>"),
    command("data small.toml -o x.png", "x.png", "not a picture", "another name", x_png="mine"),
    command("export small -o best.txt", ".txt", ".toml, .json or .yaml"),
    command("export small -o best.toml --trial 99", "no trial 99", "it has 2", "hpsearch trials"),
    command("export small -o best.toml --trial -1", "no trial -1", "it has 2"),
    command("train gone.toml", "gone.toml", "check the name"),
    command("train small.toml", "small.toml", "has ranges", "hpsearch run small.toml"),
    command("train best.txt", "best.txt", ".toml", best_txt="x"),
    command("train best.json", "best.json", "config", "missing", best_json='{"seed": 1}'),
    command("train small.toml --seed -1", "--seed", "equal to 0"),
    command("train small.toml --seed 2147483648", "--seed", "equal to 2147483647"),
    command("init small.toml", "small.toml", "already exists", "another name"),
    command("init new.toml --dataset cifar", "--dataset cifar", "known: cifar10"),
    command("delete nosuch --yes", *UNKNOWN),
    command("ls --home elsewhere", "no studies here yet", "--home"),
    command("doctor --storage nonsense", "--storage", "sqlite:///FILE"),
]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """A folder with a study "small" of two trials, made without TensorFlow."""
    cli = Cli(tmp_path_factory.mktemp("made"))
    make_study(cli)
    return cli


def tree(folder: Path) -> dict[str, Any]:
    """The files in a folder with their contents; SQLite's passing files and locks left out."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-wal", "-shm", ".lock"))
    }


@pytest.mark.parametrize("wrong", COMMANDS, ids=lambda wrong: wrong.line)
def test_a_wrong_command(wrong: Command, made: Cli, cli: Cli) -> None:
    (cli.folder / "small.toml").write_bytes((made.folder / "small.toml").read_bytes())
    for name, text in wrong.files.items():
        (cli.folder / name).write_text(text)
    cli.home.symlink_to(made.home)
    before = tree(cli.folder) | tree(made.home)
    done = cli(*wrong.line.split(), code=2)
    assert done.stdout == ""
    message = " ".join(done.stderr.replace("│", " ").split())
    for part in wrong.says:
        assert part in message
    assert "secret" not in message
    assert tree(cli.folder) | tree(made.home) == before, "something was written"
