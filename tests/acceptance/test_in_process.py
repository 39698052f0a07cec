"""A command run in the tests' process, or by a fork, gives what one that is started gives.

The first one leaves no trace.
"""

import logging
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

import forked
import pytest
from commandline import Cli
from made import make_study


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """A folder with a study "small" of two trials, made without TensorFlow."""
    cli = Cli(tmp_path_factory.mktemp("made"))
    make_study(cli)
    return cli


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("--help", 0),
        ("show small", 0),
        ("best small --json", 0),
        ("rnu small.toml", 2),
        ("run small.toml --trials 0", 2),
        ("ls --home /dev/null", 2),
    ],
)
def test_it_gives_what_a_process_gives(made: Cli, line: str, code: int) -> None:
    started = made(*line.split(), code=code, process=True)
    for done in (
        made(*line.split(), code=code, process=False),
        forked.run(made, *line.split(), code=code),
    ):
        assert (done.stdout, done.stderr) == (started.stdout, started.stderr)


def surroundings() -> dict[str, Any]:
    mask = os.umask(0o077)
    os.umask(mask)
    loggers = (logging.root, logging.getLogger("optuna"))
    return {
        "variables": {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"},
        "folder": Path.cwd(),
        "umask": mask,
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "descriptors": [os.fstat(number).st_ino for number in range(3)],
        "signals": [signal.getsignal(number) for number in signal.valid_signals()],
        "arguments": sys.argv[:],
        "path": sys.path[:],
        "main": sys.modules["__main__"],
        "warnings": warnings.filters[:],
        "loggers": [(one.level, one.handlers[:]) for one in loggers],
        "tensorflow": "tensorflow" in sys.modules,
    }


def test_it_leaves_no_trace(made: Cli) -> None:
    before = surroundings()
    made("show", "small")
    made("best", "nosuch", code=2)
    made("run", "small.toml", "--storage", "sqlite:///other/s.db", code=2, process=False)
    made("--help")
    assert surroundings() == before


def test_who_trains_is_found_out(made: Cli) -> None:
    if "tensorflow" in sys.modules:
        pytest.skip("other tests of this process have imported it")
    with pytest.raises(pytest.fail.Exception, match="the command imports keras"):
        made("check", "small.toml", process=False)
