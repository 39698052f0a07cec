"""Addresses of services, and the tokens that are shown to them."""

from pathlib import Path

import pytest

from hpsearch.client.logins import Logins, address, checked_token, is_here
from hpsearch.errors import InputError, UnreachableError

URL = "http://127.0.0.1:8080"


@pytest.fixture
def logins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Logins:
    monkeypatch.delenv("HPSEARCH_TOKEN", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    return Logins()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (URL, URL),
        (f" {URL}/ ", URL),
        ("https://Search.Example.org", "https://search.example.org"),
        ("https://example.org/search/", "https://example.org/search"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_an_address_is_kept_in_one_form(given: str, kept: str) -> None:
    assert address(given) == kept


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "no service was named"),
        ("127.0.0.1:8080", "is not the address of a service"),
        ("ftp://example.org", "is not the address of a service"),
        ("http://example.org:99999", "is not the address of a service"),
        ("http://[::1", "is not the address of a service"),
        (f"{URL}/?token=secret", "leave out what follows the address"),
        ("http://ana:secret@example.org", "leave out what follows the address"),
    ],
)
def test_what_is_no_address_is_refused_and_no_secret_is_repeated(given: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as refused:
        address(given)
    assert "secret" not in str(refused.value)


def test_the_address_may_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HPSEARCH_SERVER", URL)
    assert address(None) == URL
    monkeypatch.delenv("HPSEARCH_SERVER")
    with pytest.raises(InputError, match="or set HPSEARCH_SERVER"):
        address(None)


def test_this_machine_is_told_from_others() -> None:
    assert [is_here(one) for one in (URL, "http://[::1]:1", "https://localhost")] == [True] * 3
    assert not is_here("http://127.0.0.1.example.org")


def test_a_token_is_kept_for_its_owner_alone_and_forgotten(logins: Logins) -> None:
    with pytest.raises(InputError, match=r"hpsearch login http://127\.0\.0\.1:8080"):
        logins.token_for(URL)
    logins.keep(URL, "hps_one")
    logins.keep("https://example.org", "hps_two")
    logins.keep(URL, "hps_three")
    assert logins.file.stat().st_mode & 0o777 == 0o600
    assert Logins().token_for(URL) == "hps_three"
    assert [logins.forget(URL), logins.forget(URL)] == [True, False]
    assert logins.all() == {"https://example.org": "hps_two"}
    assert [file.name for file in logins.file.parent.iterdir()] == ["logins.json"]


def test_the_environment_comes_first(logins: Logins, monkeypatch: pytest.MonkeyPatch) -> None:
    logins.keep(URL, "hps_kept")
    monkeypatch.setenv("HPSEARCH_TOKEN", "hps_given\n")
    assert logins.token_for(URL) == "hps_given"


@pytest.mark.parametrize("content", ["", "[]", '{"http://x": 3}', "\x00"])
def test_a_file_of_another_kind_is_named(logins: Logins, content: str) -> None:
    logins.keep(URL, "hps_one")
    logins.file.write_text(content)
    with pytest.raises(UnreachableError, match="does not hold tokens as hpsearch login writes"):
        logins.all()


def test_a_file_that_others_can_read_is_refused(logins: Logins) -> None:
    logins.keep(URL, "hps_one")
    logins.file.chmod(0o640)
    with pytest.raises(UnreachableError, match="chmod 600"):
        logins.token_for(URL)


def test_where_nothing_can_be_kept_the_variable_is_named(logins: Logins) -> None:
    logins.file.parent.parent.mkdir()
    logins.file.parent.symlink_to("nowhere")
    with pytest.raises(UnreachableError, match="set HPSEARCH_TOKEN instead"):
        logins.keep(URL, "hps_one")


@pytest.mark.parametrize("token", ["", " \n", "two words", "hps_ä", "hps_\x07", "hps_a\r\nX: y"])
def test_what_no_header_can_hold_is_no_token(token: str) -> None:
    with pytest.raises(InputError, match="copy all of what hpsearch token add printed"):
        checked_token(token)
