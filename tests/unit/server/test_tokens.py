"""Tokens: shown once, kept hashed, found again, revoked."""

import json
import os
import stat
from pathlib import Path

import pytest
from commandline import Cli

from hpsearch.errors import InputError, UnreachableError
from hpsearch.server.tokens import Role, Tokens


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "home" / "tokens.json"


def test_a_token_is_found_by_what_was_shown_and_kept_as_a_hash(file: Path) -> None:
    tokens = Tokens(file)
    shown = tokens.add("ana", Role.SUBMIT)
    found = tokens.find(shown)
    assert found is not None
    assert (found.name, found.role) == ("ana", Role.SUBMIT)
    assert shown not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not [one for one in file.parent.iterdir() if one.name.startswith(".tokens-")]


@pytest.mark.parametrize("shown", ["", "hps_", "x" * 10_000, "\udcff", "hps_ä"])
def test_what_is_no_token_is_not_found(file: Path, shown: str) -> None:
    tokens = Tokens(file)
    assert tokens.find(shown) is None
    tokens.add("ana", Role.ADMIN)
    assert tokens.find(shown) is None


def test_a_revoked_token_is_not_found_by_a_server_that_knew_it(file: Path) -> None:
    tokens = Tokens(file)
    shown, other = tokens.add("ana", Role.READ), tokens.add("ben", Role.READ)
    assert tokens.find(shown)
    Tokens(file).revoke("ana")
    assert tokens.find(shown) is None
    assert tokens.named("ana") is None
    assert tokens.find(other)


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "-a", "../x", "é", "a" * 41, "a\n", "the service"]
)
def test_a_name_is_a_word(file: Path, name: str) -> None:
    with pytest.raises(InputError, match="is not a name for a token"):
        Tokens(file).add(name, Role.READ)
    assert not file.exists()


def test_two_tokens_have_two_names(file: Path) -> None:
    tokens = Tokens(file)
    first = tokens.add("ana", Role.READ)
    with pytest.raises(InputError, match="ana: is there already"):
        tokens.add("ana", Role.ADMIN)
    found = tokens.find(first)
    assert found is not None
    assert found.role is Role.READ


def test_who_is_revoked_must_be_there(file: Path) -> None:
    with pytest.raises(InputError, match="there are no tokens yet"):
        Tokens(file).revoke("ana")
    Tokens(file).add("ana", Role.READ)
    with pytest.raises(InputError, match="did you mean ana"):
        Tokens(file).revoke("anna")


@pytest.mark.parametrize("content", [b"", b"[{}]", b"{", b'[{"name": "ana"}]', b"\xff"])
def test_a_file_that_holds_something_else_lets_nobody_in(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(UnreachableError, match="does not hold tokens"):
        Tokens(file).find("x")


def test_a_file_that_others_can_read_lets_nobody_in(file: Path) -> None:
    tokens = Tokens(file)
    shown = tokens.add("ana", Role.ADMIN)
    file.chmod(0o640)
    with pytest.raises(UnreachableError, match="others can read it"):
        tokens.find(shown)
    file.chmod(0o600)
    aside = file.with_name("aside.json")
    file.rename(aside)
    file.symlink_to(aside)
    with pytest.raises(UnreachableError):
        tokens.find(shown)
    file.unlink()
    os.mkfifo(file, 0o600)
    with pytest.raises(UnreachableError, match="is not a file"):
        tokens.find(shown)


def test_each_role_allows_what_the_one_before_does() -> None:
    roles = [*Role]
    allowed = [[one.allows(other) for other in roles] for one in roles]
    assert allowed == [[True, False, False], [True, True, False], [True, True, True]]


def test_the_command_line_adds_lists_and_revokes(cli: Cli) -> None:
    made = cli("token", "add", "ana", "--role", "read")
    shown = made.stdout.strip()
    assert shown.startswith("hps_")
    assert shown not in made.stderr
    listed = json.loads(cli("token", "ls", "--json").stdout)
    assert [(one["name"], one["role"]) for one in listed] == [("ana", "read")]
    assert shown not in cli("token", "ls").stdout
    cli("token", "revoke", "ana")
    assert json.loads(cli("token", "ls", "--json").stdout) == []
    assert "is there" not in cli("token", "revoke", "ana", code=2).stderr
