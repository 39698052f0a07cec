"""The log of ``hpsearch serve``: lines of text, or of JSON, to standard error; no secrets ever."""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

REQUESTS = "hpsearch.server.measured"
"""The logger of requests, which write at level debug."""

_SECRETS = (
    (re.compile(r"hps_[A-Za-z0-9_-]+"), "hps_***"),
    (re.compile(r"whsec_[A-Za-z0-9+/=]+"), "whsec_***"),
    (re.compile(r"(://[^\s/:@]*):[^\s/@]+@"), r"\1:***@"),
    (re.compile(r"((?:token|password|sslpassword)=)[^\s&\"']+", re.IGNORECASE), r"\1***"),
    (re.compile(r"((?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]+", re.IGNORECASE), r"\1***"),
)
"""What looks like one, and what is written in its place: tokens, secrets, passwords in URLs."""


class Format(StrEnum):
    """What lines of the log are."""

    TEXT = "text"
    JSON = "json"


class Level(StrEnum):
    """What is logged; each level has what those before it have."""

    WARNING = "warning"
    """What is wrong."""
    INFO = "info"
    """And every decision."""
    DEBUG = "debug"
    """And every request."""


def told(event: str, **facts: object) -> dict[str, Any]:
    """What a line of the log is about, for ``extra=``: JSON has it as fields of their own.

    Args:
        event: one word or two, which stays the same.
        facts: more; None: not known.
    """
    known = {key: value for key, value in facts.items() if value is not None}
    return {"told": {"event": event, **known}}


def without_secrets(text: str) -> str:
    """A text with ``***`` in place of what looks like a token or a password."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


class TextLines(logging.Formatter):
    """Lines for people, as the workers' logs have them."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        return without_secrets(super().format(record))


class JsonLines(logging.Formatter):
    """Lines for programs: an object each, with ``time``, ``level``, ``logger`` and ``message``."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        made = datetime.fromtimestamp(record.created, UTC)
        line = {
            "time": made.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
        }
        facts = getattr(record, "told", {})
        line |= {key: _clean(value) for key, value in facts.items() if key not in line}
        if record.exc_info:
            line["traceback"] = without_secrets(self.formatException(record.exc_info))
        return json.dumps(line)


def _clean(value: object) -> object:
    """A fact that JSON takes."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return without_secrets(str(value))


def log_to_stderr(form: Format = Format.TEXT, level: Level = Level.INFO) -> None:
    """Have this process' log written to standard error.

    Args:
        form: of its lines.
        level: what of it; other packages never log more than decisions.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form is Format.JSON else TextLines())
    root = logging.getLogger()
    root.addHandler(handler)
    number = logging.getLevelNamesMapping()[level.value.upper()]
    root.setLevel(max(number, logging.INFO))
    logging.getLogger(REQUESTS).setLevel(number)
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # its lines have addresses of webhooks
