"""A place that all machines reach, for what trials need to go on elsewhere: through fsspec.

Homes are folders of one machine (or of a file system that several mount, and then nothing of this
is needed). With a share, a bucket for example, checkpoints, curves and kept weights of trials are
put there as well, and fetched by whoever goes on with a trial. A share that cannot be reached costs
that, never the trial.
"""

import logging
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from hpsearch.environment import SHARE_VARIABLE
from hpsearch.errors import InputError, UnreachableError
from hpsearch.files import new_file, partial_of
from hpsearch.home import CHECKPOINTS, CURVES, INPUTS, WEIGHTS, Home

EVERY = 5.0
"""Seconds between two looks for a new checkpoint."""

GRACE = 30.0
"""Seconds that a trial that is over waits for its last files to be put there."""

ANSWER = 10.0
"""Seconds within which the place has to answer whether it can be written."""

_log = logging.getLogger(__name__)


class Share:
    """The files of a study's trials at an fsspec URL, laid out as in a home."""

    def __init__(self, url: str, home: Home, study: str, key: str) -> None:
        """Name the place; it is reached when something is put or fetched.

        Args:
            url: ``s3://bucket/folder``, ``file:///mnt/folder`` or any other that fsspec knows.
            home: where the files lie on this machine.
            study: the study's name, and its folder's in the home.
            key: its folder's name at the place, where studies of other storages are too.

        Raises:
            InputError: fsspec, or what it needs for that kind of URL, is not installed.
        """
        try:
            import fsspec  # noqa: PLC0415  # an extra

            scheme, found, _ = url.rpartition("::")[2].partition("://")
            fsspec.get_filesystem_class(scheme if found else "file")
        except (ImportError, ValueError) as error:
            # Not the URL, which may hold a password.
            raise InputError(
                f"{SHARE_VARIABLE} ({url.partition('://')[0]}://...): {error}; correct it, or"
                " install what it needs (pip install 'hpsearch[ray]' installs fsspec itself)"
            ) from None
        home.study_runs(key)  # refuses a name that would lead elsewhere
        self._connect = partial(fsspec.core.url_to_fs, url)
        is_here = not found or scheme in ("file", "local")
        self._shown = url if is_here else f"{scheme}://..."  # which may hold a password
        self._home, self._study, self._key = home, study, key
        self._put: dict[Path, int] = {}
        """Files as they were put there last, by their time of change."""
        self._failed: set[str] = set()
        """What has failed and was said: a share that is away is not said every few seconds."""

    @classmethod
    def find(cls, home: Home, study: str, key: str) -> "Share | None":
        """The share that ``HPSEARCH_SHARE`` names, if it does; the arguments are those of a share.

        Raises:
            InputError: as for making one.
        """
        url = os.environ.get(SHARE_VARIABLE)
        return cls(url, home, study, key) if url else None

    @cached_property
    def _place(self) -> tuple[Any, str]:
        """The file system, and the study's folder there. Some connect when they are made.

        A folder of this machine is not made: where one is not mounted, another would stand there.
        """
        from fsspec.implementations.local import LocalFileSystem  # noqa: PLC0415  # an extra

        files, root = self._connect()
        if isinstance(files, LocalFileSystem) and not files.isdir(root):
            raise UnreachableError(f"{root} is not a folder of this machine")
        return files, f"{root}/runs/{self._key}"

    def problem(self) -> str | None:
        """What is wrong with the place, and the cure; None: files can be put there.

        That is tried, for ``ANSWER`` seconds at most.
        """
        said: list[str | None] = []
        thread = threading.Thread(target=lambda: said.append(self._tried()), daemon=True)
        thread.start()
        thread.join(timeout=ANSWER)
        why = said[0] if said else f"it does not answer within {ANSWER:.0f} seconds"
        if why is None:
            return None
        return (
            f"{SHARE_VARIABLE} ({self._shown}): nothing can be written there: {why}; make or mount"
            " it, correct the variable, or unset it"
        )

    def _tried(self) -> str | None:
        """Put a file there and remove it; what went wrong."""
        try:
            files, folder = self._place
            root = folder.removesuffix(f"/runs/{self._key}")
            file = f"{root}/.hpsearch-{secrets.token_hex(8)}"
            files.pipe_file(file, b"")
            files.rm_file(file)
        except Exception as error:  # noqa: BLE001  # whatever a service may say
            return str(getattr(error, "strerror", None) or error or type(error).__name__)
        return None

    def fetch(self, numbers: Sequence[int]) -> None:
        """Get the checkpoints of the first trial that has any, unless one is here.

        Args:
            numbers: trials that one goes on for, the latest first.
        """
        for number in numbers:
            folder = self._home.trial_run(self._study, number)
            if any((folder / name).exists() for name in CHECKPOINTS):
                return
            if self.get(number, CHECKPOINTS):
                return

    def get(self, number: int, names: Sequence[str]) -> bool:
        """Get those of a trial's files that are there; whether there were any."""
        return self._try("give anything", partial(self._get, number, names))

    def _get(self, number: int, names: Sequence[str]) -> bool:
        folder, there = self._home.trial_run(self._study, number), self._folder(number)
        files, _ = self._place
        files.invalidate_cache()  # others put files there too
        found = [name for name in names if files.exists(f"{there}/{name}")]
        for name in found:
            self._home.make(folder)
            beside = partial_of(folder / name)
            new_file(beside).close()  # it would be written to where a link of that name leads
            files.get_file(f"{there}/{name}", str(beside))
            beside.replace(folder / name)
        return bool(found)

    @contextmanager
    def following(self, number: int) -> Iterator[None]:
        """While the block runs, put each new checkpoint of a trial there, and all at its end."""
        ended = threading.Event()

        def follow() -> None:
            while not ended.wait(EVERY):
                self.put(number, CHECKPOINTS[:1])
            self.put(number, (CHECKPOINTS[0], CURVES, INPUTS, WEIGHTS))

        thread = threading.Thread(target=follow, name="share", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(timeout=GRACE)
            if thread.is_alive():
                _log.warning("the share has not received all files of trial %d; continuing", number)

    def put(self, number: int, names: Sequence[str]) -> None:
        """Put what has changed of a trial's files there."""
        for name in names:
            file = self._home.trial_run(self._study, number) / name
            self._try(f"keep {name}", partial(self._send, file, number))

    def _send(self, file: Path, number: int) -> bool:
        """Put a file there whole, under another name first, unless it has not changed."""
        changed = file.stat().st_mtime_ns
        if self._put.get(file) == changed:
            return True
        (files, _), folder = self._place, self._folder(number)
        files.makedirs(folder, exist_ok=True)
        beside = f"{folder}/{file.name}.partial"
        with suppress(FileNotFoundError):  # as in _get: a link of that name may lie there
            files.rm_file(beside)
        files.put_file(str(file), beside)
        files.mv(beside, f"{folder}/{file.name}")
        self._put[file] = changed
        return True

    def files(self) -> dict[int, list[str]]:
        """The names of the files that are there, by trial."""
        found: dict[int, list[str]] = {}

        def look() -> bool:
            files, root = self._place
            files.invalidate_cache()
            for path in files.find(root):
                folder, _, name = str(path).rpartition("/")
                number = folder.rpartition("trial-")[2]
                if number.isdecimal():
                    found.setdefault(int(number), []).append(name)
            return True

        self._try("be listed", look)
        return found

    def remove(self, number: int, names: Sequence[str]) -> None:
        """Remove files of a trial that are there."""
        for name in names:
            self._try(f"remove {name}", partial(self._remove, number, name))

    def _remove(self, number: int, name: str) -> None:
        self._place[0].rm_file(f"{self._folder(number)}/{name}")

    def remove_all(self) -> None:
        """Remove all that the study's trials have put there."""

        def remove() -> None:
            files, root = self._place
            files.rm(root, recursive=True)

        self._try(f"remove {self._study}", remove)

    def _folder(self, number: int) -> str:
        return f"{self._place[1]}/{self._home.trial_run(self._study, number).name}"

    def _try(self, what: str, action: Callable[[], Any]) -> bool:
        """Whether an action gave something; what goes wrong is logged, once until it works."""
        try:
            found = bool(action())
        except FileNotFoundError:  # somebody has just removed it
            return False
        except Exception as error:  # noqa: BLE001  # whatever a service may say
            if what not in self._failed:
                _log.warning("the share could not %s: %s", what, error)
            self._failed.add(what)
            return False
        self._failed.discard(what)
        return found
