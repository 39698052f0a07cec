"""Literals: values as Python source that reads well and keeps to the length of a line."""

import json
from collections.abc import Mapping
from itertools import chain
from pathlib import Path

WIDTH = 100
"""Characters of a line."""


def literal(value: object) -> str:
    """A number, text, list or path as source: texts in double quotes, all digits of numbers.

    Args:
        value: what to write; lists hold numbers or texts, a path that is not absolute lies below
            the script's folder.
    """
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False) if _is_utf8(value) else ascii(value)
    if isinstance(value, Path):
        text = literal(str(value))
        return f"Path({text})" if value.is_absolute() else f"Path(__file__).parent / {text}"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    return repr(value)


def _is_utf8(text: str) -> bool:
    """Whether a text can be written as it is; names of files may hold any bytes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def assignment(name: str, value: object, comment: str = "") -> list[str]:
    """The lines of ``NAME = value``, folded where they are too long, with a comment.

    Args:
        name: of the constant.
        value: see :func:`literal`.
        comment: what it means; beside the value where there is room, else above.
    """
    line = f"{name} = {literal(value)}"
    if len(line) + len(comment) + 4 <= WIDTH:
        return [f"{line}  # {comment}" if comment else line]
    above = [f"# {comment}"] if comment else []
    return [*above, *([line] if len(line) <= WIDTH else _folded(name, value))]


def namespace(name: str, values: Mapping[str, object]) -> list[str]:
    """The lines of ``NAME = SimpleNamespace(...)``, one for each value or more.

    Args:
        name: of the constant.
        values: see :func:`literal`; a mapping is a namespace inside.
    """
    return _namespace(f"{name} = ", values, "", "")


def mapping(name: str, values: Mapping[str, Mapping[str, object]]) -> list[str]:
    """The lines of ``NAME = {...}``, a dict of namespaces.

    Args:
        name: of the constant.
        values: by key; see :func:`namespace`.
    """
    inside = (
        _namespace(f"    {literal(key)}: ", each, "    ", ",") for key, each in values.items()
    )
    return [f"{name} = {{", *chain.from_iterable(inside), "}"]


def _namespace(head: str, values: Mapping[str, object], indent: str, end: str) -> list[str]:
    """The lines of a namespace.

    Args:
        head: what stands before it, with its indent.
        values: see :func:`namespace`.
        indent: of the last line.
        end: what stands behind it.
    """
    if not values:
        return [f"{head}SimpleNamespace(){end}"]
    inner, lines = f"{indent}    ", [f"{head}SimpleNamespace("]
    for key, value in values.items():
        if isinstance(value, Mapping):
            lines += _namespace(f"{inner}{key}=", value, inner, ",")
            continue
        line = f"{inner}{key}={literal(value)},"
        if len(line) > WIDTH and isinstance(value, list):
            items = (f"{inner}    {literal(item)}," for item in value)
            lines += [f"{inner}{key}=[", *items, f"{inner}],"]
        else:
            lines.append(line)
    return [*lines, f"{indent}){end}"]


def _folded(name: str, value: object) -> list[str]:
    """An assignment of a list or path over several lines."""
    if isinstance(value, list):
        return [f"{name} = [", *(f"    {literal(item)}," for item in value), "]"]
    is_absolute = isinstance(value, Path) and value.is_absolute()
    opening = "Path(" if is_absolute else "Path(__file__).parent / ("
    return [f"{name} = {opening}", *_pieces(str(value)), ")"]


def _pieces(text: str) -> list[str]:
    """A long text as several short ones, which Python joins."""
    step = (WIDTH - 6) // 2  # an escape takes up to six characters, most take one or two
    return [f"    {literal(text[start : start + step])}" for start in range(0, len(text), step)]
