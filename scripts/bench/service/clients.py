"""Clients of a service, in a process of their own: some poll as the page does, some watch.

    clients.py ADDRESS TOKEN SECONDS POLLING WATCHING STUDIES

prints, as JSON, the milliseconds of each answer by path, how many were "304", the events that came,
and the errors. ADDRESS has no slash at its end; STUDIES are watched in turn: "bench-0" and so on.
"""

import asyncio
import json
import random
import socket
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx2

EVERY = 2.0
"""Seconds between two questions of a page."""

PATHS = ("/v1/queue", "/v1/queue", "/v1/studies", "/v1/queue", "/")
"""What a poller asks for in turn, like the page, which asks for the queue, and more than it."""

FIRST = "first"
"""The first answer of each client is apart: all of them connect within two seconds."""


@dataclass
class Seen:
    """What the clients of this process have seen."""

    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Milliseconds to the end of each answer, by path."""
    counts: Counter[str] = field(default_factory=Counter)


async def poll(client: httpx2.AsyncClient, until: float, seen: Seen) -> None:
    """Ask again and again, with the ETag of the answer before."""
    etags: dict[str, str] = {}
    await asyncio.sleep(EVERY * random.random())  # noqa: S311  # no secret
    number = 0
    while time.perf_counter() < until:
        path = PATHS[number % len(PATHS)]
        number += 1
        known = {"If-None-Match": etags[path]} if path in etags else {}
        began = time.perf_counter()
        try:
            answer = await client.get(path, headers=known)
        except httpx2.HTTPError as error:
            seen.counts[f"error: {type(error).__name__}"] += 1
            continue
        what = path if number > 1 else FIRST
        seen.took[what].append(1000 * (time.perf_counter() - began))
        seen.counts[str(answer.status_code)] += 1
        if etag := answer.headers.get("etag"):
            etags[path] = etag
        await asyncio.sleep(EVERY - (time.perf_counter() - began))


async def watch(client: httpx2.AsyncClient, name: str, until: float, seen: Seen) -> None:
    """Read the events of a study."""
    try:
        async with client.stream("GET", f"/v1/studies/{name}/events") as answer:
            async for line in answer.aiter_lines():
                if line.startswith("event:"):
                    seen.counts["events"] += 1
                if time.perf_counter() > until:
                    return
    except httpx2.HTTPError as error:
        seen.counts[f"error: {type(error).__name__}"] += 1


def neglect(address: str, token: str) -> list[socket.socket]:
    """Two clients that ask for much and never read it."""
    where = urlsplit(address)
    sockets = []
    for path in ("/v1/studies/bench-0/events", "/v1/studies"):
        slow = socket.create_connection((str(where.hostname), int(where.port or 80)))
        request = (
            f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
        slow.sendall(request.encode() * 20)
        sockets.append(slow)
    return sockets


async def run(address: str, token: str, seconds: float, counts: tuple[int, int, int]) -> Seen:
    """All clients of this process."""
    polling, watching, studies = counts
    seen, until = Seen(), time.perf_counter() + seconds
    headers = {"Authorization": f"Bearer {token}"}
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx2.AsyncClient(
        base_url=address, headers=headers, limits=limits, timeout=30
    ) as client, asyncio.TaskGroup() as group:  # fmt: skip
        for _ in range(polling):
            group.create_task(poll(client, until, seen))
        for number in range(watching):
            group.create_task(watch(client, f"bench-{number % studies}", until, seen))
    return seen


def main() -> None:
    """Ask and watch, and print what was seen."""
    address, token, seconds, *numbers = sys.argv[1:]
    polling, watching, studies = map(int, numbers)
    slow = neglect(address, token) if watching else []
    seen = asyncio.run(run(address, token, float(seconds), (polling, watching, studies)))
    for one in slow:
        one.close()
    print(json.dumps({"took": seen.took, "counts": seen.counts}))


if __name__ == "__main__":
    main()
