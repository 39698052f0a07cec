"""Files that a user's Python file imports from its own folder, found without running it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from hpsearch.errors import UnreachableError

Parts = tuple[str, ...]
"""A module's name below the folder: ("inner", "blocks")."""


def imported(path: Path, content: bytes) -> dict[Path, bytes]:
    """The Python files below a file's folder that it imports, by import statements, or that these
    import, with what they have; sorted.

    Args:
        path: the file.
        content: what it has; of what is no Python there are none.

    Raises:
        UnreachableError: one of them cannot be read.
    """
    folder, found = path.parent, dict[Path, bytes]()
    waiting = [(content, Parts())]
    while waiting:
        text, package = waiting.pop()
        for name in _names(text, package):
            for file, inside in _files(folder, name):
                if file != path and file not in found:
                    found[file] = _read(file)
                    waiting.append((found[file], inside))
    return dict(sorted(found.items()))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UnreachableError(f"{file}: cannot be read: {error.strerror}") from None


def _names(content: bytes, package: Parts) -> Iterator[Parts]:
    """The names of modules that a file may import.

    Args:
        content: of the file.
        package: that it is in.
    """
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (*alias.name.split("."),)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            inside = (*above, *(node.module or "").split(".")) if node.module else above
            yield inside
            for alias in node.names:  # which may be modules
                yield (*inside, alias.name)


def _files(folder: Path, name: Parts) -> Iterator[tuple[Path, Parts]]:
    """The files of a module and of the packages that it is in, each with its own package."""
    for length in range(1, len(name) + 1):
        place = folder.joinpath(*name[:length])
        if (package := place / "__init__.py").is_file():
            yield package, name[:length]
        elif (module := place.with_name(f"{place.name}.py")).is_file():
            yield module, name[: length - 1]
