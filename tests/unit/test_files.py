"""Files: what texts in YAML and JSON mean; what is made under another name, whole or not at all."""

import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from hpsearch.errors import InputError, UnreachableError
from hpsearch.files import continued_file, dump, made_beside, read_file, utf8, write_text


def fill(folder: Path, text: str) -> None:
    folder.mkdir()
    (folder / "inside").write_text(text)


def test_a_file_appears_at_the_end_and_replaces_another(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    for text in ("one", "two"):
        with made_beside(path) as partial:
            assert partial.suffix == ".txt"
            partial.write_text(text)
            assert not path.exists() or path.read_text() == "one"
        assert path.read_text() == text
        assert list(path.parent.iterdir()) == [path]


def test_a_folder_appears_at_the_end_and_replaces_another(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.mkdir()
    for text in ("one", "two"):
        with made_beside(path) as partial:
            fill(partial, text)
        assert (path / "inside").read_text() == text
        assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_what_was_there_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    file, folder = tmp_path / "a.txt", tmp_path / "model"
    file.write_text("old")
    fill(folder, "old")
    with (  # noqa: PT012  # what is made before the error matters
        pytest.raises(error),
        made_beside(file) as partial,
        made_beside(folder) as other,
    ):
        partial.write_text("new")
        fill(other, "new")
        raise error
    assert file.read_text() == (folder / "inside").read_text() == "old"
    assert sorted(tmp_path.iterdir()) == [file, folder]


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    fill(tmp_path / ".partial.model", "half")
    with made_beside(tmp_path / "model") as partial:
        assert not partial.exists()
        fill(partial, "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_what_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UnreachableError, match=r"a\.txt: cannot be written"),
        made_beside(tmp_path / "file" / "a.txt"),
    ):
        pass


@pytest.mark.parametrize("name", ["a.txt", ".partial.a.txt", ".a.txt.partial"])
def test_what_a_link_leads_to_is_not_written(tmp_path: Path, name: str) -> None:
    precious = tmp_path / "precious"
    precious.write_text("all that I have")
    for target in (precious, tmp_path / "nothing"):
        (tmp_path / name).symlink_to(target)
        write_text(tmp_path / "a.txt", "new")
        with made_beside(tmp_path / "a.txt") as partial:
            partial.write_text("newer")
        assert (tmp_path / "a.txt").read_text() == "newer"
        assert not (tmp_path / "a.txt").is_symlink()
        (tmp_path / name).unlink(missing_ok=True)
    assert precious.read_text() == "all that I have"
    assert not (tmp_path / "nothing").exists()


def test_a_file_is_continued_but_not_where_a_link_leads(tmp_path: Path) -> None:
    file, precious = tmp_path / "log", tmp_path / "precious"
    for text in (b"one", b"two"):
        with continued_file(file) as opened:
            opened.write(text)
    assert file.read_text() == "onetwo"
    precious.write_text("all that I have")
    file.unlink()
    file.symlink_to(precious)
    with continued_file(file) as opened:
        opened.write(b"three")
    assert (file.read_text(), precious.read_text()) == ("three", "all that I have")
    with pytest.raises(IsADirectoryError):
        continued_file(tmp_path)


def test_new_files_have_the_mode_of_all_others(tmp_path: Path) -> None:
    write_text(tmp_path / "one", "")
    (tmp_path / "other").touch()
    assert (tmp_path / "one").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_name_that_tensorflow_cannot_write_is_told() -> None:
    assert utf8(Path("größe")) == "größe"
    with pytest.raises(InputError, match="is not UTF-8"):
        utf8(Path("m\udcff"))


def read(text: str, tmp_path: Path, ending: str = ".yaml") -> Any:
    (tmp_path / f"x{ending}").write_text(text, encoding="utf-8")
    return read_file(tmp_path / f"x{ending}")


def refusal(text: str, tmp_path: Path, ending: str = ".yaml") -> str:
    with pytest.raises(InputError) as caught:
        read(text, tmp_path, ending)
    return str(caught.value).partition(": is not valid ")[2]


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
