"""What those may read and run who submit studies: files below one folder, and no code but there."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch.errors import InputError
from hpsearch.services.receivers import NOBODY, Receivers
from hpsearch.text import show


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What those may read and run who submit."""

    data_root: Path | None = None
    """The folder below which ``dataset.path`` must lie, and to which it is relative; None: no paths
    may be given."""
    allow_code: bool = False
    """Whether networks of one's own may be given: Python that then runs as this user."""
    receivers: Receivers = NOBODY
    """Who may be told of a study's end by a webhook."""


def place_data(table: Mapping[str, Any], rules: Rules, where: str) -> None:
    """Have the path of the data be one below the folder of data, in place.

    Raises:
        InputError: it is outside, there is nothing, or no path may be given.
    """
    dataset = table.get("dataset")
    if isinstance(dataset, dict) and isinstance(dataset.get("path"), str):
        given = f"{where}: dataset.path = {show(dataset['path'])}"
        dataset["path"] = str(_below(dataset["path"], rules.data_root, given))


def place_code(table: Mapping[str, Any], rules: Rules, where: str) -> None:
    """Have files of own networks lie below the folder of data, where there may be any, in place.

    Raises:
        InputError: code is given, and may not be; or its file is elsewhere.
    """
    for network in _own_networks(table):
        if not rules.allow_code:
            raise InputError(
                f"{where}: names Python code of its own (network python), which this service does"
                " not run; search on your own machine (hpsearch run), or ask for --allow-code"
            )
        if isinstance(network.get("file"), str):
            given = f"{where}: file = {show(network['file'])}"
            network["file"] = str(_below(network["file"], rules.data_root, given))


def _own_networks(value: object) -> Iterator[dict[str, Any]]:
    """Every table of a network that is made by code, wherever it stands in a study file."""
    if isinstance(value, list):
        for one in value:
            yield from _own_networks(one)
    if not isinstance(value, dict):
        return
    for key, one in value.items():
        if key == "network":
            yield from _python(one)
        yield from _own_networks(one)


def _python(network: object) -> Iterator[dict[str, Any]]:
    """The table of a network if it is made by code; also where it is one of several."""
    if not isinstance(network, dict):
        return
    if network.get("type") == "python":
        yield network
    if "python" in network:
        own = network["python"]
        yield own if isinstance(own, dict) else {}


def _below(path: str, root: Path | None, given: str) -> Path:
    """A path below the folder of data, all links followed.

    Args:
        path: as it was given, relative to the folder.
        root: the folder.
        given: where it was given, for the message.

    Raises:
        InputError: it is outside, there is nothing, or no path may be given.
    """
    if root is None:
        raise InputError(
            f"{given}: this service reads no files (it was started without --data-root); use a"
            " built-in source"
        )
    folder = root.resolve()
    try:
        found = Path(os.path.realpath(folder / path))
    except (OSError, ValueError):  # a null byte, or links that lead in a circle
        found = Path("/")
    if not found.is_relative_to(folder):
        raise InputError(
            f"{given}: is outside of the folder that this service reads; give a path relative to"
            " that folder (--data-root)"
        )
    if not found.exists():
        raise InputError(
            f"{given}: does not exist in the folder that this service reads; correct it"
        )
    return found
