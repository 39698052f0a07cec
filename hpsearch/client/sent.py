"""What is sent to a service: study files, idempotency keys, and files of data block by block."""

import hashlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hpsearch.client.connection import BLOCK
from hpsearch.environment import USUAL_HOME
from hpsearch.errors import InputError, UnreachableError

StudySource = str | Path | Mapping[str, Any]
"""A study file: where it is, or what stands in it."""


def body_of(study: StudySource) -> tuple[str, bytes]:
    """The type and the content of a study file as it is sent.

    Raises:
        InputError: a table that JSON cannot say.
        UnreachableError: a file that cannot be read.
    """
    if isinstance(study, Mapping):
        try:
            return "application/json", json.dumps(study, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise InputError(f"the study: cannot be sent as JSON: {error}") from None
    path = Path(study)
    kind = "application/json" if path.suffix == ".json" else "application/toml"
    try:
        return kind, path.read_bytes()
    except OSError as error:
        raise UnreachableError(f"{path}: cannot be read: {error.strerror}") from None


def key_of(content: bytes, *more: object) -> str:
    """An idempotency key that the same content always has."""
    text = b"\n".join([content, *(str(one).encode() for one in more)])
    return hashlib.sha256(text).hexdigest()[:40]


@contextmanager
def packed(folder: Path) -> Iterator[Path]:
    """A folder as an archive (zip) while the block runs; the same bytes for the same files.

    A home that lies in the folder stays here.

    Raises:
        UnreachableError: a file cannot be read, or the archive not be written.
    """
    try:
        with tempfile.TemporaryDirectory() as place:
            file = Path(place) / f"{folder.name or 'data'}.zip"
            with zipfile.ZipFile(file, "w") as archive:
                for path in sorted(one for one in folder.rglob("*") if one.is_file()):
                    below = path.relative_to(folder)
                    if USUAL_HOME in below.parts:
                        continue
                    about = zipfile.ZipInfo(below.as_posix())  # of no date
                    about.file_size = path.stat().st_size
                    with archive.open(about, "w") as member, path.open("rb") as content:
                        shutil.copyfileobj(content, member, BLOCK)
            yield file
    except OSError as error:
        raise UnreachableError(
            f"{error.filename or folder}: cannot be packed: {error.strerror}"
        ) from None


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits.

    Raises:
        UnreachableError: it cannot be read.
    """
    found = hashlib.sha256()
    for block in blocks(path):
        found.update(block)
    return found.hexdigest()


def blocks(path: Path) -> Iterator[bytes]:
    """A file, block by block.

    Raises:
        UnreachableError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                yield block
    except OSError as error:
        raise UnreachableError(f"{path}: cannot be read: {error.strerror}") from None


def described(path: Path) -> dict[str, str]:
    """The headers of an upload: how long it is, and of which type."""
    try:
        length = path.stat().st_size
    except OSError as error:
        raise UnreachableError(f"{path}: cannot be read: {error.strerror}") from None
    return {"Content-Length": str(length), "Content-Type": "application/octet-stream"}
