"""One service over HTTP: requests with a token, answers or errors, and what is sent again."""

import ssl
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from hpsearch import __version__
from hpsearch.client.logins import is_here
from hpsearch.client.problems import error_of, problem_of
from hpsearch.errors import HpsearchError, InputError, UnreachableError

CONNECT = 10.0
"""Seconds within which a service must be reached."""

ANSWER = 60.0
"""Seconds within which most answers must begin."""

WORK = 1860.0
"""Seconds of requests that the service works on: importing data may take it half an hour."""

QUIET = 60.0
"""Seconds without a sign after which a stream counts as lost; one is due every fifteen."""

PATIENCE = 15.0
"""Seconds for which what may be sent twice is sent again, where an answer was lost."""

PAUSE = 0.5
"""Seconds before that."""

BLOCK = 2**20
"""Bytes that are read or written at a time."""


class LostError(UnreachableError):
    """A service that cannot be reached just now, or an answer that was lost (exit code 3).

    Attributes:
        status: of an answer by which a service, or the proxy before it, says so; None: none came.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Connection:
    """Asks one service.

    Attributes:
        url: its address.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        ca_file: Path | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        """A connection, which is made with the first request.

        Args:
            url: the address of a service (:func:`hpsearch.client.logins.address`).
            token: is shown with each request.
            ca_file: certificates (PEM) of who may vouch for the service; None: those that
                ``SSL_CERT_FILE`` names, else the system's.
            transport: takes requests in place of the network.

        Raises:
            InputError: a file without certificates.
        """
        self.url = url
        self._was_here = False
        self._http = httpx2.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}", "User-Agent": f"hpsearch/{__version__}"},
            timeout=httpx2.Timeout(ANSWER, connect=CONNECT),
            trust_env=not is_here(url),  # no proxy leads to this machine itself
            transport=transport,
            **_trusted(url, ca_file),
        )
        weakref.finalize(self, self._http.close)  # a script need not

    def close(self) -> None:
        """End the connection."""
        self._http.close()

    def ask(
        self, method: str, path: str, *, again: bool | None = None, seconds: float = ANSWER,
        **parts: Any,
    ) -> httpx2.Response:  # fmt: skip
        """The answer to a request, which was a success.

        Args:
            method: of HTTP.
            path: below the address.
            again: whether it may be sent twice; None: what reads may.
            seconds: within which the answer must begin.
            parts: ``params``, ``json``, ``content`` and ``headers`` as httpx takes them; what makes
                the content anew each time may be in place of it.

        Raises:
            HpsearchError: the service cannot be reached, or what it refuses.
        """
        repeats = method == "GET" if again is None else again
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return self._once(method, path, seconds, parts)
            except LostError:
                if not (repeats and self._was_here) or time.monotonic() > end:
                    raise
            time.sleep(PAUSE)

    def json(self, method: str, path: str, **parts: Any) -> Any:
        """As :meth:`ask`; what is in the answer.

        Raises:
            InputError: it is no JSON.
        """
        response = self.ask(method, path, **parts)
        try:
            return response.json()
        except ValueError:
            raise _stranger(self.url) from None

    def _once(
        self, method: str, path: str, seconds: float, parts: Mapping[str, Any]
    ) -> httpx2.Response:
        made = {key: value() if callable(value) else value for key, value in parts.items()}
        timeout = httpx2.Timeout(seconds, connect=CONNECT)
        with self._readable():
            response = self._http.request(method, path, timeout=timeout, **made)
        return self._checked(response)

    @contextmanager
    def streamed(
        self, path: str, *, seconds: float = QUIET, **parts: Any
    ) -> Iterator[httpx2.Response]:
        """An answer whose body is read while the block runs.

        Args:
            path: below the address.
            seconds: without a sign after which it counts as lost.
            parts: as of :meth:`ask`.

        Raises:
            HpsearchError: as :meth:`ask`, also of what is read in the block.
        """
        timeout = httpx2.Timeout(seconds, connect=CONNECT)
        with (
            self._readable(),
            self._http.stream("GET", path, timeout=timeout, **parts) as response,
        ):
            if not response.is_success:
                response.read()
            yield self._checked(response)

    def _checked(self, response: httpx2.Response) -> httpx2.Response:
        """An answer of success.

        Raises:
            HpsearchError: what it stands for, if it is none.
        """
        if response.status_code in (502, 503, 504):
            raise LostError(str(error_of(response, self.url)), response.status_code)
        if not response.is_success:
            raise self._explained(response)
        self._was_here = True
        return response

    def _explained(self, response: httpx2.Response) -> HpsearchError:
        """The error of an answer; where there is no such route, the service's version is told."""
        problem = problem_of(response)
        lacks_it = response.status_code == 405 or (
            response.status_code == 404 and problem is not None and "exit_code" not in problem
        )
        if not lacks_it:
            return error_of(response, self.url)
        return self.stranger() or error_of(response, self.url)

    def stranger(self) -> InputError | None:
        """What to say of a service of another version; None: it is of ours, or does not tell."""
        try:
            about = self._http.get("/openapi.json").json()["info"]["version"]
        except (httpx2.HTTPError, ValueError, LookupError, TypeError):
            return None
        if about == __version__:
            return None
        return InputError(
            f"{self.url}: is hpsearch {about}, and this is hpsearch {__version__}, which do not"
            " understand each other here; use the same version"
        )

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Turn what the network does into one message."""
        try:
            yield
        except httpx2.TransportError as error:
            raise _readable(error, self.url) from None
        except (httpx2.InvalidURL, httpx2.DecodingError, httpx2.TooManyRedirects) as error:
            raise InputError(f"{self.url}: {error}") from None


def _readable(error: httpx2.TransportError, url: str) -> HpsearchError:
    """What went wrong between us and the service."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    if cause is not None:
        return UnreachableError(
            f"{url}: its certificate is not trusted here ({cause.verify_message}); if it is yours,"
            " name the file of its authority (PEM) in SSL_CERT_FILE"
        )
    told = str(error) or type(error).__name__
    if isinstance(error, httpx2.ProxyError):
        return LostError(
            f"{url}: the proxy of HTTP_PROXY or HTTPS_PROXY does not lead there: {told}"
        )
    if isinstance(error, httpx2.UnsupportedProtocol | httpx2.LocalProtocolError):
        return InputError(f"{url}: {told}")
    if "WRONG_VERSION_NUMBER" in told:
        return InputError(f"{url}: speaks no TLS; is it http:// in place of https://?")
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        return LostError(
            f"{url}: no service can be reached there ({told}); check the address, and whether"
            " hpsearch serve runs"
        )
    return LostError(f"{url}: the answer was lost ({told}); try again{_or_tls(error, url)}")


def _or_tls(error: httpx2.TransportError, url: str) -> str:
    """What else it may be that a server ends a connection without a word."""
    is_mute = isinstance(error, httpx2.RemoteProtocolError | httpx2.ReadError)
    return ", or https:// in place of http://" if is_mute and url.startswith("http:") else ""


def _stranger(url: str) -> InputError:
    return InputError(f"{url}: answers, but not as hpsearch serve does; is it the right address?")


def _trusted(url: str, ca_file: Path | None) -> dict[str, Any]:
    """Whose certificates are trusted.

    Raises:
        InputError: there are none in the file.
    """
    if not url.startswith("https:"):
        return {}
    try:
        if ca_file is not None:
            return {"verify": ssl.create_default_context(cafile=ca_file)}
        return {"verify": httpx2.create_ssl_context()}
    except OSError as error:  # ssl.SSLError is one
        named = ca_file or "SSL_CERT_FILE"
        why = error.strerror or str(error)
        raise InputError(f"{named}: holds no certificates (PEM) that can be read: {why}") from None
