from pathlib import Path
from typing import Any

import pytest

from hpsearch.data.arrays import silent
from hpsearch.data.importing import fingerprint
from hpsearch.data.tables.dialect import Named
from hpsearch.data.tables.importing import Roles, check_roles, load, train_names
from hpsearch.errors import InputError


def test_each_column_is_for_one_thing() -> None:
    names = ("a", "b", "c", "d", "y")
    roles = Roles(target="y", ignore=("a",), categorical=("b",), group="c", time="d", weight=None)
    check_roles("mine.csv", roles, names)
    assert {name for _, name in roles.named} == set(names)


@pytest.mark.parametrize(
    ("roles", "told"),
    [
        ({"target": "z"}, r'dataset\.target names the column "z", which is not there'),
        ({"time": "tme"}, r'dataset\.time names the column "tme".*did you mean time\?'),
        ({"group": "y"}, r'"y" is named by dataset\.target and by dataset\.group'),
        ({"weight": "a", "time": "a"}, r"dataset\.time and by dataset\.weight"),
        ({"ignore": ("a",), "categorical": ("a",)}, r"dataset\.ignore and by dataset\.categorical"),
        ({"ignore": ("a", "a")}, r"dataset\.ignore and by dataset\.ignore"),
    ],
)
def test_a_column_that_is_not_there_or_named_twice_is_told(
    roles: dict[str, Any], told: str
) -> None:
    with pytest.raises(InputError, match=f"^mine.csv: .*{told}"):
        check_roles("mine.csv", Roles(**({"target": "y"} | roles)), ("a", "time", "y"))


def test_every_column_is_told_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b,y\n" + "".join(f"{i % 3},{i % 4},{i % 5}.5\n" for i in range(20)))
    told: list[tuple[str, int, int]] = []
    load(path, Named(), Roles(target="y"), None, lambda *each: told.append(each))
    assert told[0] == ("reading the columns", 0, 3)
    assert told[-1] == ("reading the columns", 3, 3)
    assert train_names(path, Named()) == ("a", "b", "y")


@pytest.mark.parametrize("rows", [1, 7, 64, 299])
def test_how_many_rows_are_looked_at_at_a_time_changes_nothing(
    rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    lines = [
        f"{i % 7},{i * 0.25 if i % 5 else ''},{'NA' if i % 11 == 3 else f't{i % 13}'},"
        f"2020-01-{i % 28 + 1:02d} 0{i % 10}:30,{'wrong' if i == 250 else i},{i % 17}.5"
        for i in range(300)
    ]
    path.write_text("\n".join(["whole,half,text,when,odd,y", *lines]))
    whole = load(path, Named(), Roles(target="y", time="when"), None, silent)
    monkeypatch.setattr("hpsearch.data.tables.values._ROWS", rows)
    monkeypatch.setattr("hpsearch.data.tables.values._FIRST", 5)
    monkeypatch.setattr("hpsearch.data.tables.delimited._FIELDS", 6 * rows)
    monkeypatch.setattr("hpsearch.data.tables.delimited._BLOCK", 12 * rows)
    monkeypatch.setattr("hpsearch.data.tables.delimited._HELD", 1)
    pieces = load(path, Named(), Roles(target="y", time="when"), None, silent)
    assert [column.kind for column in whole.columns] == [
        "number", "number", "category", "date", "number",
    ]  # fmt: skip
    assert (pieces.columns, pieces.notes) == (whole.columns, whole.notes)
    assert fingerprint(pieces) == fingerprint(whole)


def test_what_rounding_in_float64_leaves_is_no_other_number(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    shares = [0.1, 0.2, 0.1 + 0.2, 0.3, 0.1 * 3, 0.7, 0.1 * 7, 0.6, 0.1 * 6]
    path.write_text("a,y\n" + "".join(f"{share!r},{n}.5\n" for n, share in enumerate(shares)))
    assert load(path, Named(), Roles(target="y"), None, silent).hints == ()


def test_classes_that_are_said_to_be_some_are_not_called_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,y\n" + "".join(f"{n % 7},{n % 3 * 5 + 5}%\n" for n in range(30)))
    (told,) = load(path, Named(), Roles(target="y"), None, silent).hints
    assert told.startswith('column "y": read as texts such as "10%"')
    assert load(path, Named(), Roles(target="y"), "classification", silent).hints == ()


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "__index_level_0__"])
def test_an_index_in_any_order_is_no_input(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [f"{i * 7 % 30},{i % 3},{i % 5}.5\n" for i in range(30)]
    path.write_text(f"{name},a,y\n" + "".join(rows))
    found = load(path, Named(), Roles(target="y"), None, silent)
    assert [column.name for column in found.columns] == ["a"]
    called = name or "column_1"
    assert any(f'"{called}" is ignored: whole numbers' in note for note in found.notes)
    kept = load(path, Named(), Roles(target="y", categorical=(called,)), None, silent)
    assert [column.name for column in kept.columns] == [called, "a"]
