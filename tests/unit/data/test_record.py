"""The record of accesses: what is written is read back, whatever else is in the file."""

import json
from pathlib import Path

import pytest

from hpsearch.data.record import (
    RECORD_FILE,
    Access,
    from_plain,
    read_accesses,
    write_access,
    write_result,
)

RESULT = {"accuracy": [0.5, 0.25], "f1_macro": [0.5, 0.125]}


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    first = Access(
        opened_by="evaluate a", study="a", of="3", seeds=(1, 2), recipe={"seed": 1}, source="npz",
        path="/x", fingerprint="f" * 64,
    )  # fmt: skip
    second = Access(opened_by="train b --test")
    for one in (first, second):
        write_access(tmp_path, one)
    assert read_accesses(tmp_path) == [first, second]
    write_result(tmp_path, first, RESULT)
    found = read_accesses(tmp_path)
    assert found[0].result == RESULT
    assert found[1] == second
    assert first.key != second.key
    assert first.date.endswith("+00:00")


def test_without_a_record_nothing_was_opened(tmp_path: Path) -> None:
    assert read_accesses(tmp_path) == []
    assert read_accesses(tmp_path / "none") == []


def test_lines_of_an_earlier_version_count(tmp_path: Path) -> None:
    line = {"date": "2026-01-01T00:00:00+00:00", "opened_by": "train a", "fingerprint": "f"}
    text = "".join(json.dumps(line) + "\n" for _ in range(2))
    (tmp_path / RECORD_FILE).write_text(text)
    assert [one.opened_by for one in read_accesses(tmp_path)] == ["train a", "train a"]


def test_what_is_no_opening_is_passed_over(tmp_path: Path) -> None:
    one = Access(opened_by="a")
    write_access(tmp_path, one)
    with (tmp_path / RECORD_FILE).open("ab") as record:
        record.write(b'{"key": "x", "result": {}}\n[1]\n{}\n\xff\n{"date": 1, "opened_by": "b"}\n')
        record.write(b'{"date": "d", "seeds": [3]}\n{"date": "2026-')
    assert read_accesses(tmp_path) == [one]


@pytest.mark.parametrize("line", [{}, {"opened_by": "a"}, {"date": "d", "opened_by": 3}])
def test_a_plain_object_may_be_none(line: dict[str, object]) -> None:
    assert from_plain(line) is None


@pytest.mark.parametrize(
    "odd",
    [
        {"key": {"a": 1}}, {"seeds": 3}, {"seeds": ["a", 1]}, {"result": 1}, {"recipe": "a"},
        {"fingerprint": None}, {"of": []}, {"of another program": []},
    ],
)  # fmt: skip
def test_an_opening_with_odd_contents_counts(odd: dict[str, object]) -> None:
    found = from_plain({"date": "2026-01-01", "opened_by": "evaluate", **odd})
    assert found is not None
    assert (found.opened_by, found.seeds, found.of) == ("evaluate", (), None)
    assert isinstance(found.key, str)
