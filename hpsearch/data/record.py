"""The record of a home: what accessed a test split, when, for which recipe and with what result.

One line of JSON for each access, written before the split is opened, and one more with the result
when there is one. Lines are added and never changed, and the file outlives data sets and studies.
"""

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RECORD_FILE = "test_opened.jsonl"
"""Beside the data sets."""

_KINDS = {"recipe": dict, "result": dict, "seeds": list}
"""The fields of a test access that JSON has not as texts."""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _new_key() -> str:
    return uuid.uuid4().hex[:16]


@dataclass(frozen=True, kw_only=True)
class Access:
    """One access to a test split: all models that it judged are of one configuration."""

    opened_by: str
    """What asked for it: "evaluate my-study", "train recipe.toml --test"."""
    study: str | None = None
    """The study that the recipe is of."""
    of: str | None = None
    """The number of its trial, "baseline", or "ensemble"."""
    recipe: Mapping[str, Any] | None = None
    """The recipe, without its provenance; of several seeds the first one's."""
    seeds: tuple[int, ...] = ()
    """Of the models that are judged."""
    date: str = field(default_factory=_now)
    """As ISO 8601 in UTC."""
    key: str = field(default_factory=_new_key)
    """Names it: 16 hexadecimal digits."""
    source: str | None = None
    """Of the data set; with the next two it is set when the split is opened."""
    path: str | None = None
    fingerprint: str | None = None
    """Of the whole data set; see :class:`hpsearch.data.dataset.Dataset`."""
    result: Mapping[str, Any] | None = None
    """What came of it: ``accuracy`` and ``f1_macro``, of a regression ``rmse`` and ``r2``; one for
    each seed. None: nothing did."""


def write_access(folder: Path, access: Access) -> None:
    """Add a test access to the record in a folder.

    Raises:
        OSError: a full disk, no permission and the like.
    """
    line = {key: value for key, value in asdict(access).items() if value not in (None, ())}
    _add(folder, line)


def write_result(folder: Path, access: Access, result: Mapping[str, Any]) -> None:
    """Add to the record what came of a test access.

    Raises:
        OSError: a full disk, no permission and the like.
    """
    _add(folder, {"key": access.key, "result": dict(result)})


def _add(folder: Path, line: Mapping[str, Any]) -> None:
    with (folder / RECORD_FILE).open("a", encoding="utf-8") as record:
        record.write(json.dumps(line) + "\n")  # one write, which others cannot come between


def read_accesses(folder: Path) -> list[Access]:
    """The accesses in a folder's record, in order; none where there is no record.

    A line that a full disk has cut off still counts where it can be read, and is passed over where
    it cannot.

    Raises:
        OSError: the record cannot be read.
    """
    try:
        text = (folder / RECORD_FILE).read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return []
    found: dict[str, Access] = {}
    for number, line in enumerate(_objects(text)):
        if line.keys() == {"key", "result"}:
            if line["key"] in found:
                told = asdict(found[line["key"]]) | {"result": line["result"]}
                found[line["key"]] = Access(**told)
            continue
        access = from_plain({"key": f"line {number}", **line})  # earlier versions wrote no key
        if access is not None:
            found[access.key] = access
    return list(found.values())


def from_plain(line: Mapping[str, Any]) -> Access | None:
    """A test access from a plain object; None where it is none.

    Keys that are unknown, or have other contents than those that are written, are passed over: it
    was opened all the same.
    """
    names = [each.name for each in fields(Access)]
    known = {key: line[key] for key in names if isinstance(line.get(key), _KINDS.get(key, str))}
    if not {"opened_by", "date"} <= known.keys():
        return None
    seeds = known.pop("seeds", [])
    whole = all(isinstance(seed, int) for seed in seeds)
    return Access(**known, seeds=tuple(seeds) if whole else ())


def _objects(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value
