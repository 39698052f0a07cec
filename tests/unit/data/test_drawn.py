"""What was drawn before is what would be drawn now, whatever became of its file."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hpsearch.data import drawn
from hpsearch.data.drawn import FOLDER, draw_once
from hpsearch.data.stratify import Rows, draw

NAMES = ("red", "green", "blue")
Y = np.random.default_rng(1).integers(0, 3, 203)
ROWS = np.arange(5, 200)


def once(folder: Path, count: int = 60, seed: int = 0, rows: Rows = ROWS) -> tuple[Rows, Rows]:
    return draw_once(folder, rows, Y, count, seed, NAMES)


def check(found: tuple[Rows, Rows], count: int = 60, seed: int = 0, rows: Rows = ROWS) -> None:
    for one, other in zip(found, draw(rows, Y, count, seed, NAMES), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture
def no_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on nothing can be drawn."""

    def refuse(*_: object) -> None:
        raise AssertionError("drawn once more")

    monkeypatch.setattr(drawn, "draw", refuse)


def test_the_second_time_it_is_read(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    check(once(tmp_path))
    request.getfixturevalue("no_draw")
    check(once(tmp_path))


@pytest.mark.parametrize("count", [3, 191])  # hardly any are taken, hardly any are left
def test_few(tmp_path: Path, count: int) -> None:
    for _ in range(2):
        check(once(tmp_path, count), count)


def test_each_draw_has_a_file_of_its_own(tmp_path: Path) -> None:
    others = [
        {},
        {"seed": 1},
        {"count": 61},
        {"rows": ROWS[:-1]},
        {"rows": np.r_[4, ROWS[1:]]},
    ]
    for changes in (*others, *others):
        check(once(tmp_path, **changes), **changes)
    assert len(list((tmp_path / FOLDER).iterdir())) == len(others)


@pytest.mark.parametrize("damage", ["empty", "torn", "longer", "flipped", "of one class", "folder"])
def test_a_damaged_file_is_drawn_again(tmp_path: Path, damage: str) -> None:
    once(tmp_path)
    (file,) = (tmp_path / FOLDER).iterdir()
    content = file.read_bytes()
    first = np.packbits(np.isin(ROWS, ROWS[Y[ROWS] == 0][:60])).tobytes()
    spoilt = {
        "empty": b"",
        "torn": content[:-1],
        "longer": content + b"\0",
        "flipped": bytes([content[0] ^ 1]) + content[1:],
        "of one class": first,
    }
    file.unlink()
    if damage == "folder":
        file.mkdir()
    else:
        file.write_bytes(spoilt[damage])
    check(once(tmp_path))
    if damage != "folder":
        assert file.read_bytes() == content


def test_a_folder_that_takes_no_file(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("in the way")
    check(once(tmp_path))


def test_what_cannot_be_drawn_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="do not hold 3 classes"):
        once(tmp_path, 2)
    assert list(tmp_path.iterdir()) == []


CODE = """
import json, sys
from pathlib import Path
from hpsearch.data.cache import open_dataset
from hpsearch.data.parts import split
from hpsearch.home import Home
from hpsearch.recipe import DatasetSection

section = DatasetSection(source="digits", limit=500)
parts = split(open_dataset(section, Home(Path(sys.argv[1]))), section)
told = ["sklearn" in sys.modules, int(parts.train.rows.sum()), len(parts.validation)]
print(json.dumps(told))
"""


def test_a_process_that_follows_needs_no_scikit_learn(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CODE, str(tmp_path)]
    first, second = (
        json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        for _ in range(2)
    )
    assert [first[0], second[0]] == [True, False]
    assert first[1:] == second[1:]
