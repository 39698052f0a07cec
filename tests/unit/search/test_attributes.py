"""The attributes of studies and trials: what counts as written by hpsearch."""

import json
from typing import Any

import pytest

from hpsearch.search.attributes import STUDY, TRIAL, odd, parse, typed

FORK = {"study": "old", "trials": 1, "shift": 1, "date": "2026-01-01"}


def test_what_hpsearch_writes_is_read_with_keys_of_newer_versions() -> None:
    rows = [("forked_from", json.dumps(FORK | {"new": 1.5})), ("of another", "NaN")]
    assert typed(rows[:1], STUDY) == {"forked_from": FORK | {"new": 1.5}}
    assert odd(rows, STUDY) == {}  # what is not ours may hold anything


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "[1, [NaN]]"])
def test_numbers_that_json_does_not_know_are_not_ours(number: str) -> None:
    text = json.dumps(FORK)[:-1] + f', "new": {number}}}'
    assert typed([("forked_from", text)], STUDY) == {}
    assert odd([("forked_from", text)], STUDY) == {"forked_from": text}
    assert typed([("gap", number)], TRIAL) == {}


@pytest.mark.parametrize("value", [0.1, 1e-300, -2.5e10, 1.7976931348623157e308, 0.1 + 0.2])
def test_numbers_come_back_to_the_last_bit(value: Any) -> None:
    assert parse(json.dumps(value), TRIAL["gap"]) == value
