"""Data as somebody names them: a public set, a file or a folder; what they are, and how many."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch.data.sources import SOURCES, source_class, source_classes
from hpsearch.data.sources.source import Look
from hpsearch.errors import InputError, UnreachableError
from hpsearch.text import closest, listed

TABLE = "table"
"""The only source with a column to predict."""
_OTHERS = {
    (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"): "packed; unpack it, and name"
    " the folder or file that comes out",
    (".xlsx", ".xls", ".ods"): "a spreadsheet; save it as CSV, and name that",
}
"""What data may end with that no source reads, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Named:
    """What data are, and where they lie."""

    source: str
    path: str | None = None
    """Where it leads from the working folder, or from the root; None: a public data set."""
    target: str | None = None
    """Of a table: the column to predict."""
    look: Look | None = None
    """What is known of them before they are read."""

    def table(self) -> dict[str, Any]:
        """As ``[dataset]`` has it."""
        keys = {"source": self.source, "path": self.path, "target": self.target}
        return {key: value for key, value in keys.items() if value is not None}


def without_place(dataset: Any) -> dict[str, Any]:
    """``[dataset]``, if it is a table, without the keys of :class:`Named`."""
    given = dataset if isinstance(dataset, Mapping) else {}
    return {key: one for key, one in given.items() if key not in ("source", "path", "target")}


@dataclass(frozen=True, kw_only=True)
class Spelling:
    """How one who names data spells what messages speak of."""

    data: str
    """The data: "houses.csv"."""
    target: str
    """The target, where there is one: "--target price"."""
    ask_target: str
    """What to add for a target: "--target COLUMN"."""
    ask_source: str
    """What to write for data of which the name does not say what they are."""
    or_else: str = ""
    """What else may have been meant, where nothing is there."""


def place(data: str, spelling: Spelling) -> tuple[str, Path | None]:
    """The source that data are of, and where they lie; None: they are a public set.

    Args:
        data: the name of a public set, or a path.
        spelling: for messages.

    Raises:
        InputError: nothing is there, or nobody knows what it is.
        UnreachableError: it may not be looked at.
    """
    if data in public_sets():
        return data, None
    path = expanded(Path(data))
    if not data.strip():
        raise InputError(f"{spelling.data}: is empty; name a file, a folder or a public data set")
    try:
        path.stat()
    except PermissionError:
        raise UnreachableError(f"{spelling.data}: cannot be read; check its permissions") from None
    except (OSError, ValueError):  # ValueError: a zero byte
        is_path = path.suffix or os.sep in data
        public = f", and no public data set; {closest(data, public_sets())}"
        raise InputError(
            f"{spelling.data}: no such file or folder{'; check the path' if is_path else public}"
            f"{spelling.or_else}"
        ) from None
    found = looks_like(path)
    if found is None:
        if cure := next(
            (one for ends, one in _OTHERS.items() if data.lower().endswith(ends)), None
        ):
            raise InputError(f"{spelling.data}: is {cure}")
        looks = ", nor ".join(sorted(one.looks for one in source_classes() if one.looks))
        raise InputError(f"{spelling.data}: is neither {looks}; {spelling.ask_source}")
    return found, path


def expanded(path: Path) -> Path:
    """A path without the sign of somebody's own folder; "~nobody" stays as it is."""
    return Path(os.path.expanduser(path))  # noqa: PTH111


def looks_like(path: Path) -> str | None:
    """The source that what is at a path is most likely of.

    Args:
        path: a file or folder.
    """
    there = expanded(path)
    return next((one.name for one in source_classes() if one.looks_like(there)), None)


def public_sets() -> list[str]:
    """The names of the sources that need no path."""
    return [name for name in SOURCES if not source_class(name).needs_path()]


def named(source: str, path: Path | None, target: str | None, spelling: Spelling) -> Named:
    """Data of a source, looked at.

    Args:
        source: one of the sources.
        path: where they lie; None: a public set.
        target: of a table the column to predict.
        spelling: for messages.

    Raises:
        InputError: a table without a target, a target that is none of its columns, or one of what
            is no table; data that are wrong in themselves.
        UnreachableError: a file that cannot be read.
    """
    if source != TABLE:
        refuse_target(target, f"{source} data have none", spelling)
    look = None if path is None else source_class(source).look(path)
    if source == TABLE and look is not None:
        _check_target(target, look, spelling)
    return Named(source=source, path=None if path is None else str(path), target=target, look=look)


def refuse_target(target: str | None, why: str, spelling: Spelling) -> None:
    """Refuse a column to predict of what is no table.

    Args:
        target: the column; None: there is none to refuse.
        why: the end of the sentence.
        spelling: for messages.

    Raises:
        InputError: there is one.
    """
    if target is not None:
        raise InputError(
            f"{spelling.target}: is a table's column to predict, and {why}; leave it out"
        )


def _check_target(target: str | None, look: Look, spelling: Spelling) -> None:
    names = list(look.columns)
    if target is None:
        raise InputError(
            f"{spelling.data}: is a table; name the column to predict: {spelling.ask_target}, one"
            f" of {listed(names)}"
        )
    if target not in names:
        told = "; ".join([closest(target, names), *look.notes])
        raise InputError(f"{spelling.target}: {spelling.data} has no such column; {told}")
