"""Uploads: data that users sent to the service, each content stored once, by its SHA-256.

In the home's folder ``uploads``: ``contents/SHA256.FORMAT/`` has ``data.FORMAT``, or the folder
``data`` that an archive was unpacked to, and ``facts.json``; ``names/OWNER/NAME.json`` says whose
name stands for which content; ``arriving/`` has what is not there yet. A content comes first and
its name then, each whole or not at all, and they go the other way: whoever is killed in between
leaves a content without a name, which the next service removes.
"""

import json
import os
import re
import secrets
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from filelock import FileLock
from pydantic import Field, ValidationError

from hpsearch.data.cache import clear_gone
from hpsearch.data.dataset import reading, writing
from hpsearch.errors import InputError
from hpsearch.fields import Section
from hpsearch.files import remove, write_text
from hpsearch.home import Home
from hpsearch.search.storage import Storage
from hpsearch.search.submissions import FINAL
from hpsearch.services.received import ARCHIVES, DATA, FACTS
from hpsearch.text import closest, plural, show, size

PREFIX = "upload:"
"""How ``dataset.path`` of a study file names an upload: "upload:NAME", "upload:OWNER/NAME"."""

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
"""The names that uploads may have."""


class UnknownUploadError(InputError):
    """There is no upload of that name, or none that the asker may see."""


class UploadKeptError(InputError):
    """An upload stays as it is: it has other bytes than those that come, or a study needs it."""


class TooLargeError(InputError):
    """An upload has more bytes than it may have, or than its owner's may have together."""


class BusyError(InputError):
    """A user sends too many uploads at the same time."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much may be uploaded."""

    most: int = 4 * 2**30
    """Bytes of one upload, as it is sent and as it is stored."""
    most_of_user: int = 20 * 2**30
    """Bytes of all uploads of a user, as they are stored."""
    most_names: int = 1000
    """Uploads of a user."""
    keep_free: int = 2**30
    """Bytes of the disk that stay free."""
    at_once: int = 4
    """Uploads of a user that arrive at the same time."""


@dataclass(frozen=True, kw_only=True)
class Asker:
    """Who asks for uploads."""

    user: str
    sees_all: bool = False
    """Whether other users' uploads that are not shared are there for them, too."""


def path_of(owner: str, name: str) -> str:
    """What ``dataset.path`` of a study file calls an upload, whoever submits that."""
    return f"{PREFIX}{owner}/{name}"


class Upload(Section):
    """A name for a content, and whose it is."""

    name: Annotated[str, Field(pattern=rf"^{NAME}$")]
    owner: str
    format: str
    """One of :data:`hpsearch.services.received.FORMATS`."""
    bytes: int
    """As they were sent."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of the bytes that were sent, as hexadecimal digits."""
    shared: bool
    """Whether other users may see and use it."""
    added: str
    """When, in UTC, as ISO 8601."""

    @property
    def path(self) -> str:
        """What ``dataset.path`` of a study file calls it, whoever submits that."""
        return path_of(self.owner, self.name)

    @property
    def content(self) -> str:
        """The name of its content's folder."""
        return f"{self.sha256}.{self.format}"

    def is_for(self, asker: Asker) -> bool:
        """Whether it is there for somebody."""
        return self.shared or asker.sees_all or asker.user == self.owner


@dataclass(frozen=True, kw_only=True)
class Uploads:
    """The uploads of a home; one process at a time has them."""

    home: Home
    limits: Limits = field(default_factory=Limits)
    _arriving: Counter[str] = field(default_factory=Counter)
    """Bytes of each user that arrive just now."""
    _arrivals: Counter[str] = field(default_factory=Counter)
    """How many uploads of each user do."""
    _read: Counter[Path] = field(default_factory=Counter)
    """How many submits read from a path just now."""
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
    def _contents(self) -> Path:
        return self.root / "contents"

    @property
    def _names(self) -> Path:
        return self.root / "names"

    def _file(self, owner: str, name: str) -> Path:
        return self._names / owner / f"{name}.json"

    def all(self) -> Sequence[Upload]:
        """All uploads whose content is there, by owner and name.

        Raises:
            UnreachableError: they cannot be read.
        """
        with reading(self._names):
            found = map(_read_name, sorted(self._names.glob("*/*.json")))
            return [one for one in found if one is not None and self.has(one.content)]

    def visible(self, asker: Asker) -> Sequence[Upload]:
        """The uploads that are there for somebody."""
        return [one for one in self.all() if one.is_for(asker)]

    def find(self, owner: str, name: str, asker: Asker) -> Upload:
        """An upload by its name.

        Raises:
            UnknownUploadError: there is none that the asker may see.
        """
        found = None
        if re.fullmatch(NAME, name) and re.fullmatch(NAME, owner):
            found = _read_name(self._file(owner, name))
        if found is None or not found.is_for(asker):
            known = [one.path for one in self.visible(asker)]
            wanted = path_of(owner, name)
            advice = closest(wanted, known) if known else "there are no uploads yet"
            raise UnknownUploadError(f"{show(wanted)}: there is no such upload; {advice}")
        return found

    def named(self, path: str, asker: Asker) -> Path:
        """Where the data are that a study file calls "upload:NAME" or "upload:OWNER/NAME".

        Raises:
            UnknownUploadError: there is no such upload for the asker.
        """
        owner, _, name = path.removeprefix(PREFIX).rpartition("/")
        return self.data(self.find(owner or asker.user, name, asker))

    def data(self, upload: Upload) -> Path:
        """The file or folder that an upload is read from."""
        ending = "" if upload.format in ARCHIVES else f".{upload.format}"
        return self._contents / upload.content / f"{DATA}{ending}"

    def facts(self, upload: Upload) -> dict[str, Any]:
        """What is known of an upload's content (:func:`hpsearch.services.received.look`)."""
        return _facts(self._contents / upload.content)

    def used(self, user: str, without: str) -> int:
        """Bytes of all uploads of a user, as they are stored, but for the one of a name."""
        own = [one for one in self.all() if one.owner == user and one.name != without]
        return sum(int(self.facts(one)["stored"]) for one in own)

    def refuse_more(self, owner: str, name: str, count: int) -> None:
        """Refuse so many bytes if they are too many beside a user's other uploads.

        Raises:
            TooLargeError: so they are.
        """
        if count > self.limits.most_of_user:
            raise TooLargeError(
                f"{path_of(owner, name)}: your uploads would have more than"
                f" {size(self.limits.most_of_user)} together, the most that a user may have; delete"
                " some"
            )

    def _refuse_more_names(self, owner: str, name: str) -> None:
        """Refuse one more upload of a user who has as many as may be.

        Raises:
            TooLargeError: so it is.
        """
        others = [one for one in self.all() if one.owner == owner and one.name != name]
        if len(others) >= self.limits.most_names:
            raise TooLargeError(
                f"{path_of(owner, name)}: you have {plural(len(others), 'upload')} already, the"
                " most that a user may have; delete some"
            )

    def arriving(self, user: str, more: int = 0) -> int:
        """Bytes of a user that arrive just now, after ``more`` of them came, or went if below 0."""
        with self._lock:
            self._arriving[user] += more
            return self._arriving[user]

    def begin(self, user: str) -> None:
        """Count one more upload of a user that arrives; :meth:`end` counts it no longer.

        Raises:
            BusyError: too many do.
        """
        with self._lock:
            if self._arrivals[user] >= self.limits.at_once:
                raise BusyError(
                    f"{self.limits.at_once} of your uploads arrive already; send this one when they"
                    " are there"
                )
            self._arrivals[user] += 1

    def end(self, user: str) -> None:
        """See :meth:`begin`."""
        with self._lock:
            self._arrivals[user] -= 1

    def has(self, content: str) -> bool:
        """Whether a content is there, by the name of its folder."""
        return (self._contents / content / FACTS).is_file()

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

    def keep(self, upload: Upload, made: Path, shared: bool | None) -> tuple[Upload, bool]:
        """Keep what has arrived under its name.

        Args:
            upload: the name.
            made: the folder of its content, which is moved where that is not there yet.
            shared: whether it is shared from now on; None: as before, and not where it is new.

        Returns:
            The upload, and whether it is new: the same bytes may have had the name before.

        Raises:
            UploadKeptError: the name stands for other bytes.
            TooLargeError: it is too large beside its owner's other uploads.
            UnreachableError: the folder cannot be written.
        """
        with self.changing():
            before = _read_name(self._file(upload.owner, upload.name))
            if before is not None and before.content != upload.content:
                raise UploadKeptError(
                    f"{upload.path}: has other bytes already, and an upload never changes; choose"
                    " another name, or delete it first"
                )
            self._refuse_more_names(upload.owner, upload.name)
            here = self._contents / upload.content
            stored = int(_facts(here if self.has(upload.content) else made)["stored"])
            used = self.used(upload.owner, without=upload.name)
            self.refuse_more(upload.owner, upload.name, used + stored)
            if not self.has(upload.content):
                self._contents.mkdir(exist_ok=True)
                remove(here)
                made.rename(here)
            upload = before or upload
            if shared is not None:
                upload = upload.model_copy(update={"shared": shared})
            file = self._file(upload.owner, upload.name)
            write_text(file, upload.model_dump_json(indent=1))
            for path in (file, file.parent, self._contents):
                _settle(path)
        return upload, before is None

    @contextmanager
    def reading(self, path: str | None) -> Iterator[None]:
        """Have data stay while a study that needs them is made, if they are an upload's.

        Raises:
            UnknownUploadError: they have just gone.
        """
        if path is None or not Path(path).is_relative_to(self._contents):
            yield
            return
        with self._lock:
            if not Path(path).exists():
                raise UnknownUploadError("the upload was deleted just now; send it again")
            self._read[Path(path)] += 1
        try:
            yield
        finally:
            with self._lock:
                self._read[Path(path)] -= 1

    def remove(self, owner: str, name: str, asker: Asker, storage: Storage) -> Upload:
        """Remove a name, and its content and what was imported of it, where it was the last one.

        Args:
            owner: whose it is.
            name: the name.
            asker: who wants to.
            storage: where the studies are.

        Raises:
            UnknownUploadError: there is no such upload for the asker.
            UploadKeptError: a study that is not over reads it.
            UnreachableError: the folder cannot be written.
        """
        with self.changing():
            upload = self.find(owner, name, asker)
            self._refuse_needed(upload, storage)
            self._file(owner, name).unlink()
            is_last = not any(one.content == upload.content for one in self.all())
            # A new folder could not be made on a full disk.
            left = self.incoming / f"{upload.content}.{secrets.token_hex(4)}"
            if is_last and (self._contents / upload.content).exists():
                (self._contents / upload.content).rename(left)
        if is_last:  # either may take a while, or have to wait for an import of other data
            with writing(self.root):
                remove(left)
            clear_gone(self.home, self._contents)
        return upload

    def _refuse_needed(self, upload: Upload, storage: Storage) -> None:
        """Refuse to remove what a study reads; one reads its user's own upload if there is one.

        Raises:
            UploadKeptError: so it is.
        """
        path = self.data(upload)
        if self._read[path]:
            raise UploadKeptError(f"{upload.path}: is just read for a submit; try again")
        others = [one for one in self.all() if one.content == upload.content and one != upload]
        having = {one.owner for one in others}
        needing = [
            one.name for one in storage.reading_from(str(path))
            if one.submission.state not in FINAL and one.submission.user not in having
        ]  # fmt: skip
        if needing:
            more = f" and {plural(len(needing) - 1, 'other')}" if needing[1:] else ""
            raise UploadKeptError(
                f"{upload.path}: study {needing[0]}{more} may still need it; cancel it first"
            )

    def tidy(self) -> None:
        """Remove what a service that was killed has left.

        Raises:
            UnreachableError: the folder cannot be written.
        """
        if not self.root.exists():
            return
        with self.changing():
            known = {one.content for one in self.all()}
            left = [one for one in _listed(self._contents) if one.name not in known]
            for path in (*_listed(self.incoming), *left):
                remove(path)
        clear_gone(self.home, self._contents)

    def called(self, path: str, user: str) -> str | None:
        """What a study file calls data of an upload, by their path; None: they are none.

        Args:
            path: as a study keeps it.
            user: whose study it is: an upload of theirs comes first, then those that are shared.
        """
        found = [one for one in self.all() if str(self.data(one)) == path]
        found.sort(key=lambda one: (one.owner != user, not one.shared))
        return found[0].path if found else None

    def told(self, text: str, user: str) -> str:
        """A message in which data of uploads have the names that users know."""
        place = re.escape(str(self._contents)) + rf"/[^/\s]+/{DATA}(\.[a-z.]+[a-z])?"
        return re.sub(place, partial(_called, called=partial(self.called, user=user)), text)


def _called(found: "re.Match[str]", called: Callable[[str], str | None]) -> str:
    return called(found[0]) or PREFIX.removesuffix(":")


def _listed(folder: Path) -> Sequence[Path]:
    return [*folder.iterdir()] if folder.is_dir() else ()


def _read_name(file: Path) -> Upload | None:
    """The upload that a file is about; None: there is none, or it is not as we write it."""
    try:
        return Upload.model_validate_json(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None


def _settle(path: Path) -> None:
    """Have a file or folder be on the disk, whatever happens to the machine."""
    opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _facts(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    return found
