"""The log of the service: lines for people or programs, and no secret in any of them."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator

import pytest

from hpsearch.server.logs import Format, Level, log_to_stderr, told

SECRETS = {
    "hps_abcDEF-123_4": "GET /?token=hps_abcDEF-123_4",
    "geheim": "postgresql+psycopg://ana:geheim@db.example.org:5432/x?a=b",
    "pa-55": "postgresql://db/x?password=pa-55&sslmode=require",
    "whsec_MTIz+/=": "signed with whsec_MTIz+/=",
    "eyJhbGciOi": "Authorization: Bearer eyJhbGciOi",
}
"""What must not be seen, by lines in which it may turn up."""

Logging = Callable[..., io.StringIO]


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[Logging]:
    """Has the log written to a text."""
    root, *others = map(logging.getLogger, ("", "hpsearch.server.measured", "httpx2"))
    handlers, levels = root.handlers[:], [one.level for one in (root, *others)]

    def begin(form: Format, level: Level = Level.INFO) -> io.StringIO:
        text = io.StringIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", text)
            log_to_stderr(form, level)
        return text

    yield begin
    root.handlers[:] = handlers
    for one, level in zip((root, *others), levels, strict=True):
        one.setLevel(level)


@pytest.mark.parametrize("form", list(Format))
def test_no_secret_is_in_any_line(logged: Logging, form: Format) -> None:
    text = logged(form)
    log = logging.getLogger("hpsearch.server.any")
    for line in SECRETS.values():
        log.warning("said %s", line, extra=told("said", detail=line, why=ValueError(line)))
        log.warning("failed", exc_info=ValueError(line))
    written = text.getvalue()
    assert written.count("***") >= 2 * len(SECRETS)
    for secret in SECRETS:
        assert secret not in written
    for kept in ("ana", "db.example.org:5432", "sslmode=require", "GET /?token="):
        assert kept in written


def test_each_line_of_json_is_one_object_with_the_facts(logged: Logging) -> None:
    text = logged(Format.JSON)
    log = logging.getLogger("hpsearch.server.any")
    log.info("two\nlines", extra=told("began", slot=1, study='odd "name"\n', why=None, level="x"))
    log.info("without facts")
    first, second = map(json.loads, text.getvalue().splitlines())
    assert first["time"].endswith("+00:00")
    del first["time"], second["time"]
    assert first == {
        "level": "info", "logger": "hpsearch.server.any", "message": "two\nlines",
        "event": "began", "slot": 1, "study": 'odd "name"\n',
    }  # fmt: skip
    assert second["message"] == "without facts"


def test_requests_are_logged_at_level_debug_alone(logged: Logging) -> None:
    for level, expected in ((Level.WARNING, 0), (Level.INFO, 0), (Level.DEBUG, 1)):
        text = logged(Format.TEXT, level)
        logging.getLogger("hpsearch.server.measured").debug("GET /")
        logging.getLogger("httpx2").info("POST https://hooks.org/secret")
        assert len(text.getvalue().splitlines()) == expected


def test_a_level_leaves_out_what_is_below_it(logged: Logging) -> None:
    text = logged(Format.TEXT, Level.WARNING)
    logging.getLogger("hpsearch").info("decided")
    logging.getLogger("hpsearch").warning("wrong")
    assert [line.partition("WARNING ")[2] for line in text.getvalue().splitlines()] == ["wrong"]
