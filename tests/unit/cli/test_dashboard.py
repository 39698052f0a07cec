"""What ``hpsearch dashboard`` writes in the home."""

import webbrowser
from pathlib import Path

import pytest

from hpsearch.cli import dashboard
from hpsearch.home import Home


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    file = tmp_path / "precious"
    file.write_text("all that I have")
    return file


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
