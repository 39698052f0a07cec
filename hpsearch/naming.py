"""What users of a service call data and code, in place of where these lie on its machine.

Names are by absolute paths. That of a folder is put before what is below it; "" is a folder to
which what is below it is relative.
"""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, cast

from pydantic import BaseModel

from hpsearch.environment import NAMES_VARIABLE
from hpsearch.errors import HpsearchError
from hpsearch.text import show

PLACES = ("path", "file")
"""Keys of a study file that name where something lies."""

NONE: Mapping[str, str] = MappingProxyType({})
"""Without a service all is called by its path."""

_BEFORE, _BEHIND = r"(?<![\w./:~%@+-])", r"(?=/|\.?(?![\w.~%@+-]))"
"""Where a path begins and ends in a text: it is no part of another one, nor of an address."""

_Value = TypeVar("_Value")


def given() -> dict[str, str]:
    """The names that the service has given this process; none where none has started it."""
    found: dict[str, str] = json.loads(os.environ.get(NAMES_VARIABLE, "{}"))
    return found


def places(value: Any) -> Iterator[str]:
    """The absolute paths in the plain table of a study file."""
    if isinstance(value, list):
        for one in value:
            yield from places(one)
    if isinstance(value, Mapping):
        for key, one in value.items():
            if key in PLACES and isinstance(one, str) and Path(one).is_absolute():
                yield one
            yield from places(one)


def named(value: _Value, names: Mapping[str, str]) -> _Value:
    """A study file, a recipe, or a part or plain table of one, with names for data and code."""
    return cast("_Value", _named(value, names, is_place=False))


def _named(value: Any, names: Mapping[str, str], *, is_place: bool) -> Any:
    """The same of any value in one, and whether that is a place."""
    if isinstance(value, BaseModel):
        before = {key: getattr(value, key) for key in type(value).model_fields}
        after = _named(before, names, is_place=False)
        changes = {key: one for key, one in after.items() if one != before[key]}
        return value.model_copy(update=changes) if changes else value
    if isinstance(value, tuple | list):
        return type(value)(_named(one, names, is_place=False) for one in value)
    if isinstance(value, Mapping):
        return {key: _named(one, names, is_place=key in PLACES) for key, one in value.items()}
    return names.get(value, value) if is_place and isinstance(value, str) else value


def tell(text: str, names: Mapping[str, str]) -> str:
    """A message that has names in place of paths, and of what begins paths."""
    return _teller(names)(text)


def _teller(names: Mapping[str, str]) -> Callable[[str], str]:
    """Has any message say names."""
    known = {show(path)[1:-1]: name for path, name in names.items()} | dict(names)
    longest_first = sorted(known, key=len, reverse=True)
    paths = "|".join(re.escape(path) for path in longest_first)
    pattern = re.compile(rf"{_BEFORE}({paths}){_BEHIND}(/?)") if known else None

    def name(found: re.Match[str]) -> str:
        called, below = known[found[1]], found[2]
        return called + below if called else "" if below else "."

    return lambda text: text if pattern is None else pattern.sub(name, text)


def told(value: Any, names: Mapping[str, str]) -> Any:
    """JSON, or a message, that has names in place of paths.

    A ``path`` or ``file`` without a name becomes its last part.
    """
    return _told(value, _teller(names))


def _told(value: Any, say: Callable[[str], str]) -> Any:
    """The same, of all that is in it."""
    if isinstance(value, str):
        return say(value)
    if isinstance(value, list | tuple):
        return [_told(one, say) for one in value]
    if not isinstance(value, Mapping):
        return value
    found = {key: _told(one, say) for key, one in value.items()}
    at = {key: found[key] for key in PLACES if isinstance(found.get(key), str)}
    return found | {key: Path(one).name for key, one in at.items() if Path(one).is_absolute()}


@contextmanager
def telling(names: Mapping[str, str]) -> Iterator[None]:
    """Have errors say names in place of paths."""
    try:
        yield
    except HpsearchError as error:
        if (message := tell(str(error), names)) == str(error):
            raise
        raise type(error)(message) from None
