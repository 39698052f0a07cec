"""Formats: what texts in YAML and JSON mean, and what is written so that all readers agree."""

import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from hpsearch.errors import InputError
from hpsearch.formats import dump, read_file


def read(text: str, tmp_path: Path, ending: str = ".yaml") -> Any:
    (tmp_path / f"x{ending}").write_text(text, encoding="utf-8")
    return read_file(tmp_path / f"x{ending}")


def refusal(text: str, tmp_path: Path, ending: str = ".yaml") -> str:
    with pytest.raises(InputError) as caught:
        read(text, tmp_path, ending)
    return str(caught.value).partition(": is not valid ")[2]


@pytest.mark.parametrize(("ending", "text"), [(".json", '{{"a": {}}}'), (".toml", "a = {}")])
def test_a_number_that_is_too_long_is_told_without_python_s_advice(
    ending: str, text: str, tmp_path: Path
) -> None:
    told = refusal(text.format("9" * 5000), tmp_path, ending)
    assert told == f"{ending[1:].upper()}: a whole number has too many digits; correct it"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", 10), ("-010", -10), ("0o10", 8), ("0x1F", 31), ("+3", 3), ("0b11", "0b11"),
        ("1_28", "1_28"), ("1:04", "1:04"), ("1:30:00", "1:30:00"), ("08", 8),
        *((word, word) for word in ("yes", "No", "on", "OFF", "y", "n", "tRue")),
        ("true", True), ("False", False), ("TRUE", True), ("~", None), ("Null", None), ("", None),
        ("1e-3", 1e-3), ("1.e-4", 1e-4), (".001", 1e-3), ("1E5", 1e5), ("-1.5e+2", -150.0),
        ("1.", 1.0), ("6.8523015e+5", 685230.15), ("685_230.15", "685_230.15"), (".", "."),
        (".inf", math.inf), ("-.INF", -math.inf), ("2024-01-31", "2024-01-31"), ("=", "="),
        ("!!str 010", "010"), ("!!int 010", 10), ("!!float 3", 3.0), ("'010'", "010"),
        ("&a 3", 3),
    ],
)  # fmt: skip
def test_yaml_is_read_by_the_core_schema_of_version_1_2(
    text: str, value: Any, tmp_path: Path
) -> None:
    found = read(f"key: {text}", tmp_path)["key"]
    assert (found, type(found)) == (value, type(value))


BOMB = "a0: &a0 [x, x]\n" + "\n".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]" for n in range(60))
"""A short document with more values than there are atoms."""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a:\n  <<: {b: 1}", "YAML: << merges tables in YAML 1.1 only; write the values"),
        ("a: &x {b: 1}\nc: *x", "YAML: has an alias (*name) in line 2, column 4; write the"),
        ("a: &x [*x]", "YAML: has an alias (*name) in line 1, column 8; write the value out"),
        (BOMB, "YAML: has an alias (*name) in line 2"),
        ("a: !!int 1_0", 'YAML: "1_0" is not a valid int; correct it'),
        ("a: !!bool yes", 'YAML: "yes" is not a valid bool'),
        ("a: !!timestamp 2024-01-31", "YAML: could not determine a constructor for the tag"),
        ("a: 1\n---\nb: 2", "YAML: line 2 begins a second document; keep one of them"),
        ("a: {b: 1 # one}\nc: 2", "YAML: while parsing a flow mapping that begins in line 1, exp"),
    ],
)
def test_yaml_beyond_it_is_refused_with_the_line(text: str, says: str, tmp_path: Path) -> None:
    assert refusal(text, tmp_path).startswith(says)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{\n  // mine\n  "a": 1}', "line 2 has a comment; remove it, or use TOML or YAML"),
        ('{"a": 1, # mine\n "b": 2}', "line 1 has a comment"),
        ('{"a": 1 /* mine */}', "line 1 has a comment"),
        ('{"a": 1,\n}', "line 1 has a comma right before }; remove the comma"),
        ('{"a":\n[1,\n\n]}', "line 2 has a comma right before ]"),
        ("{'a': 1}", "Expecting property name enclosed in double quotes: line 1 column 2"),
    ],
)
def test_json_says_line_and_cure(text: str, says: str, tmp_path: Path) -> None:
    assert refusal(text, tmp_path, ".json").startswith(f"JSON: {says}")


@pytest.mark.parametrize(
    "text", ["010", "0o10", "1:04", "1_28", "yes", "n", "1e-3", "~", "2024-01-31", "<<", "=", ".5"]
)
def test_texts_are_written_so_that_every_reader_takes_them_for_texts(
    text: str, tmp_path: Path
) -> None:
    written = dump({"key": text}, ".yaml")
    assert read(written, tmp_path) == {"key": text}
    assert yaml.safe_load(written) == {"key": text}  # version 1.1


@pytest.mark.parametrize(
    "text",
    [
        "a" + ".a" * 200_000 + " = 1",
        "[a" + ".a" * 3000 + "]\n" + "".join(f"k{n} = 1\n" for n in range(3000)),
        '"\u2028"' + '."\u2028"' * 10_000 + " = 1",
    ],
)
def test_a_key_deeper_than_memory_is_refused(text: str, tmp_path: Path) -> None:
    assert refusal(text, tmp_path, ".toml") == "TOML: nested too deeply; correct it"


def test_many_names_with_dots_are_not_deep(tmp_path: Path) -> None:
    names = [f"sepal.length.{n}" for n in range(1500)]
    assert read(f"ignore = {names}", tmp_path, ".toml") == {"ignore": names}
