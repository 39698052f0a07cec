"""Uploads: data that users sent to the service, each content stored once, by its SHA-256."""

import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from hpsearch.data.cache import clear_gone
from hpsearch.data.dataset import writing
from hpsearch.files import PLAIN_NAME, remove, write_text
from hpsearch.search.storage import Storage
from hpsearch.search.submissions import FINAL
from hpsearch.services.received import DATA
from hpsearch.services.upload import (
    PREFIX,
    Asker,
    Limits,
    TooLargeError,
    Traffic,
    UnknownUploadError,
    Upload,
    UploadKeptError,
    path_of,
)
from hpsearch.services.upload_folder import UploadFolder, facts_in, listed, read_name, settle
from hpsearch.text import closest, plural, show, size

DELETED = f"{PREFIX}(deleted)"
"""What is said of an upload whose last name is gone."""


@dataclass(frozen=True, kw_only=True)
class Uploads(UploadFolder):
    """The uploads of a home; one process at a time has them."""

    limits: Limits = field(default_factory=Limits)
    traffic: Traffic = field(default_factory=Traffic)
    """What arrives just now."""
    _read: Counter[Path] = field(default_factory=Counter)
    """How many submits read from a path just now."""

    def visible(self, asker: Asker) -> Sequence[Upload]:
        """The uploads that are there for somebody."""
        return [one for one in self.all() if one.is_for(asker)]

    def find(self, owner: str, name: str, asker: Asker) -> Upload:
        """An upload by its name.

        Raises:
            UnknownUploadError: there is none that the asker may see.
        """
        found = None
        if all(re.fullmatch(PLAIN_NAME, one) for one in (name, owner)):
            found = read_name(self.file(owner, name))
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

    def used(self, user: str, without: str) -> int:
        """Bytes of all uploads of a user, as they are stored, but for the one of a name."""
        stored = 0
        for one in self.all():
            if one.owner == user and one.name != without:
                with suppress(UnknownUploadError):  # it has just gone
                    stored += int(self.facts(one)["stored"])
        return stored

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

    def keep(
        self, upload: Upload, made: Path, shared: bool | None, note: Callable[[Upload], None]
    ) -> tuple[Upload, bool]:
        """Keep what has arrived under its name.

        Args:
            upload: the name.
            made: the folder of its content, which is moved where that is not there yet.
            shared: whether it is shared from now on; None: as before, and not where it is new.
            note: writes down that it is new, before it is: who is killed in between notes it twice
                rather than never.

        Returns:
            The upload, and whether it is new: the same bytes may have had the name before.

        Raises:
            UploadKeptError: the name stands for other bytes.
            TooLargeError: it is too large beside its owner's other uploads.
            UnreachableError: the folder cannot be written.
        """
        with self.changing():
            before = read_name(self.file(upload.owner, upload.name))
            if before is not None and before.content != upload.content:
                raise UploadKeptError(
                    f"{upload.path}: has other bytes already, and an upload never changes; choose"
                    " another name, or delete it first"
                )
            self._refuse_more_names(upload.owner, upload.name)
            here = self.contents / upload.content
            stored = int(facts_in(here if self.has(upload.content) else made)["stored"])
            used = self.used(upload.owner, without=upload.name)
            self.refuse_more(upload.owner, upload.name, used + stored)
            if not self.has(upload.content):
                self.contents.mkdir(exist_ok=True)
                remove(here)
                made.rename(here)
            upload = before or upload
            if shared is not None:
                upload = upload.model_copy(update={"shared": shared})
            if before is None:
                note(upload)
            file = self.file(upload.owner, upload.name)
            write_text(file, upload.model_dump_json(indent=1))
            for path in (file, file.parent, self.contents):
                settle(path)
        return upload, before is None

    @contextmanager
    def reading(self, path: str | None) -> Iterator[None]:
        """Have data stay while a study that needs them is made, if they are an upload's.

        Raises:
            UnknownUploadError: they have just gone.
        """
        if path is None or not Path(path).is_relative_to(self.contents):
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

    def remove(
        self, owner: str, name: str, asker: Asker, storage: Storage, note: Callable[[Upload], None]
    ) -> None:
        """Remove a name, and its content and what was imported of it, where it was the last one.

        Args:
            owner: whose it is.
            name: the name.
            asker: who wants to.
            storage: where the studies are.
            note: writes down that it goes, before it does.

        Raises:
            UnknownUploadError: there is no such upload for the asker.
            UploadKeptError: a study that is not over reads it.
            UnreachableError: the folder cannot be written.
        """
        with self.changing():
            upload = self.find(owner, name, asker)
            self._refuse_needed(upload, storage)
            note(upload)
            self.file(owner, name).unlink()
            is_last = not any(one.content == upload.content for one in self.all())
            # A new folder could not be made on a full disk.
            left = self.incoming / f"{upload.content}.{secrets.token_hex(4)}"
            if is_last and (self.contents / upload.content).exists():
                (self.contents / upload.content).rename(left)
        if is_last:  # either may take a while, or have to wait for an import of other data
            with writing(self.root):
                remove(left)
            clear_gone(self.home, self.contents)

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
            found = [read_name(file) for file in self.name_files()]
            known = {one.content for one in found if one is not None}
            left = [one for one in listed(self.contents) if one.name not in known]
            if None in found:  # perhaps a newer version's, whose contents are not ours to remove
                left = []
            for path in (*listed(self.incoming), *left, *self.names.glob("*/.*")):
                remove(path)
        clear_gone(self.home, self.contents)

    def called(self, path: str, user: str) -> str | None:
        """What a study file calls data of an upload, by their path; None: they are none's.

        Of one that was deleted it is a name that no upload can have.

        Args:
            path: as a study keeps it.
            user: whose study it is: an upload of theirs comes first, then those that are shared.
        """
        found = [one for one in self.all() if str(self.data(one)) == path]
        found.sort(key=lambda one: (one.owner != user, not one.shared))
        if found:
            return found[0].path
        return DELETED if Path(path).is_relative_to(self.contents) else None

    def told(self, text: str, user: str) -> str:
        """A message in which data of uploads have the names that users know."""
        place = re.escape(str(self.contents)) + rf"/[^/\s]+/{DATA}(\.[a-z.]+[a-z])?"
        return re.sub(place, partial(_called, called=partial(self.called, user=user)), text)


def _called(found: "re.Match[str]", called: Callable[[str], str | None]) -> str:
    return called(found[0]) or found[0]
