"""A place that all machines reach, for what trials need to go on elsewhere: through fsspec.

Homes are folders of one machine (or of a file system that several mount, and then nothing of this
is needed). With a share, a bucket for example, checkpoints, curves and kept weights of trials are
put there as well, and fetched by whoever goes on with a trial. A share that cannot be reached costs
that, never the trial.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from hpsearch.environment import SHARE_VARIABLE
from hpsearch.errors import InputError
from hpsearch.home import CHECKPOINTS, CURVES, WEIGHTS, Home

EVERY = 5.0
"""Seconds between two looks for a new checkpoint."""

GRACE = 30.0
"""Seconds that a trial that is over waits for its last files to be put there."""

_log = logging.getLogger(__name__)


class Share:
    """The files of trials at an fsspec URL, laid out as in a home."""

    def __init__(self, url: str, home: Home) -> None:
        """Name the place; it is reached when something is put or fetched.

        Args:
            url: ``s3://bucket/folder``, ``file:///mnt/folder`` or any other that fsspec knows.
            home: where the files lie on this machine.

        Raises:
            InputError: fsspec, or what it needs for that kind of URL, is not installed.
        """
        try:
            import fsspec  # noqa: PLC0415  # an extra

            self._files, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            # Not the URL, which may hold a password.
            raise InputError(
                f"{SHARE_VARIABLE} ({url.partition('://')[0]}://...): {error}; correct it, or"
                " install what it needs (pip install 'hpsearch[ray]' has fsspec itself)"
            ) from None
        self._home = home
        self._put: dict[Path, int] = {}
        """Files as they were put there last, by their time of change."""
        self._failed: set[str] = set()
        """What has failed and was said: a share that is away is not said every few seconds."""

    @classmethod
    def find(cls, home: Home) -> "Share | None":
        """The share that ``HPSEARCH_SHARE`` names, if it does.

        Raises:
            InputError: as for making one.
        """
        url = os.environ.get(SHARE_VARIABLE)
        return cls(url, home) if url else None

    def fetch(self, study: str, numbers: Sequence[int]) -> None:
        """Get the checkpoints of the first trial that has any, unless one is here.

        Args:
            study: the study's name.
            numbers: trials that one goes on for, the latest first.
        """
        for number in numbers:
            folder = self._home.trial_run(study, number)
            if any((folder / name).exists() for name in CHECKPOINTS):
                return
            if self.get(study, number, CHECKPOINTS):
                return

    def get(self, study: str, number: int, names: Sequence[str]) -> bool:
        """Get those of a trial's files that are there; whether there were any."""
        return self._try("give anything", partial(self._get, study, number, names))

    def _get(self, study: str, number: int, names: Sequence[str]) -> bool:
        folder, there = self._home.trial_run(study, number), self._folder(study, number)
        self._files.invalidate_cache()  # others put files there too
        found = [name for name in names if self._files.exists(f"{there}/{name}")]
        for name in found:
            folder.mkdir(parents=True, exist_ok=True)
            beside = folder / f".partial.{name}"
            self._files.get_file(f"{there}/{name}", str(beside))
            beside.replace(folder / name)
        return bool(found)

    @contextmanager
    def following(self, study: str, number: int) -> Iterator[None]:
        """While the block runs, put each new checkpoint of a trial there, and all at its end."""
        ended = threading.Event()

        def follow() -> None:
            while not ended.wait(EVERY):
                self.put(study, number, CHECKPOINTS[:1])
            self.put(study, number, (CHECKPOINTS[0], CURVES, WEIGHTS))

        thread = threading.Thread(target=follow, name="share", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(timeout=GRACE)
            if thread.is_alive():
                _log.warning("the share has not taken all of trial %d; going on", number)

    def put(self, study: str, number: int, names: Sequence[str]) -> None:
        """Put what has changed of a trial's files there."""
        for name in names:
            file = self._home.trial_run(study, number) / name
            try:
                changed = file.stat().st_mtime_ns
            except FileNotFoundError:
                continue
            there = f"{self._folder(study, number)}/{name}"
            if self._put.get(file) != changed and self._try(
                f"keep {name}", partial(self._send, file, there)
            ):
                self._put[file] = changed

    def _send(self, file: Path, there: str) -> bool:
        """Put a file there whole: under another name first."""
        self._files.makedirs(there.rpartition("/")[0], exist_ok=True)
        self._files.put_file(str(file), f"{there}.partial")
        self._files.mv(f"{there}.partial", there)
        return True

    def files(self, study: str) -> dict[int, list[str]]:
        """The names of the files that are there, by trial."""
        found: dict[int, list[str]] = {}

        def look() -> bool:
            self._files.invalidate_cache()
            for path in self._files.find(self._study(study)):
                folder, _, name = str(path).rpartition("/")
                number = folder.rpartition("trial-")[2]
                if number.isdecimal():
                    found.setdefault(int(number), []).append(name)
            return True

        self._try("be listed", look)
        return found

    def remove(self, study: str, number: int, names: Sequence[str]) -> None:
        """Remove files of a trial that are there."""
        for name in names:
            there = f"{self._folder(study, number)}/{name}"
            self._try(f"remove {name}", partial(self._files.rm_file, there))

    def remove_study(self, study: str) -> None:
        """Remove all that trials of a study have put there."""
        remove = partial(self._files.rm, self._study(study), recursive=True)
        self._try(f"remove {study}", remove)

    def _study(self, study: str) -> str:
        return f"{self._root}/runs/{study}"

    def _folder(self, study: str, number: int) -> str:
        return f"{self._study(study)}/{self._home.trial_run(study, number).name}"

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
