"""Files that a service makes: written whole or not at all, archives of several unpacked."""

import re
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO
from urllib.parse import unquote

from hpsearch.client.connection import BLOCK, WORK, Connection
from hpsearch.errors import InputError, UnreachableError
from hpsearch.files import (
    BESIDE_MODEL,
    check_writable,
    is_saved_model,
    is_script_data,
    made_beside,
    written_whole,
)

_ARCHIVE = "application/zip"
_NAME = re.compile(r'filename="([^"]+)"')
_OWN = (*BESIDE_MODEL, ".bin")
"""How the names end of files that are a model's own: they have its name, and go with it."""


def download(connection: Connection, path: str, params: Mapping[str, str], file: Path) -> str:
    """Write what a service answers to a file, or to the folder of a SavedModel; what it says of it.

    An archive has the file with what belongs to it, which is written beside it.

    Args:
        connection: to the service.
        path: of the route.
        params: of the request.
        file: where to.

    Raises:
        InputError: something else has a name that is needed, beside the file or for the folder.
        UnreachableError: it cannot be written, or the service was lost meanwhile.
    """
    check_writable(file)  # before the service makes it, which may take long
    streamed = connection.streamed(path, params=params, seconds=WORK)
    with streamed as response, tempfile.TemporaryFile() as kept:
        is_archive = response.headers.get("content-type", "").startswith(_ARCHIVE)
        named = _NAME.search(response.headers.get("content-disposition", ""))
        name = named.group(1) if named else file.name
        try:
            for block in response.iter_bytes(BLOCK):
                kept.write(block)
            kept.seek(0)
            places = _placed(kept, file, name, params.get("format", ""), is_archive=is_archive)
        except OSError as error:
            raise UnreachableError(f"{file}: cannot be written: {error.strerror}") from None
        told = unquote(response.headers.get("hpsearch-told", ""))
        return _as_here(told, places) or f"Wrote {file}"


def _placed(
    kept: IO[bytes], file: Path, name: str, form: str, *, is_archive: bool
) -> dict[str, Path]:
    """Write what has come; where its files are here, by the names that the service gave them.

    Args:
        kept: what has come.
        file: where to.
        name: what the service calls it.
        form: its format, as the service calls that.
        is_archive: whether it is an archive.
    """
    stem = name.removesuffix(".zip")
    if form == "saved_model":
        _unpack_folder(kept, file, stem)
        return {stem: file}
    if is_archive:
        return _unpack(kept, file, stem, f"{stem}.{form}")
    _write(kept, file)
    return {name: file}


def _as_here(told: str, places: Mapping[str, Path]) -> str:
    """What the command of the service said, its files called as they are here.

    Args:
        told: files of the service are in "./" there.
        places: where they are here, by their names.
    """
    longest_first = sorted(places, key=len, reverse=True)  # one name may begin with another
    names = "|".join(map(re.escape, longest_first))
    return re.sub(rf"\./({names})", lambda found: str(places[found[1]]), told)


def _opened(archive: IO[bytes], file: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except zipfile.BadZipFile:
        raise UnreachableError(f"{file}: the archive came damaged; try again") from None


def _unpack(archive: IO[bytes], file: Path, stem: str, main: str) -> dict[str, Path]:
    """Write the files of an archive; where they are, by their names in it.

    Args:
        archive: the archive.
        file: where the one goes that was asked for.
        stem: of the archive's name.
        main: the name of that one in it.
    """
    with _opened(archive, file) as opened:
        places = {name: _place(name, file, stem, main) for name in opened.namelist()}
        for name, place in places.items():
            is_data = name == f"{stem}.npz" and is_script_data(place)
            is_own = place == file or _is_models(name, stem) or is_data
            if not is_own and place.exists() and not _is_same(opened, name, place):
                raise InputError(
                    f"{place}: is there already with another content, and {file.name} needs it;"
                    " choose another folder, or remove it"
                )
        for name, place in places.items():
            with opened.open(name) as member:
                _write(member, place)
    return places


def _is_models(name: str, stem: str) -> bool:
    """Whether a file of an archive is a model's own."""
    return name.startswith(f"{stem}.") and name.endswith(_OWN)


def _place(name: str, file: Path, stem: str, main: str) -> Path:
    """Where a file of an archive goes."""
    _check_plain(name, name, file)
    if name == main:
        return file
    if _is_models(name, stem):
        return file.with_name(file.stem + name.removeprefix(stem))
    return file.with_name(name)


def _check_plain(part: str, name: str, file: Path) -> None:
    """Refuse what is no plain name, all of that of a file or a part of it.

    Raises:
        InputError: so it is.
    """
    if not part or part.startswith(".") or set(part) & {"/", "\\", "\0"}:
        raise InputError(
            f"{file}: the service's archive has a file {name!r}, which is no plain name"
        )


def _unpack_folder(archive: IO[bytes], folder: Path, stem: str) -> None:
    """Write a folder whose files an archive has, below a folder of the archive's own name.

    Raises:
        InputError: what is there already is another folder than that of a SavedModel.
    """
    if folder.is_dir() and any(folder.iterdir()) and not is_saved_model(folder):
        raise InputError(
            f"{folder}: already exists and is no SavedModel; choose another name, or remove it"
        )
    with _opened(archive, folder) as opened, made_beside(folder) as made:
        for name in opened.namelist():
            parts = name.removeprefix(f"{stem}/").split("/")
            for part in parts:
                _check_plain(part, name, folder)
            place = made.joinpath(*parts)
            place.parent.mkdir(parents=True, exist_ok=True)
            with opened.open(name) as member:
                _write(member, place)


def _is_same(archive: zipfile.ZipFile, name: str, place: Path) -> bool:
    """Whether a file has what the archive has of that name."""
    with archive.open(name) as member, place.open("rb") as there:
        while (block := member.read(BLOCK)) == there.read(BLOCK):
            if not block:
                return True
    return False


def _write(content: IO[bytes], place: Path) -> None:
    with written_whole(place) as file:
        shutil.copyfileobj(content, file, BLOCK)
