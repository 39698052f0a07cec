"""Access control of the dashboard: who may enter, from where, and what may leave.

optuna-dashboard itself lets in everybody who reaches its port, deletes a study for whoever asks,
and shows attached files as what they say they are.
"""

import hmac
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

READING = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing."""

_ALWAYS = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]
"""Headers of every answer."""

_ARTIFACT = [
    ("Content-Type", "application/octet-stream"),
    ("Content-Disposition", "attachment"),
    ("Content-Security-Policy", "default-src 'none'; sandbox"),
]
"""Headers of an artifact, which anybody may have written: saved by a browser, never shown."""

_OWN = re.compile(r"/?|/(dashboard|api|static|csv)(/.*)?|/(favicon\.ico|incompatible-rdb-schema)/?")
"""Paths whose answers optuna-dashboard makes itself; whatever else there may be is an artifact."""

_RENAME = re.compile(r"/api/studies/\d+/rename/*")

_CHANGES = re.compile(
    r"DELETE /api/studies/\d+/?"
    r"|PUT /api/studies/\d+(/\d+)?/note/?"
    r"|POST /api/artifacts/\d+(/\d+)?/?"
    r"|DELETE /api/artifacts/\d+(/\d+)?/[0-9a-fA-F-]+/?"
)
"""What may be changed: studies removed, notes written, files attached and removed. Whatever else
optuna-dashboard can do is for studies of another kind."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Refusal:
    """An answer that keeps somebody out."""

    status: str
    message: str
    headers: tuple[tuple[str, str], ...] = ()


UNKNOWN_HOST = Refusal(
    "421 Misdirected Request",
    "This address is not one of the dashboard's. Open the one that it printed, or start it with"
    " --allow-host NAME.",
)
NO_TOKEN = Refusal(
    "401 Unauthorized",
    "Open the address that hpsearch dashboard printed, with its token; scripts send the header"
    " Authorization: Bearer TOKEN.",
    (("WWW-Authenticate", "Bearer"),),
)
FOREIGN = Refusal("403 Forbidden", "Another site's page may not change anything here.")
READ_ONLY = Refusal(
    "405 Method Not Allowed",
    "This dashboard is read-only: it was started with --read-only, or by somebody without write"
    " access to the storage.",
    (("Allow", "GET, HEAD, OPTIONS"),),
)
RENAMED = Refusal(
    "403 Forbidden",
    "A study keeps its name: its workers and folders rely on it. For another name, change the key"
    " name in its file and run that file.",
)
NO_CHANGE = Refusal(
    "403 Forbidden",
    "The dashboard changes notes and attached files, and removes studies; the rest is done by"
    " hpsearch's commands (run makes a study, enqueue a trial).",
)
NOT_FOUND = Refusal("404 Not Found", "There is nothing here.")


@dataclass(frozen=True, kw_only=True)
class AccessControl:
    """A WSGI application around another one."""

    app: "WSGIApplication"
    """What it protects."""
    hosts: frozenset[str]
    """Host names, without port, that the dashboard answers to: others are pages that had their
    name point here (DNS rebinding)."""
    allowed: frozenset[str] = frozenset()
    """Those of them that a proxy in front of it goes by: pages of such a name are its own, though
    the proxy may call it by another."""
    token: str | None
    """Who shows it may enter; None: everybody may."""
    cookie: str = "hpsearch"
    """Name of the cookie that stands for the token. Cookies do not know ports: two dashboards on
    one machine need two names."""
    session: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    """What is in the cookie. Browsers send it to every port of the machine, so that it is not the
    token itself, and is worth nothing when this server has ended."""
    read_only: bool = False
    """Whether nothing may be changed."""

    def __call__(self, environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request, or have it answered."""
        refusal = self._refusal(environ)
        if refusal is not None:
            return _answer(environ, start_response, refusal)
        if "token" in dict(_query(environ)) and self.token is not None:
            return self._let_in(environ, start_response)
        own = _OWN.fullmatch(environ.get("PATH_INFO", "")) is not None
        return self.app(environ, _guarded(environ, start_response, is_artifact=not own))

    def _refusal(self, environ: dict[str, Any]) -> Refusal | None:
        """Why a request is not answered; None where it is."""
        host = environ.get("HTTP_HOST", "")
        if host_name(host) not in self.hosts:
            return UNKNOWN_HOST
        if not self._shows_token(environ):
            return NO_TOKEN
        path, method = _path(environ), environ["REQUEST_METHOD"]
        if method not in READING:
            if self._is_foreign(environ, host):
                return FOREIGN
            if self.read_only:
                return READ_ONLY
        if path is None or _CONTROL.search(path) or ".." in path.replace("\\", "/").split("/"):
            return NOT_FOUND
        if method not in READING and not _CHANGES.fullmatch(f"{method} {path}"):
            return RENAMED if _RENAME.fullmatch(path) else NO_CHANGE
        return None

    def _shows_token(self, environ: dict[str, Any]) -> bool:
        """Whether the token comes in the address, else in the header, or its cookie does."""
        if self.token is None:
            return True
        shown, expected = dict(_query(environ)).get("token"), self.token
        if shown is None:
            kind, _, value = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
            shown = value.strip()
            if kind.lower() != "bearer":
                shown, expected = _cookie(environ, self.cookie), self.session
        # In the same time whatever is wrong with it.
        return hmac.compare_digest(shown.encode("utf-8", "replace"), expected.encode())

    def _is_foreign(self, environ: dict[str, Any], host: str) -> bool:
        """Whether a browser says that another site's page sent the request."""
        origin: str | None = environ.get("HTTP_ORIGIN")
        if origin is None:
            return environ.get("HTTP_SEC_FETCH_SITE", "none") not in ("same-origin", "none")
        try:
            found = urlsplit(origin)
        except ValueError:
            return True
        return found.netloc.lower() != host.lower() and found.hostname not in self.allowed

    def _let_in(self, environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        """Turn the token in an address into a cookie, and have the address forgotten."""
        rest = urlencode([(key, value) for key, value in _query(environ) if key != "token"])
        # One slash only: two, of whichever kind, would be the name of another machine.
        target = "/" + quote((_path(environ) or "").lstrip("/\\")) + (f"?{rest}" if rest else "")
        cookie = f"{self.cookie}={self.session}; Path=/; HttpOnly; SameSite=Lax"
        return _answer(
            environ,
            start_response,
            Refusal(
                "303 See Other",
                "",
                (("Location", target), ("Set-Cookie", cookie), ("Cache-Control", "no-store")),
            ),
        )


def host_name(host: str) -> str:
    """The name in a Host header, without port; an IPv6 address keeps its brackets."""
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    return host.partition(":")[0].lower()


def _path(environ: dict[str, Any]) -> str | None:
    """The path as it is meant; None where it is no UTF-8.

    (WSGI has it as latin-1. Bottle drops what is no UTF-8, and so would find another path.)
    """
    try:
        return str(environ.get("PATH_INFO", "")).encode("latin-1").decode("utf-8")
    except UnicodeError:
        return None


def _cookie(environ: dict[str, Any], name: str) -> str:
    """A cookie's value; whatever others of the same machine are like, which http.cookies minds."""
    for part in environ.get("HTTP_COOKIE", "").split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return str(value)
    return ""


def _query(environ: dict[str, Any]) -> list[tuple[str, str]]:
    return parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)


def _guarded(
    environ: dict[str, Any], start_response: "StartResponse", *, is_artifact: bool
) -> "StartResponse":
    """Starts an answer with our headers in place of those that would let others in."""
    ours = [*_ALWAYS, *(_ARTIFACT if is_artifact else ())]
    names = {name.lower() for name, _ in ours}

    def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[..., Any]:
        here = f"http://{environ.get('HTTP_HOST', '')}"  # behind a proxy it is another place
        kept = [
            (name, value.removeprefix(here) if name.lower() == "location" else value)
            for name, value in headers
            if name.lower() not in names and not name.lower().startswith("access-control-")
        ]
        return start_response(status, [*kept, *ours], *rest)

    return start


def _answer(
    environ: dict[str, Any], start_response: "StartResponse", answer: Refusal
) -> Iterable[bytes]:
    body = f"{answer.message}\n".encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        *answer.headers,
        *_ALWAYS,
    ]
    start_response(answer.status, headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
