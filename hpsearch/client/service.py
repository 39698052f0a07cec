"""A service as a script sees it: who asks, what there is, what is submitted."""

import secrets
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from hpsearch.client.connection import WORK, Connection
from hpsearch.client.logins import Logins, address, checked_token
from hpsearch.client.sent import StudySource, blocks, body_of, described
from hpsearch.client.studies import Row, ServedStudy, params_of
from hpsearch.errors import InputError


class Client:
    """A service, for scripts.

    Attributes:
        url: its address.
    """

    def __init__(
        self, url: str | None = None, token: str | None = None, *, ca_file: Path | None = None
    ) -> None:
        """A service; nothing is asked of it yet: without a token only whether it is there.

        Args:
            url: its address; None: ``HPSEARCH_SERVER``.
            token: who asks; None: that of ``HPSEARCH_TOKEN``, else the one that ``hpsearch login``
                kept.
            ca_file: certificates (PEM) of who may vouch for it; None: those that ``SSL_CERT_FILE``
                names, else the system's.

        Raises:
            InputError: no address, or one that is none; no token.
            UnreachableError: no token, and no service there.
        """
        self.url = address(url)
        shown = _kept(self.url, ca_file) if token is None else checked_token(token)
        self.connection = Connection(self.url, shown, ca_file=ca_file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self.connection.close()

    def me(self) -> Row:
        """Whose token is shown: ``name`` and ``role``."""
        return self._row("GET", "/v1/me")

    def queue(self) -> Row:
        """The ``slots`` of the service and who has them, and its ``studies``."""
        return self._row("GET", "/v1/queue")

    def studies(self, *, state: str | None = None, user: str | None = None) -> list[Row]:
        """The submitted studies, the oldest first.

        Args:
            state: only those in it: "queued", "running", "paused", "done", "cancelled", "failed".
            user: only those of that name.
        """
        asked = {"state": state, "user": user}
        params = {key: value for key, value in asked.items() if value is not None}
        found: list[Row] = self.connection.json("GET", "/v1/studies", params=params)
        return found

    def study(self, name: str) -> ServedStudy:
        """A study by its name; whether there is one is asked when something is asked of it."""
        return ServedStudy(self, name)

    def submit(
        self,
        study: StudySource,
        *,
        priority: int = 0,
        webhook: str | None = None,
        target: float | None = None,
        key: str | None = None,
    ) -> ServedStudy:
        """Have a study checked, made and queued.

        Args:
            study: a study file, or its table; paths in it are those of the service.
            priority: from -100 to 100, the higher, the earlier; above 0 for administrators.
            webhook: an address that is told of its end, its failure and its target, where the
                service allows it; None: none is.
            target: a value of the objective; that it is reached becomes an event. None: none is.
            key: is sent again with the same request, which makes no second study; None: a new one,
                so that only a lost answer is covered.

        Raises:
            InputError: what ``hpsearch run`` would refuse, or the service's rules do.
            UnreachableError: the service, or data that it cannot read.
        """
        return self.make(
            "/v1/studies", study, key, priority=priority, webhook=webhook, target=target
        )

    def check(self, study: StudySource) -> Row:
        """What ``hpsearch check --json`` says of a study file, and the lines that it says."""
        return self.send("/v1/check", study, {})

    def upload(self, file: str | Path, name: str | None = None, *, shared: bool = False) -> Row:
        """Put a file of data on the service, for studies of one's own.

        Args:
            file: a table, an npz or an archive of images; its ending says which.
            name: what it is called there; None: the file's name.
            shared: whether other users' studies may have it, too.

        Returns:
            Its row; ``path`` is what ``dataset.path`` of a study file names it by.

        Raises:
            InputError: what the service refuses.
            UnreachableError: the file, or the service.
        """
        path = Path(file)
        params = {"shared": "true"} if shared else {}
        return self._row(
            "PUT", f"/v1/datasets/{quote(name or path.name, safe='')}", again=True, params=params,
            seconds=WORK, content=lambda: blocks(path), headers=described(path),
        )  # fmt: skip

    def datasets(self) -> list[Row]:
        """The data sets that were uploaded, as far as they may be seen."""
        found: list[Row] = self.connection.json("GET", "/v1/datasets")
        return found

    def remove_dataset(self, name: str) -> None:
        """Remove an upload of one's own that no study needs any more."""
        self.connection.ask("DELETE", f"/v1/datasets/{quote(name, safe='')}")

    def make(
        self, path: str, study: StudySource, key: str | None, **asked: str | float | None
    ) -> ServedStudy:
        """Have a route make a study of a study file; the arguments are :meth:`submit`'s."""
        made = self.send(path, study, params_of(**asked), key)
        return ServedStudy(self, str(made["name"]), made)

    def send(
        self, path: str, study: StudySource, params: Mapping[str, Any], key: str | None = None
    ) -> Row:
        """Send a study file to a route that takes one; what it answers."""
        kind, content = body_of(study)
        headers = {"Content-Type": kind, "Idempotency-Key": key or secrets.token_hex(16)}
        return self._row(
            "POST", path, again=True, params=params, content=content, headers=headers, seconds=WORK
        )

    def _row(self, method: str, path: str, **parts: Any) -> Row:
        found: Row = self.connection.json(method, path, **parts)
        return found


def _kept(url: str, ca_file: Path | None) -> str:
    """The token that is kept for an address.

    Raises:
        InputError: there is none.
        UnreachableError: nor a service, which is told first: perhaps the address is wrong.
    """
    try:
        return Logins().token_for(url)
    except InputError:
        with closing(Connection(url, "none", ca_file=ca_file)) as connection:
            connection.ask("GET", "/healthz")  # which asks for no token
        raise
