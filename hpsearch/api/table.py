"""The study file that a call of ``hpsearch.search`` stands for, as a table."""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from hpsearch.api.data import Data
from hpsearch.api.plain import plain
from hpsearch.config import TrialConfig
from hpsearch.errors import InputError
from hpsearch.networks import locate
from hpsearch.networks.python import FIELDS
from hpsearch.study_file import SAME_SEARCH, StudyFile
from hpsearch.text import closest

HERE = Path("search()")
"""Stands for the file's name in messages; paths are relative to the working folder."""


def template(data: Data, *, is_preset: bool) -> dict[str, Any]:
    """The study file that ``hpsearch init`` writes for some data, without a name.

    Args:
        data: the data.
        is_preset: whether its space is that of the preset.
    """
    from hpsearch.services.template import study_text  # noqa: PLC0415  # few calls need it

    written = study_text("name", data.source, data.path, target=data.target, look=data.look)
    table = tomllib.loads(written)
    del table["name"]
    if not is_preset:
        del table["preset"]
    table["dataset"] |= data.table()
    return table


def own_space(space: Mapping[str, Any], functions: Mapping[str, str]) -> dict[str, Any]:
    """``[space]`` with a model of one's own.

    Names of a configuration's own fields (batch_size, lr_schedule, optimizer ...) are those; all
    others are settings of the model.

    Args:
        space: fields, each a plain value or a range.
        functions: the keys that name the model's functions.

    Raises:
        InputError: a setting of the model has the name of one of these keys, or there is a network.
    """
    if "network" in space:
        raise InputError(
            "space.network: the network is the model that was given; name its settings in space"
            " itself, or leave the model out"
        )
    if taken := [key for key in FIELDS if key in space]:
        raise InputError(f"space.{taken[0]}: is not free for a setting of your own; rename it")
    ours = {key: one for key, one in space.items() if key in TrialConfig.model_fields}
    own = {key: one for key, one in space.items() if key not in ours}
    return {**ours, "network": {"python": {**functions, **own}}}


def own_parts(table: Mapping[str, Any], functions: Mapping[str, str]) -> dict[str, Any]:
    """Configurations that are tried first, or compared with, as those of a model of one's own.

    In them, too, names of a configuration's own fields are those, and all others the model's; one
    that has a table ``network`` stays as it is.

    Args:
        table: the study's.
        functions: the keys that name the model's functions.

    Returns:
        ``enqueue``, ``portfolio`` and ``baseline``, as far as the study has them.
    """

    def own_part(part: Any, named: Mapping[str, str]) -> Any:
        if not isinstance(part, Mapping) or "network" in part:
            return part
        ours = {key: one for key, one in part.items() if key in TrialConfig.model_fields}
        own = {key: one for key, one in part.items() if key not in ours}
        return {**ours, "network": {"type": "python", **named, **own}}

    lists = {key: table[key] for key in ("enqueue", "portfolio") if key in table}
    found: dict[str, Any] = {
        key: [own_part(part, {}) for part in parts] if isinstance(parts, list) else parts
        for key, parts in lists.items()
    }
    if "baseline" in table:
        found["baseline"] = own_part(table["baseline"], functions)
    return found


def laid_over(
    table: Mapping[str, Any], sections: Mapping[str, Any], others: Sequence[str] = ()
) -> dict[str, Any]:
    """A study's table with other keys in place of its own; tables are merged key by key.

    A table that says what it is (``type``) is taken as a whole.

    Args:
        table: the study's.
        sections: keys of a study file, with values of Python.
        others: what may be given beside them, for messages.

    Raises:
        InputError: an unknown key, or a value that no study file can have.
    """
    known = [*StudyFile.model_fields]
    for key in sections:
        if key not in known:
            names = sorted({*known, *others})
            raise InputError(f"{HERE}: unknown argument {key}; {closest(key, names)}")
    given = {key: plain(one, key) for key, one in sections.items() if one is not None}
    return _merged(table, given)


def _merged(table: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(table)
    for key, one in given.items():
        before = found.get(key)
        is_whole = not isinstance(before, Mapping) or not isinstance(one, Mapping) or "type" in one
        found[key] = one if is_whole else _merged(before, one)  # type: ignore[arg-type]  # a table
    return found


def named(table: Mapping[str, Any], word: str) -> str:
    """A study's name that follows from what is searched: another search has another one.

    Args:
        table: the study's, without a name.
        word: the name's beginning.
    """
    searched = {key: deepcopy(table[key]) for key in (*SAME_SEARCH, "preset") if key in table}
    locate(searched, Path(), str(HERE))  # which finds out what a network's file holds
    _without_folders(searched)
    content = hashlib.sha256(json.dumps(searched, sort_keys=True, default=str).encode()).hexdigest()
    begun = re.sub(r"[^A-Za-z0-9._-]+", "-", word).strip("-._") or "search"
    return f"{begun[:80]}-{content[:8]}"


def _without_folders(table: dict[str, Any]) -> None:
    """Leave the name of each path; what was handed over is in a folder that is its content's."""
    for key, one in table.items():
        if isinstance(one, dict):
            _without_folders(one)
        elif key in ("path", "file") and isinstance(one, str):
            table[key] = "/".join(Path(one).parts[-2:])
