"""What a trial leaves to be looked at, named as optuna-dashboard lists artifacts.

A trial only lists what there is; the dashboard makes each file when it is asked for, from the
trial's folder and the database. So they cost a trial nothing, and no disk.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from hpsearch.home import CURVES, CURVES_FIGURE, RECIPE
from hpsearch.search.attributes import ARTIFACT_PREFIX

KINDS = {CURVES_FIGURE: "image/png", CURVES: "text/csv", RECIPE: "application/toml"}
"""The files by name, with their media types."""

_MADE_BY_OPTUNA = re.compile(r"[0-9a-f-]{36}")

OF_COMPLETE = (CURVES_FIGURE, CURVES, RECIPE)
"""What a complete trial has."""

OF_OTHERS = (CURVES_FIGURE, CURVES)
"""What a trial has that was pruned or failed after an epoch or more."""


def listed(names: Sequence[str]) -> dict[str, str]:
    """The trial's system attributes that list some of the files, as ``optuna.artifacts`` has them.

    Each is its own identifier. (Optuna's own are of hexadecimal digits, so that the two never
    meet.)
    """
    return {
        f"{ARTIFACT_PREFIX}{name}": json.dumps(
            {"artifact_id": name, "filename": name, "mimetype": KINDS[name], "encoding": None}
        )
        for name in names
    }


def attached(attrs: Mapping[str, Any]) -> list[str]:
    """The identifiers of what users attached to a study or trials, from their system attributes.

    Only such as Optuna makes: anybody may have written there, and each becomes a file's name.
    """
    values = (value for key, value in attrs.items() if key.startswith(ARTIFACT_PREFIX))
    return [name for name in map(_identifier, values) if is_attachment(name)]


def _identifier(value: Any) -> str:
    """What a listed file is called in the store; nothing where it is not listed as Optuna does."""
    try:
        return str(json.loads(value)["artifact_id"])
    except (TypeError, ValueError, LookupError, RecursionError):
        return ""


def is_attachment(name: str) -> bool:
    """Whether a name is an identifier as Optuna makes them."""
    return _MADE_BY_OPTUNA.fullmatch(name) is not None
