"""What tests of the API share."""

from pathlib import Path

import pytest

from hpsearch.api.given import Keeping
from hpsearch.home import Home


@pytest.fixture
def keeping(tmp_path: Path) -> Keeping:
    """Keeps things in a home that is not there yet."""
    return Keeping(Home(tmp_path / "home"))
