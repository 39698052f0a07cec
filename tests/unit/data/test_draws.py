"""What was drawn before is what would be drawn now, whatever became of its file."""

import importlib.metadata
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.data import draws
from hpsearch.data.draws import FOLDER, draw_once
from hpsearch.data.stratify import Rows, draw

NAMES = ("red", "green", "blue")
Y = np.random.default_rng(1).integers(0, 3, 203)
ROWS = np.arange(5, 200)
SWAPPED = Y.copy()
SWAPPED[[7, 8]] = Y[[8, 7]]

CASES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "another seed": {"seed": 1},
    "another size": {"count": 61},
    "a row less": {"rows": ROWS[:-1]},
    "other rows": {"rows": np.r_[4, ROWS[1:]]},
    "two labels swapped": {"y": SWAPPED},
    "hardly any": {"count": 3},
    "hardly any left": {"count": 191},
    "too few left to be in proportion": {"count": 193},
}


def both(folder: Path, **changes: Any) -> tuple[tuple[Rows, Rows], tuple[Rows, Rows]]:
    """What the file gives, and what is drawn without one."""
    told = {"rows": ROWS, "y": Y, "count": 60, "seed": 0, "class_names": NAMES, **changes}
    return draw_once(folder, **told), draw(**told)


def check(folder: Path, **changes: Any) -> None:
    for found, expected in zip(*both(folder, **changes), strict=True):
        np.testing.assert_array_equal(found, expected)


def files(folder: Path) -> list[Path]:
    return sorted((folder / FOLDER).iterdir())


@pytest.mark.parametrize("case", CASES)
def test_the_second_time_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("drawn once more")

    check(tmp_path, **CASES[case])
    monkeypatch.setattr(draws, "draw", refuse)
    check(tmp_path, **CASES[case])


def test_each_draw_has_a_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sorted(Y) == sorted(SWAPPED)
    assert not np.array_equal(Y, SWAPPED)
    for case in (*CASES, *CASES):
        check(tmp_path, **CASES[case])
    assert len(files(tmp_path)) == len(CASES)
    with pytest.raises(ValueError, match="few examples"):
        both(tmp_path, class_names=(*NAMES, "white"))
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "0.0")
    check(tmp_path)
    assert len(files(tmp_path)) == len(CASES) + 1


@pytest.mark.parametrize("damage", ["empty", "torn", "longer", "bits", "moved", "folder"])
def test_a_damaged_file_is_drawn_again(tmp_path: Path, damage: str) -> None:
    check(tmp_path)
    (file,) = files(tmp_path)
    content = file.read_bytes()
    check(tmp_path, seed=1)
    (other,) = set(files(tmp_path)) - {file}
    spoilt = {
        "empty": b"",
        "torn": content[:-1],
        "longer": content + b"\0",
        "bits": content[:-2] + content[:-3:-1],  # as many rows as before
        "moved": other.read_bytes(),
    }
    file.unlink()
    if damage == "folder":
        file.mkdir()
    else:
        assert spoilt[damage] != content
        file.write_bytes(spoilt[damage])
    check(tmp_path)
    if damage != "folder":
        assert file.read_bytes() == content
    assert files(tmp_path) == sorted([file, other])


def test_where_nothing_can_be_kept(
    tmp_path: Path, forbidden: Callable[..., AbstractContextManager[None]]
) -> None:
    gone = tmp_path / "gone"
    check(gone)
    assert not gone.exists()
    with forbidden(tmp_path, 0o500):
        check(tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / FOLDER).write_text("in the way")
    check(tmp_path)


def test_what_cannot_be_drawn_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot contain all 3 classes"):
        both(tmp_path, count=2)
    assert list(tmp_path.iterdir()) == []


def test_what_a_link_leads_to_is_not_written(tmp_path: Path) -> None:
    check(tmp_path)
    (file,) = files(tmp_path)
    file.unlink()
    precious = tmp_path / "precious"
    precious.write_text("all that I have")
    file.with_name(f".{file.name}.{os.getpid()}").symlink_to(precious)
    check(tmp_path)
    assert files(tmp_path) == [file]
    assert precious.read_text() == "all that I have"
