"""An upload that arrives: written as it comes, looked at when it is there, and kept or removed."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from hpsearch.data.dataset import writing
from hpsearch.environment import python
from hpsearch.errors import InputError, UnreachableError
from hpsearch.files import remove
from hpsearch.services.apart import ran
from hpsearch.services.received import DATA
from hpsearch.services.upload import TooLargeError, Upload, path_of
from hpsearch.services.uploads import Uploads
from hpsearch.text import size


class Arrival:
    """An upload that arrives: begin, write and keep it; close it, whatever became of it."""

    def __init__(self, uploads: Uploads, owner: str, name: str, kind: str) -> None:
        """Nothing is done so far.

        Args:
            uploads: where it will be.
            owner: whose it is.
            name: its name.
            kind: one of ``hpsearch.services.received.FORMATS``.
        """
        self._uploads, self._owner, self._name, self._kind = uploads, owner, name, kind
        self._path = path_of(owner, name)
        self._digest, self._length, self._stored = hashlib.sha256(), 0, 0
        self._folder: Path | None = None

    def begin(self, length: int) -> None:
        """Make a place for it.

        Args:
            length: bytes that are said to come; 0: nothing is said.

        Raises:
            BusyError: its owner sends too many already.
            TooLargeError: it is too large.
            UnreachableError: the disk is nearly full, or cannot be written.
        """
        self._stored = self._uploads.used(self._owner, without=self._name)
        self._check(length)
        self._uploads.traffic.begin(self._owner, self._uploads.limits.at_once)
        try:
            with self._uploads.changing():
                self._folder = Path(tempfile.mkdtemp(dir=self._uploads.incoming))
        except BaseException:
            self._uploads.traffic.end(self._owner)
            raise

    @property
    def _file(self) -> Path:
        if self._folder is None:
            raise ValueError("begin comes first")
        return self._folder / f"{DATA}.{self._kind}"

    def write(self, block: bytes) -> None:
        """Write what came.

        Raises:
            TooLargeError: it is too large by now.
            UnreachableError: the disk is nearly full, or cannot be written.
        """
        self._check(len(block))
        self._length += len(block)
        self._uploads.traffic.bytes(self._owner, len(block))
        self._digest.update(block)
        with writing(self._uploads.root), self._file.open("ab") as file:
            file.write(block)

    def keep(self, shared: bool | None, note: Callable[[Upload], None]) -> tuple[Upload, bool]:
        """Look at it, when all is there, and keep it under its name.

        Args:
            shared: see :meth:`Uploads.keep`.
            note: see there.

        Returns:
            The upload, and whether it is new.

        Raises:
            InputError: it is refused, or no such data.
            TooLargeError: it is too large unpacked.
            UploadKeptError: the name stands for other bytes.
            UnreachableError: the disk is nearly full, or cannot be written.
        """
        with writing(self._uploads.root), self._file.open("ab") as file:
            os.fsync(file.fileno())
        upload = Upload(
            name=self._name,
            owner=self._owner,
            format=self._kind,
            bytes=self._length,
            sha256=self._digest.hexdigest(),
            shared=False,
            added=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        if not self._uploads.has(upload.content):
            self._look()
        return self._uploads.keep(upload, self._file.parent, shared, note)

    def _look(self) -> None:
        """Have it unpacked and looked at, in a process of its own.

        Raises:
            InputError: it is refused, or no such data.
            UnreachableError: the disk is nearly full, or cannot be written.
        """
        limits, file = self._uploads.limits, self._file
        left = limits.most_of_user - self._stored
        most = str(min(limits.most, left))
        words = ["-m", "hpsearch.services.received", str(file.parent), self._kind, most]
        try:
            ran(python(*words, str(limits.keep_free)), self._path, "reading it", file.parent)
        except (InputError, UnreachableError) as error:
            told = str(error).replace(str(file), self._path)
            raise type(error)(told.replace(str(file.parent / DATA), self._path)) from None

    def close(self) -> None:
        """Remove what is left of it."""
        if self._folder is None:
            return
        try:
            with writing(self._uploads.root):
                remove(self._folder)
        finally:
            self._folder = None
            self._uploads.traffic.bytes(self._owner, -self._length)
            self._uploads.traffic.end(self._owner)

    def _check(self, more: int) -> None:
        """Refuse bytes that would be too many.

        Raises:
            TooLargeError: for the limits.
            UnreachableError: for the disk.
        """
        limits = self._uploads.limits
        if self._length + more > limits.most:
            raise TooLargeError(
                f"{self._path}: has more than {size(limits.most)}, the most that an upload may"
                " have; send less"
            )
        together = self._stored + self._uploads.traffic.bytes(self._owner) + more
        self._uploads.refuse_more(self._owner, self._name, together)
        if self._uploads.free - more < limits.keep_free:
            raise UnreachableError(
                f"{self._path}: the disk of the service is nearly full; free space there"
            )
