"""What data may be given as, and which [dataset] that is."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from hpsearch.api.data import Data, understood
from hpsearch.api.given import Keeping
from hpsearch.data.sources.source import Look
from hpsearch.errors import InputError


@cache
def houses() -> pl.DataFrame:
    return pl.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"], "price": [1, 2]})


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    houses().write_csv("houses.csv")
    np.savez("mine.npz", x_train=np.eye(2), y_train=[0, 1])
    (tmp_path / "images").mkdir()
    Path("notes.pdf").write_text("x")


def test_a_public_data_set_is_its_name(keeping: Keeping) -> None:
    assert understood("digits", None, None, keeping) == Data(source="digits", word="digits")


def test_a_path_is_what_it_looks_like(keeping: Keeping, tmp_path: Path) -> None:
    table = understood(Path("houses.csv"), "price", None, keeping)
    path = str(tmp_path / "houses.csv")
    assert table.table() == {"source": "table", "path": path, "target": "price"}
    assert table.look is not None
    assert (table.look.rows, table.word) == (2, "houses")
    assert understood("mine.npz", None, None, keeping).source == "npz"
    assert understood(str(tmp_path / "images"), None, None, keeping).source == "image_folder"
    assert not keeping.home.root.exists()


def test_arrays_and_frames_are_kept_in_the_home(keeping: Keeping) -> None:
    arrays = understood((np.eye(4), [0, 1, 0, 1]), None, None, keeping)
    assert (arrays.source, arrays.look, arrays.word) == ("npz", Look(rows=4, shape=(4,)), None)
    frame = understood(houses(), "price", None, keeping)
    assert (frame.source, frame.target, frame.look) == ("table", "price", Look(rows=2))
    joined = understood((houses().drop("price"), houses()["price"]), None, None, keeping)
    assert joined == frame
    for one in (arrays, frame):
        assert Path(str(one.path)).is_relative_to(keeping.home.root)


@pytest.mark.parametrize(
    ("data", "target", "told"),
    [
        ("nothere.csv", "a", "data = 'nothere.csv': no such file or folder; check the path"),
        ("notes.pdf", None, "data = 'notes.pdf': is neither "),
        ("houses.csv", None, "is a table; name the column to predict: target=..., one of a, b and"),
        ("houses.csv", "prise", "has no such column; did you mean price?"),
        ("digits", "a", "target = 'a': is a table's column to predict, and digits data have"),
        ("mine.npz", "a", "target = 'a': is a table's column to predict, and npz data have"),
        ((np.eye(2), [0, 1]), "a", "target = 'a': is a table's column to predict, and arrays have"),
        ((np.eye(2), [0, 1], [1]), None, "data: tuple is nothing to train on; give arrays (x, y)"),
        (b"abc", None, "data: bytes is nothing to train on"),
        ((one for one in (1, 2)), None, "data: generator is nothing to train on"),
    ],
)
def test_what_is_no_data_is_refused(
    data: Any, target: str | None, told: str, keeping: Keeping
) -> None:
    with pytest.raises(InputError) as error:
        understood(data, target, None, keeping)
    assert told in str(error.value)
    assert not keeping.home.root.exists()


def test_a_folder_of_the_user_is_found(keeping: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(Path.cwd()))
    assert understood("~/mine.npz", None, None, keeping).path == str(Path.cwd() / "mine.npz")
