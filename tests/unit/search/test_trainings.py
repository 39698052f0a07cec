"""What ``hpsearch train`` found for recipes of a study."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hpsearch.home import Home
from hpsearch.search.study import OpenStudy
from hpsearch.search.trainings import Training, accuracies_on_test, trainings

Put = Callable[..., Path]


@pytest.fixture
def put(home: Home) -> Put:
    """Writes what ``train`` leaves; keywords replace what is in it."""

    def put_one(name: str, **given: Any) -> Path:
        values: dict[str, Any] = {
            "study": "study", "trial": 3, "seed": 1, "fingerprint": "f" * 64, "value": 0.5,
            "test": None,
        } | given  # fmt: skip
        folder = home.trained(name, values["seed"])
        folder.mkdir(parents=True)
        trial = "" if values["trial"] is None else f"trial = {values['trial']}\n"
        (folder / "recipe.toml").write_text(
            f'seed = {values["seed"]}\n[provenance]\nstudy = "{values["study"]}"\n{trial}'
        )
        result = {"values": [values["value"]], "fingerprint": values["fingerprint"]}
        result |= {"test": values["test"]} if values["test"] else {}
        (folder / "result.json").write_text(json.dumps(result))
        return folder

    return put_one


def test_the_baseline_first_then_by_trial_and_seed(
    open_study: Callable[..., OpenStudy], home: Home, put: Put
) -> None:
    put("b", trial=3, seed=2, value=0.25)
    put("a", trial=3, seed=1, test={"accuracy": 0.75})
    put("c", trial=None, seed=9, value=0.125)
    put("d", trial=0, seed=7)
    assert trainings(open_study(), home) == [
        Training(trial=None, seed=9, value=0.125, test=None),
        Training(trial=0, seed=7, value=0.5, test=None),
        Training(trial=3, seed=1, value=0.5, test={"accuracy": 0.75}),
        Training(trial=3, seed=2, value=0.25, test=None),
    ]


@pytest.mark.parametrize(
    "other", [{"study": "another"}, {"fingerprint": "0" * 64}, {"value": float("nan")}]
)
def test_of_others_nothing_is_taken(
    open_study: Callable[..., OpenStudy], home: Home, put: Put, other: dict[str, Any]
) -> None:
    put("a", **other)
    assert trainings(open_study(), home) == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("result.json", "{"), ("result.json", "{}"), ("result.json", '{"values": []}'),
        ("result.json", "[]"), ("recipe.toml", "seed ="), ("recipe.toml", "seed = 1"),
    ],
)  # fmt: skip
def test_what_is_broken_is_passed_over(
    open_study: Callable[..., OpenStudy], home: Home, put: Put, file: str, text: str
) -> None:
    (put("a") / file).write_text(text)
    put("b", seed=2)
    assert [one.seed for one in trainings(open_study(), home)] == [2]


def test_a_home_without_trainings(open_study: Callable[..., OpenStudy], home: Home) -> None:
    assert trainings(open_study(), home) == []


def test_accuracies_of_a_trial_are_averaged() -> None:
    found = [
        Training(trial=None, seed=0, value=0.5, test={"accuracy": 0.1}),
        Training(trial=2, seed=0, value=0.5, test={"accuracy": 0.25}),
        Training(trial=2, seed=1, value=0.5, test={"accuracy": 0.75}),
        Training(trial=3, seed=0, value=0.5, test=None),
    ]
    assert accuracies_on_test(found) == {2: 0.5}
