"""Plain values as sections, or one line about each mistake that a user can act on."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import zip_longest
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from hpsearch.errors import InputError
from hpsearch.fields import LIFTED, Section
from hpsearch.text import closest, show

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

MOST_PROBLEMS = 100
"""Problems that are explained; what else is meant by a key takes a moment to find."""

SectionT = TypeVar("SectionT", bound=Section)


def parse(model: type[SectionT], data: Mapping[str, Any], where: str) -> SectionT:
    """Validate ``data`` as ``model``.

    Args:
        model: the class to build.
        data: plain values, as a TOML, JSON or YAML reader gives them.
        where: what the values come from (a file name), for the message.

    Raises:
        InputError: one line for each problem, naming file, key and value and saying the cure.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found = error.errors()[:MOST_PROBLEMS]
        problems = [one for one in found if not _is_shadow(one, found)]
        lines = [f"{where}: {_explain(problem, model)}" for problem in problems]
        if more := error.error_count() - len(found):
            lines.append(f"{where}: has {more} more such problems")
        raise InputError("\n".join(dict.fromkeys(lines))) from None


def _is_shadow(problem: Any, problems: Sequence[Any]) -> bool:
    """Whether a list is too short only because some of its entries were wrong."""
    depth = len(problem["loc"])
    return problem["type"] == "too_short" and any(
        other["loc"][:depth] == problem["loc"] and len(other["loc"]) > depth for other in problems
    )


_TYPES = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a text in quotes",
    "tuple_type": "a list in square brackets",
    "model_type": "a table",
}
_SIZES = {
    "finite_number": "is not finite; write a finite number",
    "too_short": "is empty; write at least one entry",
    "string_too_short": "is empty; write a text",
    "string_unicode": "is not valid Unicode; write a text without lone surrogates",
    "recursion_loop": "contains itself; write it out",
}
_RANGES = {"int", "float", "categorical"}
_BOUNDS = {"ge": "of at least", "gt": "above", "le": "of at most", "lt": "below"}


def _explain(problem: Any, model: type[BaseModel]) -> str:
    """One pydantic problem as "key = value is wrong so; the cure"."""
    location: tuple[Any, ...] = problem["loc"]
    kind: str = problem["type"]
    # Tags of our unions are written <so>: they are not keys of the file, as an unknown key is.
    own = location[-1:] if kind == "extra_forbidden" else ()
    path = [
        part
        for part, after in zip_longest(location, location[1:])
        if (not str(part).startswith("<") or (part,) == own) and after != LIFTED
    ]
    key = _key(path)
    context: dict[str, Any] = problem.get("ctx", {})
    given = f"{key} = {show(problem['input'])}"
    if kind == "extra_forbidden":
        return f"{key}: unknown key; {_explain_unknown(path, location, model)}"
    if kind == "missing":
        return f"{key}: missing; add it"
    if kind == "value_error":
        # Our own checks: of one value "is not ...", of a table with the keys that do not fit.
        text = str(context["error"])
        return f"{given} {text}" if text.startswith("is ") else f"{key}: {text}".removeprefix(": ")
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", context["expected"])
        number = ", or a number" if "<text>" in location else ""
        advice = closest(str(problem["input"]), choices)
        return f"{given} is not one of the choices; {advice}{number}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _explain_tag(key, problem["input"], context, _kinds(model, location))
    if kind in _TYPES:
        table = _example(model, location) if kind == "model_type" else ""
        return f"{given} {_explain_type(kind, problem['input'], key, location, table)}"
    if kind in _SIZES:
        return f"{given} {_SIZES[kind]}"
    for bound, words in _BOUNDS.items():
        if bound in context:
            return f"{given} is out of range; write a value {words} {context[bound]}"
    return f"{given}: {problem['msg']}"


def _explain_unknown(path: list[Any], location: tuple[Any, ...], model: type[BaseModel]) -> str:
    """What may have been meant by an unknown key."""
    word = str(path[-1])
    if len(path) > 1 and word in model.model_fields:
        return (
            f"{word} does not belong in {_key(path[:-1])}; move it to the top, above the first"
            " [table]"
        )
    for node in _nodes(model, location[:-1]):
        if word in node.get("elsewhere", {}):
            return str(node["elsewhere"][word])
    if (inside := _deeper(word, location, model)) is not None:
        return f"{word} is a key of {_key([*path[:-1], *inside])}; move it there"
    return closest(word, _siblings(model, location))


def _deeper(word: str, location: tuple[Any, ...], model: type[BaseModel]) -> list[str] | None:
    """The one table, up to two deeper, that has a key; None: none has, or several."""
    schema = _schema(model)
    level: list[tuple[list[str], dict[str, Any]]] = [([], n) for n in _nodes(model, location[:-1])]
    found: list[list[str]] = []
    for _ in range(2):
        level = [
            ([*path, key], child)
            for path, node in level
            for key in _keys(node)
            for child in _children(schema, node, key)
            if _kind(child) not in _RANGES and LIFTED not in child
        ]
        # A choice, whose tables are one deeper, comes before a section of a fixed type.
        found = [path for path, child in level if word in _keys(child)] or found
    return found[0] if all(path == found[0] for path in found[1:]) and found else None


def _explain_type(
    kind: str, given: object, key: str, location: tuple[Any, ...], example: str
) -> str:  # fmt: skip
    """A value of the wrong type; where a table is wanted, ``example`` is one."""
    if isinstance(given, Mapping) and "type" in given:
        return f"is a range, but only a plain value fits here; write {_TYPES[kind]}"
    if isinstance(given, Mapping) and kind == "tuple_type":
        return f"is a single table, not a list of tables; write [[{key}]] with two brackets"
    off = "false or " if "<on>" in location else ""
    table = f": [{key}] or {example}" if kind == "model_type" else ""
    return f"has the wrong type; write {off}{_TYPES[kind]}{table}"


def _example(model: type[BaseModel], location: tuple[Any, ...]) -> str:
    """The table at a place with its defaults; { ... } where it has to be thought about."""
    tables = [keys for node in _nodes(model, location) if (keys := _keys(node))]
    defaults = {key: each.get("default") for key, each in tables[0].items()} if tables else {}
    if not defaults or any(isinstance(value, dict | None) for value in defaults.values()):
        return "{ ... }"
    return f"{{ {', '.join(f'{key} = {show(value)}' for key, value in defaults.items())} }}"


def _explain_tag(key: str, given: object, context: dict[str, Any], kinds: list[str]) -> str:
    """A table whose ``type`` is missing or unknown, or a value where only tables fit."""
    if isinstance(given, Mapping) and not kinds:
        return f"{key} = {show(given)} is a range, but only a plain value fits here"
    if isinstance(given, Mapping) and "type" in given:
        kind = given["type"]
        return f"{key}.type = {show(kind)} does not fit here; {closest(str(kind), kinds)}"
    if isinstance(given, Mapping):
        return f"{key}: the table has no type; add type = {' or '.join(map(show, kinds))}"
    if not kinds:
        return f"{key} = {show(given)} has the wrong type; write one plain value"
    plain = "one plain value or " if "<value>" in context.get("expected_tags", "") else ""
    kind = "categorical" if "categorical" in kinds and isinstance(given, list) else kinds[0]
    rest = f"choices = {show(given)}" if kind == "categorical" else "..."
    example = f"{{ type = {show(kind)}, {rest} }}"
    return f"{key} = {show(given)} has the wrong type; write {plain}a table such as {example}"


def _key(path: list[Any]) -> str:
    """("space", "units", "choices", 2) as space.units.choices[2]."""
    text = ""
    for part in path:
        word = part if _BARE_KEY.fullmatch(str(part)) else show(part)
        text += f"[{part}]" if isinstance(part, int) else f".{word}"
    return text.lstrip(".")


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a model, which takes a twentieth of a second to make."""
    return model.model_json_schema()


def _nodes(model: type[BaseModel], location: Sequence[Any]) -> list[dict[str, Any]]:
    """The JSON-schema nodes at the place of a problem."""
    schema = _schema(model)
    nodes = _branches(schema, schema)
    for part in location:
        nodes = [child for node in nodes for child in _children(schema, node, part)]
    return nodes


def _siblings(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """The keys that are known where an unknown one was found."""
    schema, known = _schema(model), set[str]()
    for node in _nodes(model, location[:-1]):
        known |= _keys(node).keys()
        for key in _keys(node):
            lifted = [one for one in _children(schema, node, key) if LIFTED in one]
            known |= {inner for one in lifted for inner in _keys(one) if inner != "type"}
    return sorted(known)


def _kinds(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """The values of ``type`` that the tables at a place may have."""
    nodes = _nodes(model, location)
    return [*dict.fromkeys(kind for node in nodes if (kind := _kind(node)) is not None)]


def _keys(node: dict[str, Any]) -> dict[str, Any]:
    keys: dict[str, Any] = node.get("properties", {})
    return keys


def _kind(node: dict[str, Any]) -> str | None:
    kind: str | None = _keys(node).get("type", {}).get("const")
    return kind


def _branches(schema: dict[str, Any], node: dict[str, Any]) -> list[dict[str, Any]]:
    """A JSON-schema node, or the members of its union, with references followed."""
    while "$ref" in node:
        node = dict(node)  # what stands beside a reference belongs to this place alone
        node = schema["$defs"][node.pop("$ref").rsplit("/", 1)[1]] | node
    members = [*node.get("anyOf", []), *node.get("oneOf", [])]
    return [b for member in members for b in _branches(schema, member)] or [node]


def _children(schema: dict[str, Any], node: dict[str, Any], part: Any) -> list[dict[str, Any]]:
    """The nodes below a node of :func:`_branches` under a key, an index or a union tag."""
    if isinstance(part, int):
        return _branches(schema, node["items"]) if "items" in node else []
    if not part.startswith("<"):
        below = _keys(node).get(part, node.get("additionalProperties"))
        return _branches(schema, below) if isinstance(below, dict) else []
    # A union is flat by now: its tag keeps the members of that type, or those without any.
    if LIFTED in (part, *node):
        return [node] if part == LIFTED and LIFTED in node else []
    kind = _kind(node)
    if part == "<fixed>":
        return [node] if kind is not None else []
    return [node] if kind in (None, part.strip("<>")) else []
