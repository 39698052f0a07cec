"""What may be done again where a database server broke it off.

``hpsearch.search.storage.retrying`` does it. A mark at the method itself; what has none is done
once.
"""

from collections.abc import Callable
from typing import TypeVar

Method = TypeVar("Method", bound=Callable[..., object])

MARK = "hpsearch_repeats"
"""The attribute of a method that says so."""

BROKEN, UNDONE = "broken", "undone"
"""What it holds: it is done again after any such failure; where the server did nothing of it."""


def repeatable(method: Method) -> Method:
    """Marks what may be done again whatever became of it: it finds done what was done."""
    setattr(method, MARK, BROKEN)
    return method


def unless_done(method: Method) -> Method:
    """Marks what could be there twice: it is done again only where nothing of it was done."""
    setattr(method, MARK, UNDONE)
    return method
