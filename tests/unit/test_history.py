"""Spaces, enqueued parts and names as commit b6310ff had them: studies of before go on.

``tests/history/spaces.json`` was written by that commit for random spaces: what is stored of each,
what Optuna is asked for and in which order, the configuration that comes of some answers, what
parts of configurations fix or how they are refused, and the fields that do not fit.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from strategies import Noted

from hpsearch.config import TrialConfig, flat
from hpsearch.errors import InputError
from hpsearch.parsing import parse
from hpsearch.space import PartialConfig, Space, suggest_config
from hpsearch.walks import misfits, settle

CASES = json.loads((Path(__file__).parents[1] / "history" / "spaces.json").read_text())
VALID = [case for case in CASES if "error" not in case]


def without_none(table: Any) -> Any:
    """A stored space without the kinds that it does not choose from: there are more by now."""
    if not isinstance(table, dict):
        return table
    return {key: without_none(value) for key, value in table.items() if value is not None}


def of_then(table: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """A table without fields that came later, which have their defaults."""
    later = table.keys() - known.keys()
    assert {key: table[key] for key in later} == {key: flat(TrialConfig())[key] for key in later}
    return {key: value for key, value in table.items() if key in known}


def test_there_are_cases() -> None:
    assert len(VALID) > 30
    assert len(CASES) > len(VALID) + 3


@pytest.mark.parametrize("case", VALID)
def test_optuna_is_asked_as_before(case: Any) -> None:
    space = parse(Space, case["space"], "f")
    now = of_then(space.model_dump(mode="json"), case["stored"])
    assert without_none(now) == without_none(case["stored"])
    assert parse(Space, case["stored"], "f") == space
    noted = Noted(case["drawn"])
    config = flat(suggest_config(space, noted))
    assert of_then(config, case["config"]) == case["config"]
    assert noted.asked == case["asked"]


@pytest.mark.parametrize("case", VALID)
def test_parts_fix_what_they_fixed_before(case: Any) -> None:
    space = parse(Space, case["space"], "f")
    for part, came in case["enqueued"]:
        try:
            found: Any = {"params": settle(space, parse(PartialConfig, part, "e"))}
        except (InputError, ValueError) as error:
            found = {"error": str(error)}
        assert found == came


@pytest.mark.parametrize("case", VALID)
def test_the_same_fields_do_not_fit(case: Any) -> None:
    space = parse(Space, case["space"], "f")
    for config, wrong in case["misfits"]:
        assert sorted(misfits(space, parse(TrialConfig, config, "c"))) == sorted(wrong)


@pytest.mark.parametrize("case", [case for case in CASES if "error" in case])
def test_spaces_are_refused_in_the_same_words(case: Any) -> None:
    with pytest.raises(InputError) as caught:
        parse(Space, case["space"], "f")
    assert str(caught.value) == case["error"]
