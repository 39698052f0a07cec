"""The dashboard beside a search."""

import sys
from pathlib import Path

import pytest

from hpsearch.home import Home
from hpsearch.services import beside
from hpsearch.services.progress import Silent
from hpsearch.services.workspace import Workspace


def test_the_log_beside_a_search_is_not_written_where_a_link_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("all that I have")
    home = Home(tmp_path / "home")
    home.dashboard_log.parent.mkdir(parents=True)
    home.dashboard_log.symlink_to(precious)
    code = "import sys; print('no port', file=sys.stderr)"
    monkeypatch.setattr(beside, "python", lambda *_: [sys.executable, "-c", code])
    with beside.dashboard_beside(Workspace(home=home), Silent()):
        pass
    assert not home.dashboard_log.is_symlink()
    assert precious.read_text() == "all that I have"
