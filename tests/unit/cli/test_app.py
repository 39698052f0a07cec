"""The commands, as they are listed before any is imported, and as they are run."""

import subprocess
import sys
from typing import Any

import pytest
import typer

from hpsearch.cli.app import COMMANDS, app

GROUP: Any = typer.main.get_command(app)
CONTEXT = typer.Context(GROUP)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_the_same_before_and_after_it_is_imported(name: str) -> None:
    before = GROUP.get_command(CONTEXT, name)
    found, after, rest = GROUP.resolve_command(CONTEXT, [name, "rest"])
    assert (found, rest) == (name, ["rest"])
    assert (before.name, before.help) == (after.name, after.help)
    assert before.get_short_help_str() == after.get_short_help_str() != ""


def test_the_list_of_commands_imports_none() -> None:
    code = (
        "import sys; sys.argv = ['hpsearch', '--help']\n"
        "from hpsearch.__main__ import main\n"
        "try: main()\n"
        "finally: print({m for m in sys.modules if m.startswith('hpsearch.')}, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Search hyperparameters" in done.stdout
    assert "hpsearch.cli.app" in done.stderr
    for name in ("hpsearch.cli.run", "hpsearch.services", "hpsearch.config", "hpsearch.search"):
        assert name not in done.stderr


def test_an_unknown_command_is_told_with_one_like_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        app(["conf"])
    assert left.value.code == 2
    assert "No such command 'conf'. Did you mean 'confirm'?" in capsys.readouterr().err
