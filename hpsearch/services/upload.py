"""An upload: a name for data that a user sent to the service; limits, and what is refused."""

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from hpsearch.errors import InputError
from hpsearch.fields import Section
from hpsearch.files import PLAIN_NAME

PREFIX = "upload:"
"""How ``dataset.path`` of a study file names an upload: "upload:NAME", "upload:OWNER/NAME"."""


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

    name: Annotated[str, Field(pattern=rf"^{PLAIN_NAME}$")]
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


class Traffic:
    """What arrives of each user just now, by any number of threads."""

    def __init__(self) -> None:
        """Nothing does so far."""
        self._lock = threading.Lock()
        self._bytes: Counter[str] = Counter()
        self._uploads: Counter[str] = Counter()

    def begin(self, user: str, most: int) -> None:
        """Count one more upload of a user; :meth:`end` counts it no longer.

        Raises:
            BusyError: there are so many already.
        """
        with self._lock:
            if self._uploads[user] >= most:
                raise BusyError(
                    f"{most} of your uploads arrive already; send this one when they are there"
                )
            self._uploads[user] += 1

    def end(self, user: str) -> None:
        """See :meth:`begin`."""
        with self._lock:
            self._uploads[user] -= 1

    def bytes(self, user: str, more: int = 0) -> int:
        """Bytes of a user that arrive, after ``more`` of them came, or went where below 0."""
        with self._lock:
            self._bytes[user] += more
            return self._bytes[user]
