"""Surroundings of a command, of every kind: what a user's machine may be like."""

import dataclasses
import os
import pwd
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn


@dataclasses.dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a command finds where it is started."""

    variables: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    """Environment variables; None: it is not set."""
    encoding: str = "utf-8"
    """Of standard streams."""
    closed: Sequence[int] = ()
    """Standard streams that are closed, by their descriptors."""
    full: Sequence[int] = ()
    """Standard streams that go to a full disk."""
    has_folder: bool = True
    """Whether the working folder is there."""
    is_known: bool = True
    """Whether the system has a name and a home for the user."""
    umask: int = 0o022
    warnings_are_errors: bool = False

    def among(self, environment: Mapping[str, str]) -> dict[str, str]:
        """All variables, where others are as in an environment."""
        named = {**environment, **self.variables}
        return {name: value for name, value in named.items() if value is not None}

    def settle(self, streams: Sequence[int]) -> None:
        """Make it so in this process, which nothing else uses any more; but for variables.

        Args:
            streams: descriptors of what standard streams are, where they are neither closed nor
                full.
        """
        os.umask(self.umask)
        if not self.has_folder:
            os.chdir(gone := tempfile.mkdtemp())
            Path(gone).rmdir()
        if not self.is_known:

            def unknown(_: object) -> NoReturn:
                raise KeyError

            pwd.getpwuid = pwd.getpwnam = unknown
        if self.warnings_are_errors:
            sys.warnoptions.append("error")
            warnings.simplefilter("error")
        self._open_streams(streams)

    def _open_streams(self, streams: Sequence[int]) -> None:
        """Standard streams as Python makes them at its start."""
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        for number, (mode, errors, buffering) in enumerate(
            (("r", "strict", -1), ("w", "strict", -1), ("w", "backslashreplace", 1))
        ):
            if number in self.full:
                full = os.open("/dev/full", os.O_RDWR)
                os.dup2(full, number)
                os.close(full)
            stream = None
            if number in self.closed:
                os.close(number)
            else:
                stream = open(  # noqa: SIM115
                    number, mode, buffering, encoding=self.encoding, errors=errors, closefd=False
                )
            setattr(sys, ("stdin", "stdout", "stderr")[number], stream)
