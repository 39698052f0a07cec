"""Literals: what is written is read back, and no line is too long."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.script.literals import WIDTH, assignment, literal, mapping, namespace

VALUES: list[Any] = [
    1, 0.1, 1e-07, (8, 8), "relu", 'a "quoted" \\ text\n', [], [1] * 64, [0.1, 0.25],
    Path("/data/mnist"), Path("/" + "folder with spaces/" * 20), Path("best.npz"),
    Path("größe \udcff\n\"" + "x" * 150 + ".npz"), Path("/\udcff 😀"), "täxt \udcff",
]  # fmt: skip


def read(lines: list[str]) -> Any:
    names: dict[str, Any] = {
        "Path": Path,
        "__file__": "script.py",
        "SimpleNamespace": SimpleNamespace,
    }
    exec("\n".join(lines).encode(), names)  # noqa: S102  # our own text
    return names["NAME"]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:30])
def test_a_value_is_read_back(value: Any) -> None:
    lines = assignment("NAME", value, "what it means")
    assert read(lines) == value
    assert all(len(line) <= WIDTH for line in lines)
    assert any("# what it means" in line for line in lines)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.text(st.characters(codec="utf-8")))
def test_numbers_and_texts_are_exact(value: float | str) -> None:
    assert read(assignment("NAME", value)) == value


def test_texts_have_double_quotes() -> None:
    assert literal("it's") == '"it\'s"'
    assert assignment("SEED", 3, "of weights") == ["SEED = 3  # of weights"]


def test_namespaces_and_dicts_of_them_are_read_back() -> None:
    inner = {"units": [1000] * 64, "name": "dense"}
    values: dict[str, Any] = {"network": inner, "settings": {}, "rate": 0.1}
    lines = namespace("NAME", values)
    expected = SimpleNamespace(
        network=SimpleNamespace(**inner), settings=SimpleNamespace(), rate=0.1
    )
    assert read(lines) == expected
    several = mapping("NAME", {"trial 3": values, 'a "b"': inner})
    assert read(several) == {"trial 3": expected, 'a "b"': SimpleNamespace(**inner)}
    assert all(len(line) <= WIDTH for line in (*lines, *several))
