"""Storage URLs as other processes are told them."""

from pathlib import Path

import pytest

from hpsearch.search.database.urls import absolute_url, sqlite_file


def test_a_file_is_named_for_those_who_work_in_other_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.db", "a b%3Fc.db"):
        found = absolute_url(f"sqlite:///{name}")
        monkeypatch.chdir("/")
        assert sqlite_file(found) == tmp_path / name.replace("%3F", "?")
        assert absolute_url(found) == found
        monkeypatch.chdir(tmp_path)
    server = "postgresql+psycopg://ana:secret@db/name?sslmode=require"
    assert absolute_url(server) == server
