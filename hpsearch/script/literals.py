"""Literals: values as Python source that reads well and keeps to the length of a line."""

import json
from pathlib import Path

WIDTH = 100
"""Characters of a line."""


def literal(value: object) -> str:
    """A number, text, list, table or path as source: texts in double quotes, all digits of numbers.

    Args:
        value: what to write; lists hold numbers or texts.
    """
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Path):
        return f"Path({literal(str(value))})"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{literal(key)}: {literal(value[key])}' for key in value)}}}"
    return repr(value)


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


def _folded(name: str, value: object) -> list[str]:
    """An assignment over several lines."""
    if isinstance(value, dict):
        lines = [line for key in value for line in _item(f"{literal(key)}: ", value[key], 4)]
        return [f"{name} = {{", *lines, "}"]
    if isinstance(value, list):
        return [f"{name} = [", *(line for item in value for line in _item("", item, 4)), "]"]
    opening = "Path(" if isinstance(value, Path) else "("
    return [f"{name} = {opening}", *_pieces(str(value), 4), ")"]


def _item(before: str, item: object, indent: int) -> list[str]:
    """A line of a list or table; of several lines where it is too long."""
    space = " " * indent
    line = f"{space}{before}{literal(item)},"
    if len(line) <= WIDTH:
        return [line]
    if isinstance(item, list):
        lines = [each for one in item for each in _item("", one, indent + 4)]
        return [f"{space}{before}[", *lines, f"{space}],"]
    return [f"{space}{before}(", *_pieces(str(item), indent + 4), f"{space}),"]


def _pieces(text: str, indent: int) -> list[str]:
    """A long text as several short ones, which Python joins."""
    step = (WIDTH - indent - 2) // 2  # an escape takes up to six characters, most take one or two
    pieces = (text[start : start + step] for start in range(0, len(text), step))
    return [" " * indent + literal(piece) for piece in pieces]
