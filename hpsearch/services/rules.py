"""What those may read and run who submit studies: files below one folder, and no code but there."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch.data.images.layout import DEPTH
from hpsearch.errors import InputError, UnreachableError
from hpsearch.naming import places, tell
from hpsearch.searchable import kind_of
from hpsearch.services.upload import PREFIX, Asker, UnknownUploadError
from hpsearch.services.uploads import Uploads
from hpsearch.services.webhook_hosts import NOBODY, Receivers
from hpsearch.space import kinds
from hpsearch.study_file import StudyFile
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
    root, found = _below(path, rules.data_root, given)
    ours = _ours(rules, root)
    if any(found.is_relative_to(one) or one.is_relative_to(found) for one in ours):
        raise _outside(given)
    if link := _leading_out(found, root, ours):
        raise InputError(
            f"{given}: has a link that leads out of the folder that this service reads"
            f" ({show(link.name)}); put the data themselves there"
        )
    dataset["path"] = str(found)


def called(path: str, rules: Rules, user: str) -> str:
    """What a study file calls data or code, by the absolute path: the opposite of
    :func:`place_data`.

    What lies neither among the uploads nor below the folder of data, as of studies that were not
    submitted, is called by the last part of its path.

    Args:
        path: as a study keeps it.
        rules: what may be read.
        user: whose study it is.
    """
    upload = None if rules.uploads is None else rules.uploads.called(path, user)
    if upload is not None:
        return upload
    root = None if rules.data_root is None else rules.data_root.resolve()
    is_below = root is not None and Path(path).is_relative_to(root)
    return str(Path(path).relative_to(root)) if root is not None and is_below else Path(path).name


def names(file: StudyFile | None, rules: Rules, user: str) -> dict[str, str]:
    """What users call what lies on this machine, by its paths; see :mod:`hpsearch.naming`.

    Args:
        file: of the study that it is about; None: of none.
        rules: what may be read.
        user: whose study it is.
    """
    found = {} if rules.uploads is None else _names_of(rules.uploads.home.root, "HOME")
    found |= {} if rules.data_root is None else _names_of(rules.data_root, "")
    paths = [] if file is None else [*places(file.model_dump(mode="json"))]
    return found | {path: called(path, rules, user) for path in paths}


def _names_of(folder: Path, name: str) -> dict[str, str]:
    """The name of a folder, however it is reached; but that of all files begins none."""
    paths = (str(folder.absolute()), os.path.realpath(folder))
    return {path: name for path in paths if path != "/"}


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
    uploads, known = rules.uploads, names(None, rules, user)

    def told(text: str) -> str:
        return tell(text if uploads is None else uploads.told(text, user), known)

    try:
        with nullcontext() if uploads is None else uploads.reading(path):
            yield told
    except (InputError, UnreachableError) as error:
        if told(str(error)) == str(error):
            raise
        raise type(error)(told(str(error))) from None


def refuse_tracking(table: Mapping[str, Any], where: str) -> None:
    """Refuse that a study names an MLflow, which others would write to as this user.

    Raises:
        InputError: it does.
    """
    training = table.get("training")
    if isinstance(training, dict) and training.get("mlflow") is not None:
        raise InputError(
            f"{where}: training.mlflow = {show(training['mlflow'])}: this service tells MLflow"
            " nothing; leave it out"
        )


NO_CODE = (
    "names Python code of its own (network python), which this service does not run; search on your"
    " own machine (hpsearch run), or ask for --allow-code"
)
"""What is said of code where there may be none."""


def has_code(file: StudyFile) -> bool:
    """Whether a study runs code of its user: searched, or as the baseline that is confirmed."""
    baseline = [] if file.baseline is None else [kind_of(type(file.baseline.network))]
    return "python" in (*kinds(file.space), *baseline)


def place_code(table: Mapping[str, Any], rules: Rules, where: str) -> None:
    """Have files of own networks lie below the folder of data, where there may be any, in place.

    Raises:
        InputError: code is given, and may not be; or its file is elsewhere.
    """
    for network in _own_networks(table):
        if not rules.allow_code:
            raise InputError(f"{where}: {NO_CODE}")
        if isinstance(network.get("file"), str):
            given = f"{where}: file = {show(network['file'])}"
            network["file"] = str(_below(network["file"], rules.data_root, given)[1])


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


def _below(path: str, root: Path | None, given: str) -> tuple[Path, Path]:
    """The folder of data, and a path below it, all links followed.

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
    if not _exists(found):
        raise InputError(
            f"{given}: does not exist in the folder that this service reads; correct it"
        )
    return folder, found


def _ours(rules: Rules, root: Path) -> Sequence[Path]:
    """What no study reads though it may lie below the folder of data: what the service keeps.

    Args:
        rules: with the uploads, which are in its home.
        root: the folder of data; where that lies in the home, uploads alone are meant.
    """
    if rules.uploads is None:
        return ()
    home = Path(os.path.realpath(rules.uploads.home.root))
    return (rules.uploads.root, *(() if root.is_relative_to(home) else (home,)))


def _leading_out(folder: Path, root: Path, ours: Sequence[Path]) -> Path | None:
    """A link in a folder of data that leads out of the folder below which all data lie, or None.

    Args:
        folder: as deep as any source reads; a file has none.
        root: the folder of all data, links followed.
        ours: folders in it that no study reads.
    """
    seen, left = {folder}, [(folder, 0)]
    for here, depth in left:  # which grows: those of one depth after the other
        with suppress(OSError), os.scandir(here) as entries:  # who reads it says what is wrong
            for entry in entries:
                is_link, path = entry.is_symlink(), Path(entry.path)
                if is_link:
                    path = Path(os.path.realpath(path))
                    if not path.is_relative_to(root) or any(map(path.is_relative_to, ours)):
                        return Path(entry.path)
                is_folder = path.is_dir() if is_link else entry.is_dir()
                if is_folder and depth < DEPTH and path not in seen:
                    seen.add(path)
                    left.append((path, depth + 1))
    return None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # its name is too long, or it may not be looked at
        return False


def _outside(given: str) -> InputError:
    return InputError(
        f"{given}: is outside of the folder that this service reads; give a path relative to that"
        " folder (--data-root)"
    )
