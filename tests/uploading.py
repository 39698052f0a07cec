"""Uploads looked at in this process: to start one for each takes longest."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from hpsearch.services import apart, arriving
from hpsearch.services.received import FACTS, look

CSV = b"rooms,area,price\n" + b"".join(
    b"%d,%d,%d.5\n" % (i % 5, 30 + i * 7 % 90, 100 + 3 * i) for i in range(60)
)
"""A table of houses."""


def _ran(words: Sequence[str], _where: str, _what: str, folder: str) -> None:
    """As ``hpsearch.services.apart.ran`` of ``hpsearch.services.received``."""
    kind, most, keep_free = words[-3:]
    found = look(Path(folder), kind, int(most), int(keep_free))
    (Path(folder) / FACTS).write_text(json.dumps(found))


@contextmanager
def looked_at_here() -> Iterator[None]:
    """Have uploads looked at, and imported, by this process while the block runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arriving, "ran", _ran)
        patch.setattr(apart, "is_imported", lambda *_: True)
        patch.setattr("os.sync", lambda: None)
        yield
