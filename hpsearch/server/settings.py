"""How the service runs, as ``hpsearch serve`` was told."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hpsearch.dashboard.server import LOOPBACK
from hpsearch.errors import InputError
from hpsearch.services.rules import Rules
from hpsearch.services.upload import Limits


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the service runs."""

    host: str = "127.0.0.1"
    port: int | None = None
    """0: any that is free; None: 8080, or any where that is taken."""
    allowed: Sequence[str] = ()
    """Names beside its own by which it may be called, such as a proxy's."""
    certificate: Path | None = None
    """With ``key``: TLS."""
    key: Path | None = None
    plain: bool = False
    """Whether other machines may connect without TLS."""
    rules: Rules = field(default_factory=Rules)
    limits: Limits = field(default_factory=Limits)
    """Of uploads."""
    most_of_user: int | None = None
    """Workers that each user may have at most; None: any number."""

    def check(self) -> None:
        """Refuse settings that do not fit together.

        Raises:
            InputError: so they do not.
        """
        if (self.certificate is None) != (self.key is None):
            raise InputError("--tls-cert and --tls-key belong together; give both, or neither")
        if self.host not in LOOPBACK and self.certificate is None and not self.plain:
            raise InputError(
                f"--host {self.host}: others on the network could read tokens and data; give"
                " --tls-cert and --tls-key, or --plain-http behind a proxy that speaks TLS"
            )
        root = self.rules.data_root
        if root is not None and not root.is_dir():
            raise InputError(f"--data-root {root}: is not a folder; create it, or give another")
