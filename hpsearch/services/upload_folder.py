"""The folder of uploads: where names and contents lie, and how they are changed.

In the home's folder ``uploads``: ``contents/SHA256.FORMAT/`` has ``data.FORMAT``, or the folder
``data`` that an archive was unpacked to, and ``facts.json``; ``names/OWNER/NAME.json`` says whose
name stands for which content; ``arriving/`` has what is not there yet. A content comes first and
its name then, each whole or not at all, and they go the other way: whoever is killed in between
leaves a content without a name, which the next service removes.
"""

import json
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock
from pydantic import ValidationError

from hpsearch.data.dataset import reading, writing
from hpsearch.home import Home
from hpsearch.services.received import ARCHIVES, DATA, FACTS
from hpsearch.services.upload import UnknownUploadError, Upload


@dataclass(frozen=True, kw_only=True)
class UploadFolder:
    """The folder of the uploads of a home; one process at a time has it."""

    home: Home
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def root(self) -> Path:
        """The folder of all that follows, links followed, as studies keep paths of data."""
        return Path(os.path.realpath(self.home.uploads))

    @property
    def free(self) -> int:
        """Bytes that are free on the disk of uploads."""
        return shutil.disk_usage(self.root if self.root.exists() else self.home.root).free

    @property
    def incoming(self) -> Path:
        """The folder of what is not there yet."""
        return self.root / "arriving"

    @property
    def contents(self) -> Path:
        """The folder of contents."""
        return self.root / "contents"

    @property
    def names(self) -> Path:
        """The folder of names."""
        return self.root / "names"

    def file(self, owner: str, name: str) -> Path:
        """The file that says which content has a name."""
        return self.names / owner / f"{name}.json"

    def all(self) -> Sequence[Upload]:
        """All uploads whose content is there, by owner and name.

        Raises:
            UnreachableError: they cannot be read.
        """
        with reading(self.names):
            found = map(read_name, self.name_files())
            return [one for one in found if one is not None and self.has(one.content)]

    def name_files(self) -> Sequence[Path]:
        """The files that say which content has a name; what is half written begins with a dot."""
        return sorted(self.names.glob("*/[!.]*.json"))

    def data(self, upload: Upload) -> Path:
        """The file or folder that an upload is read from."""
        ending = "" if upload.format in ARCHIVES else f".{upload.format}"
        return self.contents / upload.content / f"{DATA}{ending}"

    def facts(self, upload: Upload) -> dict[str, Any]:
        """What is known of an upload's content (:func:`hpsearch.services.received.look`).

        Raises:
            UnknownUploadError: it has just gone.
        """
        try:
            return facts_in(self.contents / upload.content)
        except FileNotFoundError:
            raise UnknownUploadError(f"{upload.path}: was deleted just now") from None

    def has(self, content: str) -> bool:
        """Whether a content is there, by the name of its folder."""
        return (self.contents / content / FACTS).is_file()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Change what is there: one thread and one process at a time.

        Raises:
            UnreachableError: the folder cannot be written.
        """
        with self._lock, writing(self.root):
            self.home.make(self.home.uploads)
            self.incoming.mkdir(exist_ok=True)
            self.root.chmod(0o700)
            with FileLock(self.root / ".lock"):
                yield


def listed(folder: Path) -> Sequence[Path]:
    """What is in a folder; nothing where there is none."""
    return [*folder.iterdir()] if folder.is_dir() else ()


def read_name(file: Path) -> Upload | None:
    """The upload that a file is about; None: there is none, or it is not as we write it."""
    try:
        return Upload.model_validate_json(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None


def settle(path: Path) -> None:
    """Have a file or folder be on the disk, whatever happens to the machine."""
    opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def facts_in(folder: Path) -> dict[str, Any]:
    """What is known of a content, by its folder."""
    found: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    return found
