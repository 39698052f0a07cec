"""The formats of the tables that users read and write: TOML, JSON and YAML."""

import functools
import json
import re
import tomllib
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import tomli_w
import yaml

from hpsearch.errors import InputError, UnreachableError
from hpsearch.text import closest, show

_MOST_OF_PATHS = 10_000_000
"""Most parts of keys in all paths of tables; far more than any file has that people write."""

_TAG = "tag:yaml.org,2002:"


def read_file(path: Path) -> dict[str, Any]:
    """The table in a .toml, .json or .yaml file.

    Raises:
        InputError: another ending, no such file, or text that does not parse.
        UnreachableError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors put a byte order mark first
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise InputError(f"{path}: file not found; check the name") from None
    except UnicodeDecodeError:
        _reader(path)  # tells an ending that is none of a text
        raise InputError(f"{path}: is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
        raise UnreachableError(f"{path}: {reason}; check its name and permissions") from None
    return parsed(text, path)


def parsed(text: str, path: Path) -> dict[str, Any]:
    """The table in a text.

    Args:
        text: what a file holds.
        path: the file, whose name says the format; it is not looked at.

    Raises:
        InputError: another ending, or text that does not parse.
    """
    try:
        data = _reader(path)(text)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        kind = path.suffix[1:].upper()
        raise InputError(f"{path}: is not valid {kind}: {_reason(error)}") from None
    if not isinstance(data, dict):
        raise InputError(f"{path}: holds no settings; write key = value lines")
    return data


def _reason(error: Exception) -> str:
    """Why a text does not parse, where, and the cure."""
    if isinstance(error, RecursionError):
        return "nested too deeply; correct it"
    if isinstance(error, json.JSONDecodeError):
        return _json_reason(error)
    if isinstance(error, yaml.MarkedYAMLError):
        return _yaml_reason(error)
    reason = " ".join(str(error).split())
    if "int_max_str_digits" in reason:  # Python's advice is for who writes Python
        return "a whole number has too many digits; correct it"
    hint = " (a text needs quotes)" if "Invalid value" in reason else ""
    return f"{reason}; correct it{hint}"


def _json_reason(error: json.JSONDecodeError) -> str:
    """What people write in JSON that only JavaScript and Python know, or the reader's own words."""
    before, rest = error.doc[: error.pos].rstrip(), error.doc[error.pos :].lstrip()
    if rest.startswith(("//", "/*", "#")):
        return (
            f"line {error.lineno} has a comment; remove it, or use TOML or YAML, which allow"
            " comments"
        )
    if rest.startswith(","):  # where Python 3.13 sees the mistake
        before, rest = f"{before},", rest[1:].lstrip()
    if before.endswith(",") and rest.startswith(("}", "]")):
        line = before.count("\n") + 1
        return f"line {line} has a comma right before {rest[0]}; remove the comma"
    return f"{' '.join(str(error).split())}; correct it"


def _yaml_reason(error: yaml.MarkedYAMLError) -> str:
    mark, start = error.problem_mark, error.context_mark
    line = 0 if mark is None else mark.line + 1
    if error.problem == "but found another document":
        return f"line {line} begins a second document; keep one of them"
    begun = f" that begins in line {start.line + 1}" if start and start.line + 1 < line else ""
    context = f"{error.context}{begun}, " if error.context else ""
    where = "" if mark is None else f" in line {line}, column {mark.column + 1}"
    found = f"{context}{error.problem}{where}"
    return f"{found}; {'write the value out' if isinstance(error, _AliasError) else 'correct it'}"


class _AliasError(yaml.MarkedYAMLError):
    """A document has an alias."""


class _YamlReader(yaml.SafeLoader):
    """YAML by the core schema of version 1.2, where PyYAML has version 1.1.

    So 010 is ten, 0o10 is eight, 1e-3 is a number, and yes, 1:04, 1_28 and dates are texts.
    """

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """A part of the document; aliases are refused.

        A few of them, nested, stand for a document of any size, and one may hold itself.
        """
        if self.check_event(yaml.AliasEvent):
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            raise _AliasError(problem="has an alias (*name)", problem_mark=event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """A table; a key that appears twice is an error, as in TOML, and so is a merge key."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if "<<" in keys:
            raise ValueError("<< merges tables in YAML 1.1 only; write the values out")
        _once([(key, None) for key in keys])
        return super().construct_mapping(node, deep)


class _YamlWriter(yaml.SafeDumper):
    """Puts quotes around a text that version 1.1 or 1.2 would take for another value."""


def _yaml_value(read: Callable[[str], Any], pattern: re.Pattern[str]) -> Callable[..., Any]:
    """What makes a value of a scalar, which an explicit tag may have given a text that is none."""

    def construct(reader: _YamlReader, node: yaml.ScalarNode) -> Any:
        text = reader.construct_scalar(node)
        if not pattern.match(text):
            raise ValueError(f"{show(text)} is not a valid {node.tag.removeprefix(_TAG)}")
        return read(text)

    return construct


def _whole(text: str) -> int:
    bases = {"0o": 8, "0x": 16}
    return int(text[2:], bases[text[:2]]) if text[:2] in bases else int(text)


def _real(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


_YamlReader.yaml_implicit_resolvers = {}
_YamlReader.yaml_constructors = {
    tag: yaml.SafeLoader.yaml_constructors[tag]
    for tag in (None, *(f"{_TAG}{name}" for name in ("str", "seq", "map")))
}
for _name, _pattern, _read in (
    ("null", r"~|null|Null|NULL|", lambda _: None),
    ("bool", r"true|True|TRUE|false|False|FALSE", lambda text: text.lower() == "true"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", _whole),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        _real,
    ),
):
    _compiled = re.compile(rf"(?:{_pattern})\Z")
    for _kind in (_YamlReader, _YamlWriter):
        _kind.add_implicit_resolver(f"{_TAG}{_name}", _compiled, None)
    _YamlReader.add_constructor(f"{_TAG}{_name}", _yaml_value(_read, _compiled))


def _read_toml(text: str) -> dict[str, Any]:
    """The table of a TOML document.

    Raises:
        RecursionError: a key is so deep (a.a.a...) that tomllib, which keeps the path of every
            table, might take more memory than there is.
        ValueError: it is none.
    """
    dots = [line.count(".") for line in text.split("\n")]
    if max(dots, default=0) * (sum(dots) + len(dots)) > _MOST_OF_PATHS:
        raise RecursionError
    return tomllib.loads(text)


def _read_yaml(text: str) -> Any:
    return yaml.load(text, Loader=_YamlReader)  # noqa: S506 (reads no more than SafeLoader)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The table of some keys and values.

    Raises:
        ValueError: a key appears twice.
    """
    table: dict[str, Any] = {}
    for key, value in pairs:
        if key in table:
            raise ValueError(f"{show(key)} appears twice")
        table[key] = value
    return table


_READERS: dict[str, Callable[[str], Any]] = {
    ".toml": _read_toml,
    ".json": functools.partial(json.loads, object_pairs_hook=_once),
    ".yaml": _read_yaml,
    ".yml": _read_yaml,
}
SUFFIXES = tuple(_READERS)
"""Endings of study files and recipes."""


def _reader(path: Path) -> Callable[[str], Any]:
    if path.suffix not in _READERS:
        raise InputError(
            f"{path}: unknown ending; {closest(path.suffix, SUFFIXES)} (for a table, write a"
            f" study file first: hpsearch init FILE.toml --path {path} --target COLUMN)"
        )
    return _READERS[path.suffix]


def inline(value: Any) -> str:
    """A value as TOML has it in one line.

    Args:
        value: a text, a number, a truth value, or lists and tables of such.
    """
    if not isinstance(value, dict):
        # Of what does not print JSON escapes all but this one; TOML knows no pairs of surrogates.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return "{ " + ", ".join(f"{key} = {inline(item)}" for key, item in value.items()) + " }"


def dump(data: dict[str, Any], ending: str) -> str:
    """A table as text in the format of ``ending`` (".toml", ".json", ".yaml" or ".yml").

    Entries that are None are left out: TOML has no null.

    Raises:
        InputError: another ending.
    """
    data = _without_none(data)
    if ending == ".toml":
        return tomli_w.dumps(data)
    if ending == ".json":
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    if ending in (".yaml", ".yml"):
        return yaml.dump(data, Dumper=_YamlWriter, sort_keys=False, allow_unicode=True)
    raise InputError(f"cannot export to {ending!r}; use a name that ends in .toml, .json or .yaml")


def _without_none(value: Any) -> Any:
    """The value without None entries in its tables."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return value
