"""A service without workers for each test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from served import Served, service_of

from hpsearch.home import Home


@pytest.fixture
def serve(home: Home) -> Iterator[Callable[..., Served]]:
    """Makes the service of a home; its arguments are those of ``Rules``."""
    with ExitStack() as opened:

        def make(**rules: Any) -> Served:
            return opened.enter_context(service_of(home, **rules))

        yield make


@pytest.fixture
def served(serve: Callable[..., Served]) -> Served:
    return serve()
