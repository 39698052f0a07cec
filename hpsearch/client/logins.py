"""Which token is shown to which service: ``HPSEARCH_TOKEN``, else what ``hpsearch login`` kept."""

import contextlib
import json
import os
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from hpsearch.environment import SERVER_VARIABLE, TOKEN_VARIABLE
from hpsearch.errors import InputError, UnreachableError
from hpsearch.text import show

LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""Hosts that are this machine."""


def address(url: str | None) -> str:
    """The address of a service, as it is kept and shown: without a slash at its end.

    Args:
        url: ``http`` or ``https``, with a path where a proxy has one; None: ``HPSEARCH_SERVER``.

    Raises:
        InputError: there is none, or it is none of a service, or holds a token or a password.
    """
    given = os.environ.get(SERVER_VARIABLE, "") if url is None else url
    if not given.strip():
        raise InputError(
            f"no service was named; give its address, such as http://127.0.0.1:8080, or set"
            f" {SERVER_VARIABLE}"
        )
    try:
        parts = urlsplit(given.strip())
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port  # which is looked at now
    except ValueError:
        is_address = False
    if not is_address:
        raise InputError(
            f"{show(given)}: is not the address of a service; write it as http://127.0.0.1:8080"
        )
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise InputError(
            f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}: leave out what follows the"
            " address, or stands before the host; a token is given to hpsearch login, or in"
            f" {TOKEN_VARIABLE}"
        )
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def is_here(url: str) -> bool:
    """Whether an address is on this machine."""
    return urlsplit(url).hostname in LOOPBACK


def checked_token(token: str) -> str:
    """A token without the space around it.

    Raises:
        InputError: it is none that a header can hold.
    """
    shown = token.strip()
    if not shown or not shown.isascii() or not shown.isprintable() or " " in shown:
        raise InputError(
            "the token is empty, or has characters that no token has; copy all of what hpsearch"
            " token add printed"
        )
    return shown


class Logins:
    """The tokens that ``hpsearch login`` kept, in a file which only its owner may read."""

    def __init__(self, file: Path | None = None) -> None:
        """Args: where they are, or will be; None: among the user's settings."""
        self.file = file or _settings() / "hpsearch" / "logins.json"

    def all(self) -> dict[str, str]:
        """By address the token.

        Raises:
            UnreachableError: the file cannot be read, others can read it, or it holds none.
        """
        try:
            about = self.file.stat()
            found = json.loads(self.file.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._unreadable(f"cannot be read: {error.strerror}") from None
        except ValueError:
            found = None
        if about.st_mode & 0o077:
            raise self._unreadable("others can read it (chmod 600)")
        if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
            raise self._unreadable("does not hold tokens as hpsearch login writes them")
        return found

    def token_for(self, url: str) -> str:
        """The token for an address: that of ``HPSEARCH_TOKEN``, else the one that was kept.

        Raises:
            InputError: there is neither.
        """
        if given := os.environ.get(TOKEN_VARIABLE, ""):
            return checked_token(given)
        if (kept := self.all().get(url)) is None:
            raise InputError(
                f"{url}: there is no token for it; keep one with hpsearch login {url}, or set"
                f" {TOKEN_VARIABLE}"
            )
        return checked_token(kept)

    def keep(self, url: str, token: str) -> None:
        """Keep the token for an address, in place of the one before.

        Raises:
            UnreachableError: the file cannot be written.
        """
        self._write({**self.all(), url: token})

    def forget(self, url: str) -> bool:
        """Forget the token for an address; whether there was one."""
        known = self.all()
        if url not in known:
            return False
        del known[url]
        self._write(known)
        return True

    def _write(self, known: dict[str, str]) -> None:
        """Write the file whole or not at all."""
        folder = self.file.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle, made = tempfile.mkstemp(dir=folder, prefix=".logins-")  # for its owner alone
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump(known, file, indent=1)
                Path(made).replace(self.file)
            except BaseException:
                with contextlib.suppress(OSError):
                    Path(made).unlink()
                raise
        except OSError as error:
            raise UnreachableError(
                f"{self.file}: cannot be written: {error.strerror}; set {TOKEN_VARIABLE} instead"
            ) from None

    def _unreadable(self, why: str) -> UnreachableError:
        return UnreachableError(
            f"{self.file}: {why}; mend that, or remove it and log in again (hpsearch login URL)"
        )


def _settings() -> Path:
    """Where programs keep a user's settings.

    Raises:
        UnreachableError: the user has no home.
    """
    if (given := os.environ.get("XDG_CONFIG_HOME", "")) and Path(given).is_absolute():
        return Path(given)
    try:
        return Path.home() / ".config"
    except RuntimeError:
        raise UnreachableError(
            f"you have no home folder to keep tokens in; set {TOKEN_VARIABLE} instead"
        ) from None
