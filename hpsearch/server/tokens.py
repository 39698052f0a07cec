"""The tokens of the service: who holds one, and what it allows. Only their hashes are kept.

A token is drawn by us and has 256 random bits, so that its SHA-256 alone tells nothing of it: slow
hashes are for passwords, which people choose.
"""

import hashlib
import hmac
import os
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from filelock import FileLock
from pydantic import Field, TypeAdapter, ValidationError

from hpsearch.errors import InputError, UnreachableError
from hpsearch.fields import Section
from hpsearch.text import closest, show

PREFIX = "hps_"
"""How every token begins, so that programs that look for leaked secrets know one."""

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}"
"""The names that tokens may have: words, which stand in the history of studies."""

MOST_BYTES = 2**20
"""Of the file of tokens; some thousands of them."""


class Role(StrEnum):
    """What a token allows; each role allows what those before it do."""

    READ = "read"
    """To see studies, trials and the queue."""
    SUBMIT = "submit"
    """To submit studies, and to pause, resume and cancel one's own."""
    ADMIN = "admin"
    """To do so with everybody's, and to give a study a priority above 0."""

    def allows(self, needed: "Role") -> bool:
        """Whether who has this role may do what needs another one."""
        order = [*Role]
        return order.index(self) >= order.index(needed)


class Token(Section):
    """A token as it is kept: everything but the token."""

    name: Annotated[str, Field(pattern=rf"^{NAME}$")]
    """Whose it is; no two have the same."""
    role: Role
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the token, as hexadecimal digits."""
    added: str
    """When, in UTC, as ISO 8601."""


_TOKENS = TypeAdapter(tuple[Token, ...])


def digest_of(token: str) -> str:
    """The SHA-256 of a token, as hexadecimal digits."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


class Tokens:
    """The tokens in a file, which only its owner may read."""

    def __init__(self, file: Path) -> None:
        """Args: where they are, or will be."""
        self._file = file
        self._seen: tuple[object, Sequence[Token]] = (None, ())

    def all(self) -> Sequence[Token]:
        """All tokens, in the order in which they were added; read anew where the file has changed.

        Raises:
            UnreachableError: the file cannot be read, others can read it, or it holds no tokens.
        """
        try:
            opened = os.open(self._file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise _unreadable(self._file, str(error.strerror)) from None
        try:
            about = os.fstat(opened)
            if not stat.S_ISREG(about.st_mode):
                raise _unreadable(self._file, "is not a file")
            if about.st_mode & 0o077:
                raise _unreadable(self._file, "others can read it (chmod 600)")
            version = about.st_ino, about.st_mtime_ns, about.st_size
            if self._seen[0] != version:
                self._seen = version, self._parse(os.read(opened, MOST_BYTES))
        finally:
            os.close(opened)
        return self._seen[1]

    def _parse(self, content: bytes) -> Sequence[Token]:
        try:
            return _TOKENS.validate_json(content)
        except ValidationError:
            raise _unreadable(self._file, "does not hold tokens as hpsearch writes them") from None

    def find(self, token: str) -> Token | None:
        """The token that was shown, by its hash; None: there is none such.

        All are compared, each in the same time whatever is wrong with it.
        """
        shown, found = digest_of(token), None
        for one in self.all():
            if hmac.compare_digest(one.digest, shown):
                found = one
        return found

    def named(self, name: str) -> Token | None:
        """The token of that name; None: it was never added, or is revoked."""
        return next((one for one in self.all() if one.name == name), None)

    def add(self, name: str, role: Role) -> str:
        """Make a token; it is given here, and never again.

        Raises:
            InputError: the name is none, or taken.
            UnreachableError: the file cannot be written.
        """
        token = PREFIX + secrets.token_urlsafe(32)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        try:
            new = Token(name=name, role=role, digest=digest_of(token), added=now)
        except ValidationError:
            raise InputError(
                f"NAME = {show(name)} is not a name for a token; use 1 to 40 letters (a to z, A to"
                " Z), digits, '.', '_' or '-', starting with a letter or digit"
            ) from None

        def with_new(known: Sequence[Token]) -> Sequence[Token]:
            if any(one.name == name for one in known):
                raise InputError(
                    f"token {name}: is there already; revoke it (hpsearch token revoke {name}), or"
                    " choose another name"
                )
            return [*known, new]

        self._change(with_new)
        return token

    def revoke(self, name: str) -> None:
        """Remove a token: who shows it from now on is refused.

        Raises:
            InputError: there is none of that name.
            UnreachableError: the file cannot be written.
        """

        def without(known: Sequence[Token]) -> Sequence[Token]:
            kept = [one for one in known if one.name != name]
            if len(kept) == len(known):
                names = [one.name for one in known]
                advice = closest(name, names) if names else "there are no tokens yet"
                raise InputError(f"token {show(name)}: not found; {advice}")
            return kept

        self._change(without)

    def _change(self, change: Callable[[Sequence[Token]], Sequence[Token]]) -> None:
        """Write what a change makes of the tokens, whole or not at all; one change at a time."""
        with _writing(self._file):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._file.with_name(f"{self._file.name}.lock"), mode=0o600):
                content = _TOKENS.dump_json(tuple(change(self.all())), indent=1)
                handle, made = tempfile.mkstemp(dir=self._file.parent, prefix=".tokens-")  # 0600
                try:
                    with os.fdopen(handle, "wb") as file:
                        file.write(content)
                        file.flush()
                        os.fsync(handle)
                    Path(made).replace(self._file)
                except BaseException:
                    Path(made).unlink(missing_ok=True)
                    raise


@contextmanager
def _writing(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnreachableError(
            f"{file}: cannot be written: {error.strerror}; check permissions and space"
        ) from None


def _unreadable(file: Path, why: str) -> UnreachableError:
    return UnreachableError(f"{file}: {why}; mend that, or remove it and add tokens anew")
