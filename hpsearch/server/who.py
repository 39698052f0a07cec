"""Who asks: the token of a request, in a header or by a cookie, and what it allows.

Right tokens are let in however many wrong ones came from the same address, as a proxy has one
address for all: what a token is cannot be guessed, and the limit keeps guesses out of the log.
"""

import hmac
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from hpsearch.server.logs import told
from hpsearch.server.problems import RefusedError
from hpsearch.server.tokens import Role, Token, Tokens

WRONG, WITHIN = 10, 60.0
"""Wrong tokens of one address within so many seconds, after which it is told to wait."""

MOST_ADDRESSES = 10_000
"""Addresses whose wrong tokens are remembered."""

SESSION = 12 * 3600
"""Seconds for which a browser that entered by a token stays in."""

_BEARER = HTTPBearer(auto_error=False, description="A token: hpsearch token add NAME.")
"""For the description alone: :class:`Gate` looks at headers and cookies."""

_log = logging.getLogger(__name__)


class Misses:
    """Counts the wrong tokens of each address."""

    def __init__(self) -> None:
        self._misses: OrderedDict[str, tuple[int, float]] = OrderedDict()
        """How many came, and until when they count (``time.monotonic``)."""

    def miss(self, address: str) -> float | None:
        """Count one; seconds for which the address has to wait, None while it may go on."""
        now = time.monotonic()
        count, until = self._misses.pop(address, (0, 0.0))
        if now >= until:
            count, until = 0, now + WITHIN
        self._misses[address] = count + 1, until
        while len(self._misses) > MOST_ADDRESSES:
            self._misses.popitem(last=False)
        if count == WRONG:
            facts = told("wrong tokens", client=address)
            _log.warning("%s: %d wrong tokens within a minute", address, WRONG, extra=facts)
        return until - now if count >= WRONG else None


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Finds out whose request it is."""

    tokens: Tokens
    cookie: str
    """The name of the cookie that stands for a token; cookies do not know ports."""
    misses: Misses = field(default_factory=Misses)

    def token_of(self, request: Request) -> Token:
        """The token that a request shows.

        Raises:
            RefusedError: it shows none, or a wrong one.
            UnreachableError: the tokens cannot be read.
        """
        kind, _, shown = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            found = self.tokens.find(shown.strip())
        elif (cookie := request.cookies.get(self.cookie)) is not None:
            found = self._of_session(cookie)
        else:
            raise _unknown("show a token: Authorization: Bearer TOKEN (hpsearch token add NAME)")
        if found is None:
            self.miss(request)
            if not self.tokens.all():
                raise _unknown(
                    "this service has no tokens now (tokens.json is gone or empty); whoever runs it"
                    " adds them: hpsearch token add NAME"
                )
            raise _unknown("the token is wrong, or was revoked; ask an administrator for one")
        request.state.token = found
        return found

    def miss(self, request: Request) -> None:
        """Count a wrong token.

        Raises:
            RefusedError: too many came from the same address.
        """
        address = request.client.host if request.client else ""
        if (seconds := self.misses.miss(address)) is not None:
            wait = str(int(seconds) + 1)
            raise RefusedError(429, f"too many wrong tokens; wait {wait} s", {"Retry-After": wait})

    def session(self, token: Token) -> str:
        """What a browser keeps in place of a token: worth nothing when the token is revoked."""
        until = str(int(time.time()) + SESSION)
        return f"{token.name}:{until}:{_mac(token, until)}"

    def _of_session(self, cookie: str) -> Token | None:
        """The token that a cookie stands for; None: none, or its time is over."""
        name, _, rest = cookie.partition(":")
        until, _, mac = rest.partition(":")
        token = self.tokens.named(name)
        known = mac.encode("utf-8", "replace")
        if token is None or not hmac.compare_digest(known, _mac(token, until).encode()):
            return None
        return token if until.isdecimal() and time.time() < int(until) else None


def _mac(token: Token, until: str) -> str:
    """What only who knows the hash of a token can say of a time."""
    text = f"hpsearch session {token.name} {until}".encode("utf-8", "replace")
    return hmac.new(token.digest.encode(), text, "sha256").hexdigest()


def _unknown(why: str) -> RefusedError:
    return RefusedError(401, why, {"WWW-Authenticate": "Bearer"})


def _asking(role: Role) -> Callable[..., Awaitable[Token]]:
    """Finds the token of a request that needs a role.

    As a coroutine it needs no thread: the file of tokens is small, and read only when it changed.
    """

    async def find(request: Request, _: Annotated[object, Depends(_BEARER)]) -> Token:
        gate: Gate = request.app.state.gate
        token = gate.token_of(request)
        if not token.role.allows(role):
            raise RefusedError(
                403, f"token {token.name} may {token.role}, and this needs {role}; ask for another"
            )
        return token

    return find


Reader = Annotated[Token, Depends(_asking(Role.READ))]
"""Who may see things."""

Submitter = Annotated[Token, Depends(_asking(Role.SUBMIT))]
"""Who may submit studies, and change their own."""


def may_change(token: Token, user: str | None) -> None:
    """Refuse that somebody changes another one's study, unless it is an administrator.

    Args:
        token: who asks.
        user: whose study it is; None: it was not submitted.

    Raises:
        RefusedError: so it is.
    """
    if token.role is not Role.ADMIN and token.name != user:
        whose = "was not submitted" if user is None else f"is {user}'s"
        raise RefusedError(
            403, f"the study {whose}, and token {token.name} may do this with its own only"
        )
