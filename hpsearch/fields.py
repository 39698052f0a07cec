"""Strict field types for everything a user writes."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Strict,
)

from hpsearch.files import PLAIN_NAME, PLAIN_NAME_IS

Bool = Annotated[bool, Strict()]
Seed = Annotated[int, Strict(), Field(ge=0, lt=2**31)]
Positive = Annotated[int, Strict(), Field(ge=1)]

_DURATION = re.compile("".join(rf"(?:(\d{{1,9}}){unit})?" for unit in "dhms"), re.ASCII)
_SERVER = re.compile(r"https?://([\w.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(/[^\s\\]*)?", re.ASCII)
_LONGEST = 100 * 365 * 24 * 3600


def check_name(name: str) -> str:
    """Return a study name that is safe as a file name, else raise ValueError."""
    if not re.fullmatch(PLAIN_NAME, name):
        raise ValueError(f"is not a valid study name; use {PLAIN_NAME_IS}")
    if name.endswith(".confirm"):
        raise ValueError(
            "is the name of a confirmation study; choose one that does not end in .confirm"
        )
    return name


def of_form(pattern: str, cure: str) -> AfterValidator:
    """A check of texts: those of another form are refused.

    Args:
        pattern: a regular expression of the whole text.
        cure: what to write, for the message.
    """

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"is not of the right form; write {cure}")
        return text

    return AfterValidator(check)


def parse_duration(value: object) -> object:
    """Turn "1d", "2h", "1h30m", "90s" or a plain number of seconds into seconds (float, > 0).

    Raises:
        ValueError: anything else, a number of seconds that is not above 0 included.
    """
    if isinstance(value, str):
        match = _DURATION.fullmatch(value)
        if not value or match is None:
            raise ValueError('is not a duration; write "2h", "1d12h", "90s" or a number of seconds')
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        value = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise ValueError('is not a duration above 0; write "2h", "90s" or a number of seconds')
    if value > _LONGEST:
        raise ValueError("is not a duration below 100 years; leave it out for no limit")
    return float(value)


def check_tracking(uri: str) -> str:
    """Return the address of an MLflow server or its SQLite file, else raise ValueError.

    One with a user or password is refused: study files are copied, stored and shown.
    """
    if uri.startswith("sqlite:///") and uri.removeprefix("sqlite:///") and "?" not in uri:
        return uri
    if {"@", "?", "#"} & {*uri}:
        raise ValueError(
            "has a user, password or query, which a study would keep; leave that out, and set"
            " MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        )
    if _SERVER.fullmatch(uri):
        return uri
    raise ValueError('is no address of MLflow; write "http://HOST:PORT" or "sqlite:///FILE"')


StudyName = Annotated[str, AfterValidator(check_name)]
Seconds = Annotated[float, BeforeValidator(parse_duration)]
TrackingUri = Annotated[str, Strict(), AfterValidator(check_tracking)]


LIFTED = "<lifted>"
"""The tag of a :class:`Lifted` table; the key before it is none of the file."""


class Lifted(dict[str, Any]):
    """Fields of a section that a file has among those of the section around it."""


def tag(value: Any) -> str | None:
    """The tag of one member of a union: "<kind>" for a table (or section) with that ``type``,
    "<list>" for a list, "<value>" for anything plain, None for a table without a type.

    The angle brackets tell our tags from the keys of a file in the location of a problem.
    """
    if isinstance(value, Lifted):
        return LIFTED
    if isinstance(value, Mapping):
        return f"<{value['type']}>" if "type" in value else None
    if isinstance(value, BaseModel):
        return f"<{getattr(value, 'type', 'value')}>"
    return "<list>" if isinstance(value, (list, tuple)) else "<value>"


BY_TYPE = Discriminator(tag)
"""Picks the member of a union by :func:`tag`."""


def switch(value: Any) -> str:
    """The tag of ``false`` ("<off>") and of everything else ("<on>")."""
    return "<off>" if value is False else "<on>"


BY_SWITCH = Discriminator(switch)
"""Picks between ``false`` and a table."""


def spelling(value: Any) -> str:
    """The tag of a text ("<text>") and of everything else ("<number>")."""
    return "<text>" if isinstance(value, str) else "<number>"


BY_SPELLING = Discriminator(spelling)
"""Picks between a word and a number."""


def form(value: Any) -> str:
    """The tag of a table ("<table>"); else as :func:`spelling`."""
    return "<table>" if isinstance(value, (Mapping, BaseModel)) else spelling(value)


BY_FORM = Discriminator(form)
"""Picks between a word, a number and a table."""


class Section(BaseModel):
    """Base of every value that a user writes: frozen, no unknown keys, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
