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
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from hpsearch.environment import SHARE_VARIABLE
from hpsearch.errors import InputError
from hpsearch.home import CHECKPOINTS, CURVES, WEIGHTS, Home

EVERY = 5.0
"""Seconds between two looks for a new checkpoint."""

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
            raise InputError(f"{SHARE_VARIABLE} = {url}: {error}") from None
        self._home = home
        self._put: dict[Path, int] = {}
        """Files as they were put there last, by their time of change."""

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
            if self._try(f"fetch trial {number}", partial(self._get, study, number)):
                return

    def _get(self, study: str, number: int) -> bool:
        """Whether a trial's checkpoint was there; it is here now."""
        folder, there = self._home.trial_run(study, number), self._folder(study, number)
        found = [name for name in CHECKPOINTS if self._files.exists(f"{there}/{name}")]
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
                self.put(study, number, CHECKPOINTS)

        thread = threading.Thread(target=follow, name="share", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self.put(study, number, (*CHECKPOINTS, CURVES, WEIGHTS))

    def put(self, study: str, number: int, names: Sequence[str]) -> None:
        """Put what has changed of a trial's files there."""
        for name in names:
            file = self._home.trial_run(study, number) / name
            with suppress(FileNotFoundError):
                changed = file.stat().st_mtime_ns
                if self._put.get(file) == changed:
                    continue
                there = f"{self._folder(study, number)}/{name}"
                if self._try(f"keep {name}", partial(self._send, file, there)):
                    self._put[file] = changed

    def _send(self, file: Path, there: str) -> bool:
        """Put a file there whole: under another name first."""
        self._files.makedirs(there.rpartition("/")[0], exist_ok=True)
        self._files.put_file(str(file), f"{there}.partial")
        self._files.mv(f"{there}.partial", there)
        return True

    def numbers(self, study: str) -> list[int]:
        """The trials of a study of which there is something."""
        found: list[int] = []

        def look() -> bool:
            self._files.invalidate_cache()  # others put files there too
            for path in self._files.ls(f"{self._root}/runs/{study}", detail=False):
                number = path.rstrip("/").rpartition("trial-")[2]
                found.extend([int(number)] if number.isdecimal() else [])
            return True

        with suppress(FileNotFoundError):
            self._try("be listed", look)
        return found

    def remove(self, study: str, number: int, names: Sequence[str]) -> None:
        """Remove files of a trial, if they are there."""
        for name in names:
            there = f"{self._folder(study, number)}/{name}"
            with suppress(FileNotFoundError):
                self._try(f"remove {name}", partial(self._files.rm_file, there))

    def _folder(self, study: str, number: int) -> str:
        return f"{self._root}/runs/{study}/{self._home.trial_run(study, number).name}"

    @staticmethod
    def _try(what: str, action: Callable[[], Any]) -> bool:
        """Whether an action gave something; what goes wrong is logged."""
        try:
            return bool(action())
        except FileNotFoundError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever a service may say
            _log.warning("the share could not %s: %s", what, error)
            return False
