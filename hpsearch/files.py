"""Files that users read and write: tables in TOML, JSON and YAML, and text written whole."""

import contextlib
import functools
import json
import re
import shutil
import tomllib
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import tomli_w
import yaml

from hpsearch.errors import InputError, UnreachableError
from hpsearch.fields import closest, show


def read_file(path: Path) -> dict[str, Any]:
    """The table in a .toml, .json or .yaml file.

    Raises:
        InputError: another ending, no such file, or text that does not parse.
        UnreachableError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors put a byte order mark first
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise InputError(f"{path}: no such file; check the name") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
        raise UnreachableError(f"{path}: {reason}; check its name and permissions") from None
    try:
        data = _reader(path)(text)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        deep = isinstance(error, RecursionError)
        reason = "nested too deeply" if deep else " ".join(str(error).split())
        kind = path.suffix[1:].upper()
        hint = " (a text needs quotes)" if "Invalid value" in reason else ""
        raise InputError(f"{path}: is not valid {kind}: {reason}; correct it{hint}") from None
    if not isinstance(data, dict):
        raise InputError(f"{path}: holds no table; write key = value lines")
    return data


class _YamlReader(yaml.SafeLoader):
    """YAML as version 1.2 reads numbers: 1e-3 is one, which PyYAML takes for a text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """A table; a key that stands twice is an error, as in TOML."""
        _once([(key.value, None) for key, _ in node.value if isinstance(key, yaml.ScalarNode)])
        return super().construct_mapping(node, deep)


class _YamlWriter(yaml.SafeDumper):
    """Puts quotes around a text that :class:`_YamlReader` would take for a number."""


_EXPONENT = re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9]*)?[eE][-+]?[0-9]+")
for _kind in (_YamlReader, _YamlWriter):
    _kind.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+0123456789"))


def _read_yaml(text: str) -> Any:
    return yaml.load(text, Loader=_YamlReader)  # noqa: S506 (reads no more than SafeLoader)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The table of some keys and values.

    Raises:
        ValueError: a key stands twice.
    """
    table: dict[str, Any] = {}
    for key, value in pairs:
        if key in table:
            raise ValueError(f"{show(key)} stands twice")
        table[key] = value
    return table


def _reader(path: Path) -> Any:
    readers = {
        ".toml": tomllib.loads,
        ".json": functools.partial(json.loads, object_pairs_hook=_once),
        ".yaml": _read_yaml,
        ".yml": _read_yaml,
    }
    if path.suffix not in readers:
        raise InputError(f"{path}: unknown ending; {closest(path.suffix, list(readers))}")
    return readers[path.suffix]


def utf8(path: Path) -> str:
    """The path for TensorFlow, which knows names in UTF-8 only.

    Raises:
        InputError: it has others.
    """
    text = str(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(
            f"{path}: is not UTF-8, and TensorFlow can write to no such name; choose another"
        ) from None
    return text


def write_text(path: Path, text: str) -> None:
    """Write a text as :func:`write_bytes` does, in UTF-8."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, making its folder when there is none.

    Raises:
        UnreachableError: no permission, a full disk and the like; nothing is left behind.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # it may never have been made
            partial.unlink()
        raise UnreachableError(f"{path}: cannot be written: {error.strerror}") from None


@contextlib.contextmanager
def made_beside(path: Path) -> Iterator[Path]:
    """A name beside ``path`` under which the block makes a file or folder; it is then renamed.

    What is at ``path`` gives way in the end. Where the block raises, it stays as it was, and
    nothing else is left.

    Args:
        path: where the file or folder is wanted; folders above it are made.

    Raises:
        UnreachableError: no permission, a full disk and the like.
    """
    partial = path.with_name(f".partial.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove(partial)  # of one that was killed
        yield partial
        _rename(partial, path)
    except OSError as error:
        reason = error.strerror or error
        raise UnreachableError(f"{path}: cannot be written: {reason}") from None
    finally:
        with contextlib.suppress(OSError):
            _remove(partial)


def _rename(partial: Path, path: Path) -> None:
    """Rename a file or folder to a name that a file or folder may have already."""
    if not path.is_dir() or path.is_symlink():
        partial.replace(path)
        return
    replaced = path.with_name(f".replaced.{path.name}")
    _remove(replaced)
    path.rename(replaced)
    try:
        partial.rename(path)
    except BaseException:
        replaced.rename(path)
        raise
    _remove(replaced)


def _remove(path: Path) -> None:
    """Remove a file or folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


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
    raise InputError(f"cannot export to {ending!r}; use a name ending in .toml, .json or .yaml")


def _without_none(value: Any) -> Any:
    """The value without None entries in its tables."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return value
