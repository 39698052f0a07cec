"""What the commands share: tables, progress, JSON."""

import json
import time

import pytest

from hpsearch.cli import output
from hpsearch.cli.console import Console
from hpsearch.cli.output import print_json, print_table, progress


def test_json_is_written_in_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"größe": [1, None, "é\udcff\x7f"]})
    out = capsys.readouterr().out
    assert json.loads(out) == {"größe": [1, None, "é\udcff\x7f"]}
    assert out.isascii()
    assert "\x7f" not in out
    with pytest.raises(ValueError, match="JSON compliant"):
        print_json(float("nan"))


def test_a_table_in_a_pipe_is_neither_cut_nor_coloured_nor_read_as_markup(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    long = "configuration " * 20
    print_table(("name", "value"), [["[red]a[/red]", "1"], [long, "2"]], title="A title")
    out = capsys.readouterr().out
    assert "[red]a[/red]" in out
    assert long.strip() in out
    assert "\x1b" not in out
    assert out.splitlines()[0].startswith("A title")


def test_progress_in_a_pipe_is_one_line_at_once_and_one_at_the_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter([0.0, 1.0, 6.0, 7.0, 8.0, 9.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    with progress() as report:
        for done in (0, 10, 20, 30, 40):
            report("reading", done, 40)
        report("waiting", 0, 0)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "reading: 0 of 40",
        "reading: 20 of 40",
        "reading: 40 of 40",
        "waiting",
    ]


def test_columns_that_are_cut_leave_each_row_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    console = Console(width=30)
    monkeypatch.setattr(output, "stdout", lambda: console)
    rows = [["a", "3", "word " * 20], ["b", "4", "short"]]
    print_table(("name", "n", "values"), rows, cut=["values"])
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    a, b = [line for line in lines if line.startswith(("a ", "b "))]
    assert a.endswith("…")
    assert len(a) <= 30
    assert b.split() == ["b", "4", "short"]
