"""Files that a service makes: written whole or not at all, archives of several unpacked."""

import re
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from hpsearch.client.connection import BLOCK, Connection
from hpsearch.errors import InputError, UnreachableError
from hpsearch.files import written_whole

_ARCHIVE = "application/zip"
_NAME = re.compile(r'filename="([^"]+)"')


def download(connection: Connection, path: str, params: Mapping[str, str], file: Path) -> Path:
    """Write what a service answers to a file; where it is.

    An archive has the file with what belongs to it, which is written beside it.

    Args:
        connection: to the service.
        path: of the route.
        params: of the request.
        file: where to.

    Raises:
        InputError: something else has a name that is needed beside the file.
        UnreachableError: it cannot be written, or the service was lost meanwhile.
    """
    with connection.streamed(path, params=params) as response, tempfile.TemporaryFile() as kept:
        is_archive = response.headers.get("content-type", "").startswith(_ARCHIVE)
        named = _NAME.search(response.headers.get("content-disposition", ""))
        try:
            for block in response.iter_bytes(BLOCK):
                kept.write(block)
            kept.seek(0)
            if is_archive:
                _unpack(kept, file, Path(named.group(1)).stem if named else "")
            else:
                _write(kept, file)
        except OSError as error:
            raise UnreachableError(f"{file}: cannot be written: {error.strerror}") from None
    return file


def _unpack(archive: IO[bytes], file: Path, stem: str) -> None:
    """Write the files of an archive.

    Args:
        archive: the archive.
        file: where the one goes that is named after the archive.
        stem: of the archive's name.
    """
    try:
        opened = zipfile.ZipFile(archive)
    except zipfile.BadZipFile:
        raise UnreachableError(f"{file}: the archive came damaged; try again") from None
    with opened:
        places = {name: _place(name, file, stem) for name in opened.namelist()}
        for name, place in places.items():
            if place != file and place.exists() and not _is_same(opened, name, place):
                raise InputError(
                    f"{place}: is there already with another content, and {file.name} needs it;"
                    " choose another folder, or remove it"
                )
        for name, place in places.items():
            with opened.open(name) as member:
                _write(member, place)


def _place(name: str, file: Path, stem: str) -> Path:
    """Where a file of an archive goes."""
    if not name or name.startswith(".") or set(name) & {"/", "\\", "\0"}:
        raise InputError(
            f"{file}: the service's archive has a file {name!r}, which is no plain name"
        )
    return file if name == f"{stem}{file.suffix}" else file.with_name(name)


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
