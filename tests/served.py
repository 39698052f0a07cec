"""A service in this process, and requests to it."""

from dataclasses import dataclass

from fastapi.testclient import TestClient
from httpx2 import Response

from hpsearch.home import Home
from hpsearch.search.storage import Storage
from hpsearch.server.scheduler import Scheduler
from hpsearch.server.tokens import Tokens
from hpsearch.server.who import Gate

STUDY = """\
name = "{name}"
[dataset]
source = "digits"
[budget]
trials = {trials}
[training]
epochs = 3
[space]
layers = {{ type = "int", low = 1, high = 2 }}
"""


@dataclass(frozen=True, kw_only=True)
class Served:
    """A service, and what it stands on."""

    home: Home
    storage: Storage
    tokens: Tokens
    gate: Gate
    scheduler: Scheduler
    client: TestClient
    shown: dict[str, str]
    """The token of each name: those of the roles, "other" (submit), "revoked" and "wrong"."""

    def ask(self, method: str, path: str, who: str | None = "admin", **options: object) -> Response:
        """Send a request with the token of somebody; None: without any."""
        headers = {} if who is None else {"Authorization": f"Bearer {self.shown[who]}"}
        given = options.pop("headers", {})
        assert isinstance(given, dict)
        return self.client.request(method, path, headers=headers | given, **options)  # type: ignore[arg-type]

    def submit(
        self, name: str = "small", who: str = "submit", *, trials: int = 5, path: str = "",
        **headers: str,
    ) -> Response:  # fmt: skip
        given = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.ask(
            "POST", f"/v1/studies{path}", who,
            content=STUDY.format(name=name, trials=trials),
            headers={"Content-Type": "application/toml"} | given,
        )  # fmt: skip
