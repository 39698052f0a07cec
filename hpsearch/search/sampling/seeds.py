"""Seeds: a study's seed spread over all that is drawn in it."""

import hashlib


def derive_seed(seed: int, *parts: int | str) -> int:
    """A seed below 2**31 that depends on all arguments; neighbours have nothing in common."""
    text = "/".join(str(part) for part in (seed, *parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) >> 1
