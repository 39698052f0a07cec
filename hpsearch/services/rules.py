"""What those may read and run who submit studies: files below one folder, and no code but there."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hpsearch.errors import InputError, UnreachableError
from hpsearch.services.upload import PREFIX, Asker, UnknownUploadError
from hpsearch.services.uploads import Uploads
from hpsearch.services.webhook_hosts import NOBODY, Receivers
from hpsearch.text import show


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What those may read and run who submit."""

    data_root: Path | None = None
    """The folder below which ``dataset.path`` must lie, and to which it is relative; None: no paths
    may be given."""
    allow_code: bool = False
    """Whether networks of one's own may be given: Python that then runs as this user."""
    uploads: Uploads | None = None
    """What ``dataset.path = "upload:NAME"`` names; None: nothing is uploaded."""
    receivers: Receivers = NOBODY
    """Who may be told of a study's end by a webhook."""


def place_data(table: Mapping[str, Any], rules: Rules, where: str, asker: Asker) -> None:
    """Have the path of the data be that of an upload, or one below the folder of data, in place.

    Args:
        table: the study file.
        rules: what may be read.
        where: what messages call the file.
        asker: who submits it.

    Raises:
        InputError: it is outside, there is nothing, or no path may be given.
    """
    dataset = table.get("dataset")
    if not isinstance(dataset, dict) or not isinstance(dataset.get("path"), str):
        return
    path, given = dataset["path"], f"{where}: dataset.path = {show(dataset['path'])}"
    if rules.uploads is not None and path.startswith(PREFIX):
        try:
            dataset["path"] = str(rules.uploads.named(path, asker))
        except UnknownUploadError as error:
            raise InputError(f"{given}: {error}") from None
        return
    found = _below(path, rules.data_root, given)
    if rules.uploads is not None and found.is_relative_to(rules.uploads.root):
        raise _outside(given)
    dataset["path"] = str(found)


def called(path: str, rules: Rules, user: str) -> str:
    """What a study file calls data, by their absolute path: the opposite of :func:`place_data`.

    Args:
        path: as a study keeps it.
        rules: what may be read.
        user: whose study it is.
    """
    upload = None if rules.uploads is None else rules.uploads.called(path, user)
    if upload is not None or rules.data_root is None:
        return upload or path
    root = rules.data_root.resolve()
    return str(Path(path).relative_to(root)) if Path(path).is_relative_to(root) else path


@contextmanager
def reading(rules: Rules, path: str | None, user: str) -> Iterator[Callable[[str], str]]:
    """Have data that were uploaded stay, and errors call them as users do.

    Args:
        rules: with the uploads.
        path: of the data of a study that is made, or looked at.
        user: whose study it is.

    Returns:
        What has any message call them so.

    Raises:
        UnknownUploadError: they have just gone.
    """
    uploads = rules.uploads
    if uploads is None:
        yield str
        return
    tell = partial(uploads.told, user=user)
    try:
        with uploads.reading(path):
            yield tell
    except (InputError, UnreachableError) as error:
        if tell(str(error)) == str(error):
            raise
        raise type(error)(tell(str(error))) from None


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
            f"{given}: this service reads no files of its own (it was started without --data-root);"
            ' upload the data and give path = "upload:NAME", or use a built-in source'
        )
    folder = root.resolve()
    try:
        found = Path(os.path.realpath(folder / path))
    except (OSError, ValueError):  # a null byte, or links that lead in a circle
        found = Path("/")
    if not found.is_relative_to(folder):
        raise _outside(given)
    if not found.exists():
        raise InputError(
            f"{given}: does not exist in the folder that this service reads; correct it"
        )
    return found


def _outside(given: str) -> InputError:
    return InputError(
        f"{given}: is outside of the folder that this service reads; give a path relative to that"
        " folder (--data-root)"
    )
