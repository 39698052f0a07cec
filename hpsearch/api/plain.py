"""Values of Python as a study file has them: numbers, texts, True and False, lists, tables."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from hpsearch.errors import InputError


def plain(value: Any, where: str) -> Any:
    """A value as a reader of TOML would give it; ranges become tables, None in a table nothing.

    Args:
        value: numbers (NumPy's, too), texts, paths, ranges (with ``table()``), lists and mappings.
        where: what the value is of, for the message.

    Raises:
        InputError: anything else.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        given = {_key(key, where): one for key, one in value.items() if one is not None}
        return {key: plain(one, f"{where}.{key}") for key, one in given.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, (list, tuple, range)):
        return [plain(one, where) for one in value]
    if callable(made := getattr(value, "table", None)) and not isinstance(value, type):
        return made()
    raise InputError(
        f"{where}: {_short(value)} is no number, text, True or False, list or table of such; give"
        " its name as a text, and look it up where it is used"
    )


def _key(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise InputError(f"{where}: the key {_short(key)} is no text; write it in quotes")
    return key


def _short(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:60]}..."
