"""The history of a study: which commands touched it, when, and on which machines."""

import hashlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from hpsearch.errors import InputError
from hpsearch.search.attributes import COMMANDS_KEY, MACHINES_KEY
from hpsearch.search.database.exclusive import exclusive
from hpsearch.search.database.urls import hide_password
from hpsearch.search.study import OpenStudy

FIRST, LAST = 50, 50
"""Commands that are kept of a study's beginning and of its end."""

MOST = 500
"""Characters of a command line that are kept."""

_HIDDEN = "***"
_IN_ADDRESS = re.compile(r"(://[^/\s:@]*):[^/\s]*@")
_IN_QUERY = re.compile(r"([?&](?:ssl)?password=)[^&\s]*", re.IGNORECASE)


def masked(words: Sequence[str]) -> list[str]:
    """The words of a command line without what nobody may see.

    Storage addresses lose their passwords, ``--token`` its value; both as one word or as two.
    """
    shown: list[str] = []
    option = ""
    for word in words:
        if option:
            shown.append(_value(option, word))
            option = ""
            continue
        name, equals, value = word.partition("=")
        if name in ("--storage", "--token"):
            shown.append(f"{name}={_value(name, value)}" if equals else name)
            option = "" if equals else name
        else:
            shown.append(_without_passwords(word))
    return shown


def _value(option: str, value: str) -> str:
    """The value of an option that may be secret, as it may be shown."""
    if option == "--token":
        return _HIDDEN
    try:
        return _without_passwords(hide_password(value))
    except InputError:  # where such an address is cut is anybody's guess
        return _HIDDEN


def _without_passwords(word: str) -> str:
    """Any word, with *** for the passwords of addresses in it."""
    return _IN_QUERY.sub(rf"\1{_HIDDEN}", _IN_ADDRESS.sub(rf"\1:{_HIDDEN}@", word))


def record(
    study: OpenStudy, words: Sequence[str], machine: Mapping[str, Any], **more: object
) -> None:
    """Add a command to a study's history; two that do so at once do not lose each other.

    Args:
        study: the study.
        words: the command line after ``hpsearch``, passwords and all: they are not kept.
        machine: what it runs on, ready for JSON.
        more: whatever else is to be known of it, ready for JSON; what is None is left out.
    """
    text = json.dumps(machine, sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()[:12]
    entry = {
        "command": shlex.join(["hpsearch", *masked(words)])[:MOST],
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": key,
        **{name: value for name, value in more.items() if value is not None},
    }
    with exclusive(study.storage.url):
        before = history(study)
        _write(study, [*before["commands"], entry], {**before["machines"], key: dict(machine)})


def inherited(old: OpenStudy) -> dict[str, Any]:
    """The attributes with which the history of a study begins that takes a study's trials over."""
    before = history(old)
    commands = [{"study": old.name, **entry} for entry in before["commands"]]
    return _kept(commands, before["machines"]) if commands else {}


def _write(
    study: OpenStudy, commands: Sequence[Mapping[str, Any]], machines: Mapping[str, Any]
) -> None:
    for key, value in _kept(commands, machines).items():
        study.optuna.set_user_attr(key, value)


def _kept(commands: Sequence[Mapping[str, Any]], machines: Mapping[str, Any]) -> dict[str, Any]:
    """The first and the last of the commands, and the machines that these ran on, as attributes.

    The machines come first: each that is named is known.
    """
    kept = list(commands)
    if len(kept) > FIRST + LAST:
        kept = [*kept[:FIRST], *kept[-LAST:]]
    named = {entry["machine"] for entry in kept}
    known = {key: machine for key, machine in machines.items() if key in named}
    return {MACHINES_KEY: known, COMMANDS_KEY: kept}


def history(study: OpenStudy) -> dict[str, Any]:
    """What touched a study: ``commands``, the first one first, and ``machines`` by key."""
    attrs = study.optuna.user_attrs
    return {
        "commands": list(attrs.get(COMMANDS_KEY, ())),
        "machines": dict(attrs.get(MACHINES_KEY, {})),
    }
