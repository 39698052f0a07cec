"""The accesses to the test split that a study knows of, on this machine and on others."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from hpsearch.data.dataset import reading
from hpsearch.data.record import RECORD_FILE, Access, from_plain, read_accesses
from hpsearch.home import Home
from hpsearch.search.attributes import TEST_ACCESSES_KEY
from hpsearch.search.database.exclusive import exclusive
from hpsearch.search.study import OpenStudy


def remember(study: OpenStudy, access: Access, result: Mapping[str, Any] | None = None) -> None:
    """Note a test access with the study itself, so that other machines know of it.

    Args:
        study: the study.
        access: the access.
        result: what came of it; it replaces the note without one.
    """
    told = {k: v for k, v in asdict(replace(access, result=result)).items() if v not in (None, ())}
    told["fingerprint"] = _fingerprint(study)
    with exclusive(study.storage.url):
        known = [one for one in _stored(study) if one.get("key") != access.key]
        study.optuna.set_user_attr(TEST_ACCESSES_KEY, [*known, told])


def accesses(study: OpenStudy, home: Home) -> list[Access]:
    """All known accesses to the test split of a study's data, the first one first.

    Those of this home, whichever study or recipe they were for, and those of the study itself on
    other machines.

    Raises:
        UnreachableError: the record of the home cannot be read.
    """
    with reading(home.datasets / RECORD_FILE):
        here = read_accesses(home.datasets)
    stored = [from_plain(line) for line in _stored(study)]
    known = {one.key: one for one in stored if one is not None}
    for one in here:
        known[one.key] = one if one.result or one.key not in known else known[one.key]
    found = [one for one in known.values() if one.fingerprint == _fingerprint(study)]
    return sorted(found, key=lambda one: one.date)


def plain(found: Sequence[Access]) -> list[dict[str, Any]]:
    """Openings as ``show --json`` prints them."""
    keys = ("date", "opened_by", "study", "of", "seeds", "result")
    return [{key: getattr(one, key) for key in keys} | {"seeds": list(one.seeds)} for one in found]


def _fingerprint(study: OpenStudy) -> str | None:
    value: str | None = study.data.get("fingerprint")
    return value


def _stored(study: OpenStudy) -> list[dict[str, Any]]:
    return list(study.optuna.user_attrs.get(TEST_ACCESSES_KEY, ()))
