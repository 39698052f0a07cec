"""Telling a study's end, failure or target by a webhook, signed as Standard Webhooks has it.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: the
headers ``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``, which is HMAC-SHA256 of
``id.timestamp.body``. No redirect is followed, no proxy asked, and no answer read but its status.
"""

import asyncio
import base64
import hashlib
import hmac
import os
import secrets
import ssl
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx2

from hpsearch.errors import HpsearchError, UnreachableError
from hpsearch.services.webhook_hosts import Receivers

WITHIN = 15.0
"""Seconds that a receiver has for its answer, from the first packet on."""

PREFIX = "whsec_"
"""How every secret begins."""

MOST_BYTES = 4096
"""Of the file of secrets."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """What is told."""

    key: str
    """Its own, the same whenever it is sent again."""
    url: str
    body: bytes
    """JSON."""
    attempt: int
    """How often it was sent before."""


def secrets_of(file: Path) -> Sequence[bytes]:
    """The secrets in a file, which only its owner may read; one is made where there is no file.

    Args:
        file: a secret in each line; with two, receivers may change from one to the other.

    Raises:
        UnreachableError: it cannot be read or written, others can read it, or it has no secret.
    """
    try:
        if not file.exists():
            text = PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "w") as made:
                made.write(f"{text}\n")
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            about = os.fstat(handle)
            if not stat.S_ISREG(about.st_mode) or about.st_mode & 0o077:
                raise UnreachableError(f"{file}: others can read it (chmod 600), or it is no file")
            lines = os.read(handle, MOST_BYTES).decode("ascii", "replace").split()
        finally:
            os.close(handle)
    except OSError as error:
        raise UnreachableError(f"{file}: {error.strerror}; check permissions and space") from None
    try:
        found = [base64.b64decode(one.removeprefix(PREFIX), validate=True) for one in lines]
    except ValueError:
        found = []
    if not found or min(map(len, found)) < 24:
        raise UnreachableError(
            f"{file}: has no secret as hpsearch writes it ({PREFIX} and 24 bytes or more in"
            " Base64); mend that, or remove it"
        )
    return found


def signature(keys: Sequence[bytes], key: str, moment: int, body: bytes) -> str:
    """The header that proves who sent a message; it has a signature with each secret.

    Args:
        keys: the secrets.
        key: of the message.
        moment: when it is sent, in whole seconds since 1970.
        body: its content.
    """
    text = f"{key}.{moment}.".encode() + body
    digests = (hmac.new(one, text, hashlib.sha256).digest() for one in keys)
    return " ".join(f"v1,{base64.b64encode(one).decode()}" for one in digests)


async def send(
    message: Message, allowed: Receivers, keys: Sequence[bytes], moment: int
) -> str | None:
    """Send a message; why it did not come, None where the receiver has it.

    Args:
        message: the message.
        allowed: who may be told.
        keys: secrets to sign with.
        moment: the present one, in whole seconds since 1970.
    """
    try:
        async with asyncio.timeout(WITHIN):
            status = await _post(message, allowed, keys, moment)
    except TimeoutError:
        return f"no answer within {WITHIN:.0f} s"
    except HpsearchError as error:
        return str(error)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        return f"{type(error).__name__}: {error}"
    return None if 200 <= status < 300 else f"answered with {status}"


async def _post(message: Message, allowed: Receivers, keys: Sequence[bytes], moment: int) -> int:
    """Send a message; the status of the answer."""
    place = allowed.place(message.url)
    address = await allowed.address(place, message.attempt)
    headers = {
        "Host": place.netloc,
        "Content-Type": "application/json",
        "User-Agent": "hpsearch",
        "webhook-id": message.key,
        "webhook-timestamp": str(moment),
        "webhook-signature": signature(keys, message.key, moment, message.body),
    }
    verify = _context() if place.scheme == "https" else False
    async with (
        httpx2.AsyncClient(
            verify=verify, trust_env=False, follow_redirects=False, timeout=WITHIN
        ) as client,
        client.stream(
            "POST", place.at(address), content=message.body, headers=headers,
            extensions={"sni_hostname": place.host},
        ) as answer,
    ):  # fmt: skip
        return int(answer.status_code)


@cache
def _context() -> ssl.SSLContext:
    """What checks the certificates of receivers: by the system's authorities."""
    return ssl.create_default_context()
