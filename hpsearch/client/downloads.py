"""Files that a service makes: written whole or not at all, archives of several unpacked."""

import re
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO
from urllib.parse import unquote

import httpx2

from hpsearch.client.connection import BLOCK, WORK, Connection
from hpsearch.errors import InputError, UnreachableError
from hpsearch.files import made_beside, written_whole

_ARCHIVE = "application/zip"
_NAME = re.compile(r'filename="([^"]+)"')
_OWN = (".classes.json", ".signature.json", ".bin")
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
    streamed = connection.streamed(path, params=params, seconds=WORK)
    with streamed as response, tempfile.TemporaryFile() as kept:
        is_archive = response.headers.get("content-type", "").startswith(_ARCHIVE)
        named = _NAME.search(response.headers.get("content-disposition", ""))
        stem = named.group(1).removesuffix(".zip") if named else ""
        form = params.get("format", "")
        try:
            for block in response.iter_bytes(BLOCK):
                kept.write(block)
            kept.seek(0)
            if form == "saved_model":
                _unpack_folder(kept, file, stem)
            elif is_archive:
                _unpack(kept, file, stem, f"{stem}.{form}")
            else:
                _write(kept, file)
        except OSError as error:
            raise UnreachableError(f"{file}: cannot be written: {error.strerror}") from None
        return _said(response, file)


def _said(response: httpx2.Response, file: Path) -> str:
    """What the command of the service said of a file, with the folder that it is in here."""
    told = unquote(response.headers.get("hpsearch-told", ""))
    if f"./{file.name}" not in told:  # it has another name there
        return f"Wrote {file}"
    return told.replace("./", "" if file.parent == Path() else f"{file.parent}/")


def _opened(archive: IO[bytes], file: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except zipfile.BadZipFile:
        raise UnreachableError(f"{file}: the archive came damaged; try again") from None


def _unpack(archive: IO[bytes], file: Path, stem: str, main: str) -> None:
    """Write the files of an archive.

    Args:
        archive: the archive.
        file: where the one goes that was asked for.
        stem: of the archive's name.
        main: the name of that one in it.
    """
    with _opened(archive, file) as opened:
        places = {name: _place(name, file, stem, main) for name in opened.namelist()}
        for name, place in places.items():
            is_own = place == file or (name.startswith(f"{stem}.") and name.endswith(_OWN))
            if not is_own and place.exists() and not _is_same(opened, name, place):
                raise InputError(
                    f"{place}: is there already with another content, and {file.name} needs it;"
                    " choose another folder, or remove it"
                )
        for name, place in places.items():
            with opened.open(name) as member:
                _write(member, place)


def _place(name: str, file: Path, stem: str, main: str) -> Path:
    """Where a file of an archive goes."""
    _check_plain(name, name, file)
    if name == main:
        return file
    if name.startswith(f"{stem}.") and name.endswith(_OWN):
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
    is_model = (folder / "saved_model.pb").exists()
    if folder.is_dir() and any(folder.iterdir()) and not is_model:
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
