"""The attributes of studies and trials: their keys, and what counts as written by hpsearch."""

import ast
import json
from pathlib import Path
from typing import Any, cast

import pytest

import hpsearch
from hpsearch.config import TrialConfig, flat
from hpsearch.search.attributes import STUDY, TRIAL
from hpsearch.search.confirmation import _changes
from hpsearch.search.shapes import Kind, odd, parse, typed
from hpsearch.search.study import OpenStudy

FLAT = flat(TrialConfig())
FORK = {"study": "old", "trials": 1, "shift": 1, "date": "2026-01-01"}


def test_what_hpsearch_writes_is_read_with_keys_of_newer_versions() -> None:
    rows = [("forked_from", json.dumps(FORK | {"new": 1.5})), ("of another", "NaN")]
    assert typed(rows[:1], STUDY) == {"forked_from": FORK | {"new": 1.5}}
    assert odd(rows, STUDY) == {}  # what is not ours may hold anything


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "[1, [NaN]]"])
def test_numbers_that_json_does_not_know_are_not_ours(number: str) -> None:
    text = json.dumps(FORK)[:-1] + f', "new": {number}}}'
    assert typed([("forked_from", text)], STUDY) == {}
    assert odd([("forked_from", text)], STUDY) == {"forked_from": text}
    assert typed([("gap", number)], TRIAL) == {}


@pytest.mark.parametrize("value", [0.1, 1e-300, -2.5e10, 1.2345678901234567e99, 0.1 + 0.2])
def test_numbers_come_back_to_the_last_bit(value: Any) -> None:
    assert parse(json.dumps(value), TRIAL["gap"]) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("clock_start", ["a boot", 1e308]),
        ("clock_end", ["a boot", -1e308]),
        ("clock_end", ["a boot", 4e9]),
        ("clock_end", ["a boot", "1"]),
        ("seconds", 1e308),
        ("seconds", -1.0),
        ("val_loss", 1e308),
        ("gap", -1e308),
        ("device", "\ud800"),
        ("failure", "CPU \udcff"),
        ("config", FLAT | {"\udfff": 1}),
        ("recipe_changes", {"of another program": {}}),
        ("recipe_changes", {"seed": {}}),
    ],
)
def test_what_no_trial_has_is_not_ours(name: str, value: Any) -> None:
    assert typed([(name, json.dumps(value))], TRIAL) == {}
    assert odd([(name, json.dumps(value))], TRIAL) == {name: json.dumps(value)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("clock_start", ["a boot", -30.0]),
        ("clock_end", ["a boot", 3e9]),
        ("device", "\U0001f600 é"),
        ("failure_message", "no such file: \udcff"),  # names of files may be no text
        ("config", FLAT),
        ("seconds", 1e9),
        ("val_loss", 3.4e38),
        ("gap", -1.0),
        ("recipe_changes", {"dataset": {"split_seed": 1}}),
        ("recipe_changes", _changes(cast("OpenStudy", None), TrialConfig(), Kind.REFIT, 0, 3)),
    ],
)
def test_what_a_trial_may_have_is_ours(name: str, value: Any) -> None:
    assert typed([(name, json.dumps(value))], TRIAL) == {name: value}


PLACES = {
    "user_attrs", "system_attrs", "set_user_attr", "set_system_attr", "set_study_user_attr",
    "set_study_system_attr", "set_trial_user_attr", "set_trial_system_attr",
}  # fmt: skip
"""What holds attributes, or writes one."""


def literal_keys(file: Path) -> list[str]:
    """The attributes that a module names itself."""
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Subscript(value=ast.Attribute(attr=where), slice=ast.Constant(value=key)):
                pass
            case ast.Call(
                func=ast.Attribute(value=ast.Attribute(attr=where), attr="get"),
                args=[ast.Constant(value=key), *_],
            ):
                pass
            case ast.Call(func=ast.Attribute(attr=where), args=[*_, ast.Constant(value=key), _]):
                pass
            case _:
                continue
        if where in PLACES:
            found.append(f"{file.name}:{node.lineno}: {key}")
    return found


def test_every_key_stands_in_one_module() -> None:
    modules = Path(hpsearch.__file__).parent.rglob("*.py")
    assert [one for module in modules for one in literal_keys(module)] == []
