"""Functions of one's own on their way to the workers: by their file, else pickled into the home."""

import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hpsearch.api.given import Keeping
from hpsearch.errors import InputError
from hpsearch.networks import pickled

Function = Callable[..., Any]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""What ``[space.network.python]`` takes for a function's name."""


def handed_over(functions: Mapping[str, Function], keeping: Keeping) -> dict[str, str]:
    """The keys of ``[space.network.python]`` that name some functions.

    Those of one module travel as its file and their names. All others, of a notebook, a script or
    a package, in a function or a class, are pickled.

    Args:
        functions: by the key that names each: ``{"function": build}``.
        keeping: keeps what is pickled.

    Returns:
        ``file``, and each key with the function's name there.

    Raises:
        InputError: what is no function, or uses what cannot be pickled.
        UnreachableError: the home cannot be written.
    """
    for key, one in functions.items():
        if not callable(one):
            raise InputError(
                f"{'model' if key == 'function' else key}: {one!r} is no function; give"
                " build(config, data), which gives a Keras model, or the path of its Python file"
            )
    files = {_file(one) for one in functions.values()}
    names = {key: _name(one, key) for key, one in functions.items()}
    if len(files) == 1 and (file := files.pop()) is not None:
        return {"file": str(file), **names}
    content = pickled.dumped({names[key]: one for key, one in functions.items()})
    path = keeping.keep_bytes(f"{names['function']}{pickled.SUFFIX}", content)
    return {"file": str(path), **names}


def of_file(given: "str | os.PathLike[str]") -> dict[str, str]:
    """The same of the path of a Python file, with a function's name behind a colon or "build"."""
    name, _, function = os.fspath(given).partition(":")
    return {"file": str(Path(name).expanduser().absolute()), "function": function or "build"}


def _file(function: Function) -> Path | None:
    """The Python file whose import gives a function by its name; None: there is none."""
    module = sys.modules.get(str(getattr(function, "__module__", None)))
    name = getattr(function, "__name__", "")
    file = getattr(module, "__file__", None)
    if module is None or module.__name__ == "__main__" or file is None:
        return None
    if "." in module.__name__:  # its file alone imports nothing of its package
        return None
    path = Path(file)
    is_there = getattr(module, name, None) is function and path.suffix == ".py" and path.is_file()
    return path.absolute() if is_there and _NAME.fullmatch(name) else None


def _name(function: Function, key: str) -> str:
    """What a function is called in a file."""
    name = str(getattr(function, "__name__", ""))
    return name if _NAME.fullmatch(name) else "build" if key == "function" else key
