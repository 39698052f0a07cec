"""What ``hpsearch dashboard`` and ``run --dashboard`` write in the home."""

import sys
import webbrowser
from pathlib import Path

import pytest

from hpsearch.cli import beside, dashboard
from hpsearch.home import Home


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    file = tmp_path / "precious"
    file.write_text("all that I have")
    return file


def test_the_log_beside_a_search_is_not_written_where_a_link_leads(
    precious: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    home.dashboard_log.parent.mkdir(parents=True)
    home.dashboard_log.symlink_to(precious)
    code = "import sys; print('no port', file=sys.stderr)"
    monkeypatch.setattr(beside, "python", lambda *_: [sys.executable, "-c", code])
    with beside.dashboard_beside(home, None, force=False):
        pass
    assert not home.dashboard_log.is_symlink()
    assert precious.read_text() == "all that I have"


def test_the_page_with_the_token_is_for_its_owner_and_follows_no_link(
    precious: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda _: True)
    page = Home(tmp_path).dashboard_page
    page.symlink_to(precious)
    dashboard._open("http://127.0.0.1:1/?token=x", page)
    assert "token=x" in page.read_text()
    assert page.lstat().st_mode & 0o777 == 0o600
    assert precious.read_text() == "all that I have"
