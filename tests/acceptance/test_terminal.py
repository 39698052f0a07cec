"""``show --watch`` on a terminal of 80 x 24, and without one."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import forked
import pytest
from commandline import Cli, wait_until
from made import make_study

from hpsearch.search.attributes import BUDGET_KEY
from hpsearch.search.lookup import load_study
from hpsearch.search.storage.opening import open_storage

CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Terminal:
    """A pseudo-terminal with a command in it."""

    reader: int
    process: forked.Forked
    text: str = ""

    def read(self) -> str:
        """All that it has got so far."""
        try:
            while select.select([self.reader], [], [], 0)[0]:
                self.text += os.read(self.reader, 65536).decode()
        except OSError:  # nobody writes any more
            pass
        return self.text

    def wait_for(self, text: str, since: int = 0) -> None:
        """Wait until it has got a text, after so many characters."""
        wait_until(lambda: text in self.read()[since:], f"{text!r} on the terminal")

    def end(self) -> int:
        """Wait for the command's end; its exit code. It must leave the terminal in order."""

        def is_over() -> bool:
            self.read()  # or it may wait for room to write
            return self.process.poll() is not None

        wait_until(is_over, "the command's end")
        self.read()
        assert "Traceback" not in self.text
        cursor = re.findall(r"\x1b\[\?25[lh]", self.text)
        assert not cursor or cursor[-1] == "\x1b[?25h"
        return self.process.returncode


Start = Callable[..., Terminal]


def resize(descriptor: int, width: int, height: int) -> None:
    """Give a terminal's window another size."""
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))


@pytest.fixture
def on_terminal(cli: Cli) -> Iterator[Start]:
    """Starts ``hpsearch ARGUMENTS`` as the leader of a terminal's session, as from a window."""
    odd = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
    environment = {k: v for k, v in cli.environment().items() if k not in odd}
    readers: list[int] = []

    def start(*arguments: str, **variables: str) -> Terminal:
        reader, writer = pty.openpty()
        readers.append(reader)
        resize(writer, 80, 24)
        process = forked.start(
            cli, *arguments, env=environment | {"TERM": "xterm-256color"} | variables,
            stdin=writer, stdout=writer, stderr=writer, start_new_session=True,
        )  # fmt: skip
        os.close(writer)
        return Terminal(reader, process)

    yield start
    for reader in readers:
        os.close(reader)


def unfinished(cli: Cli) -> None:
    """A study "small" with two ended trials of three."""
    make_study(cli)
    storage = open_storage(f"sqlite:///{cli.database}")
    load_study(storage, "small").optuna.set_user_attr(BUDGET_KEY, {"trials": 3})
    storage.close()


def width(text: str) -> int:
    """The longest line that was drawn."""
    return max(map(len, re.split(r"[\r\n]", CODES.sub("", text))))


def test_a_study_that_is_over(cli: Cli, on_terminal: Start) -> None:
    make_study(cli)
    terminal = on_terminal("show", "small", "--watch")
    assert terminal.end() == 0
    assert "small: 2 of 2 trials, started" in terminal.text
    assert width(terminal.text) <= 80
    last = CODES.sub("", terminal.text[terminal.text.rindex("\x1b[?25h") :]).replace("\r\n", "\n")
    assert "ended     all its trials are done\n" in last
    assert last.split() == cli("show", "small").stdout.split()


def test_ctrl_c_ends_watching(cli: Cli, on_terminal: Start) -> None:
    unfinished(cli)
    terminal = on_terminal("show", "small", "--watch")
    terminal.wait_for("no worker is running the study now")
    os.write(terminal.reader, b"\x03")
    assert terminal.end() == 130
    assert "\x1b[?25l" in terminal.text  # it was hidden, and is shown again
    assert "best: 0." in terminal.text
    assert "\x1b[94m" in terminal.text
    assert width(terminal.text) <= 80


def test_a_window_that_becomes_smaller(cli: Cli, on_terminal: Start) -> None:
    unfinished(cli)
    terminal = on_terminal("show", "small", "--watch", NO_COLOR="1")
    terminal.wait_for("no worker is running the study now")
    before = len(terminal.text)
    resize(terminal.reader, 40, 12)
    terminal.wait_for("\x1b[2J", before)
    make_study(cli)  # goes on to the end of the budget
    assert terminal.end() == 0
    small = terminal.text[terminal.text.index("\x1b[2J") : terminal.text.rindex("\x1b[?25h")]
    assert width(small) <= 40
    assert not re.search(r"\x1b\[[0-9;]*(?:3|4|9|10)\dm", terminal.text)  # no colours
    assert "ended     all its trials are done" in terminal.text


def test_a_dumb_terminal_gets_plain_lines(cli: Cli, on_terminal: Start) -> None:
    unfinished(cli)
    terminal = on_terminal("show", "small", "--watch", TERM="dumb")
    terminal.wait_for("No worker is running the study now.")
    make_study(cli)
    assert terminal.end() == 0
    assert "trial 2: complete 0." in terminal.text
    assert "\x1b" not in terminal.text


def test_plain_lines_without_a_terminal(cli: Cli) -> None:
    unfinished(cli)
    process = forked.start(cli, "show", "small", "--watch")
    assert process.stderr
    assert process.stderr.readline() == "No worker is running the study now.\n"
    make_study(cli)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert re.fullmatch(r"trial 2: complete 0\.\d+ \(3 of 3, best 0\.\d+\)  .*\n", err)
    assert out == cli("show", "small").stdout


def test_sigterm_ends_watching(cli: Cli) -> None:
    unfinished(cli)
    process = forked.start(cli, "show", "small", "--watch")
    assert process.stderr
    assert process.stderr.readline() == "No worker is running the study now.\n"
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (143, "", "")


def test_a_study_that_is_deleted_meanwhile(cli: Cli, on_terminal: Start) -> None:
    unfinished(cli)
    terminal = on_terminal("show", "small", "--watch")
    terminal.wait_for("no worker is running the study now")
    cli("delete", "small", "--yes")
    assert terminal.end() == 3
    assert "error: study small: was deleted meanwhile" in terminal.text


def test_watch_has_no_json(cli: Cli) -> None:
    done = cli("show", "small", "--watch", "--json", code=2)
    assert done.stderr.startswith("error: --watch and --json:")
    assert done.stdout == ""


def test_an_unknown_study(cli: Cli) -> None:
    make_study(cli)
    done = cli("show", "smal", "--watch", code=2)
    assert "small" in done.stderr
