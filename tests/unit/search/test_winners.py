"""Winners of earlier studies: what a new study of such data tries first."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from conftest import SPACE
from optuna.trial import FrozenTrial

from hpsearch.errors import InputError
from hpsearch.search import trials
from hpsearch.search.attributes import WINNERS_KEY
from hpsearch.search.lookup import load_study
from hpsearch.search.making import open_or_create
from hpsearch.search.storage import Storage
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import details
from hpsearch.search.winners import MOST, in_words
from hpsearch.study_file import StudyFile

Finish = Callable[..., FrozenTrial]
FACTS = {
    "fingerprint": "f" * 64,
    "source": "npz",
    "input_shape": [8],
    "class_names": ["0", "1", "2"],
    "train": 100,
    "validation": 20,
    "test": 20,
}


@pytest.fixture
def begin(
    connect: Callable[[], Storage], make_file: Callable[..., StudyFile]
) -> Callable[..., OpenStudy]:
    """Makes a study, or goes on with it, on data with the given facts."""

    def begin_one(name: str, facts: Mapping[str, Any] | None = None, **sections: Any) -> OpenStudy:
        file = make_file(name=name, **sections)
        return open_or_create(connect(), file, FACTS | (facts or {}))[0]

    return begin_one


def winners(study: OpenStudy) -> list[str]:
    return [one["study"] for one in study.optuna.user_attrs.get(WINNERS_KEY, [])]


def test_a_new_study_of_a_preset_begins_with_the_winners_of_the_most_similar_data(
    begin: Callable[..., OpenStudy], finish: Finish
) -> None:
    for name, rows in {"far": 100_000, "near": 110, "nearer": 101, "off": 1000}.items():
        study = begin(name, {"train": rows}, seed=rows)
        finish(study, 0.5)
        finish(study, 0.9)
    begin("unfinished")
    finish(begin("pictures", {"input_shape": [8, 8]}))
    finish(begin("numbers", {"class_names": []}))
    finish(begin("odd", {"train": None, "table": None}))  # another program's
    study = begin("new", preset="vectors")
    assert winners(study) == ["nearer", "near", "off"]
    assert len(study.file.portfolio) == MOST
    told = in_words("vectors", 3, study.optuna.user_attrs[WINNERS_KEY])
    assert told.startswith("preset vectors, sized by the data, 3 configurations of the portfolio")
    assert "the winners of nearer (trial 1), near (trial 1)" in told
    assert details(study)["winners"] == study.optuna.user_attrs[WINNERS_KEY]
    first = finish(study)
    best = trials.best(open_of(study, "nearer"))
    assert first.params == best.params
    # It goes on with what it began with.
    finish(begin("later"))
    assert winners(begin("new", preset="vectors")) == ["nearer", "near", "off"]
    assert study.storage.ours(newest=2) == ["later", "new"]


def open_of(study: OpenStudy, name: str) -> OpenStudy:
    return load_study(study.storage, name)


def test_without_a_preset_only_named_studies_count(
    begin: Callable[..., OpenStudy], finish: Finish
) -> None:
    finish(begin("older"))
    assert winners(begin("own")) == []
    named = begin("named", transfer={"studies": ["older"]})
    assert winners(named) == ["older"]
    assert winners(begin("none", preset="vectors", transfer={"studies": []})) == []
    off = {"type": "tpe", "portfolio": False}
    assert winners(begin("off", preset="vectors", sampler=off)) == []


def test_a_winner_outside_of_the_space_or_the_budget_is_passed_over(
    begin: Callable[..., OpenStudy], finish: Finish
) -> None:
    finish(begin("older"))
    narrow = {**SPACE, "layers": 64}
    study = begin("narrow", preset="vectors", space=narrow)
    assert (winners(study), study.file.portfolio) == ([], ())
    small = begin("small", preset="vectors", budget={"trials": 3, "max_parameters": 50})
    assert winners(small) == []


def test_a_named_study_must_have_a_winner(begin: Callable[..., OpenStudy]) -> None:
    begin("unfinished")
    for name, says in {
        "gone": "there is no study gone",
        "unfinished": "no trial completed",
    }.items():
        with pytest.raises(InputError, match=f"transfer.studies: .*{says}"):
            begin("new", transfer={"studies": [name]})


def test_what_is_enqueued_on_must_lie_in_the_space_of_the_study(
    begin: Callable[..., OpenStudy],
) -> None:
    begin("old", preset="vectors")
    wide = {**SPACE, "layers": {"type": "int", "low": 1, "high": 9}}
    with pytest.raises(InputError, match=r"study old: enqueue\[0\].layers = 9 is not in the space"):
        begin("old", preset="vectors", space=wide, enqueue=[{"layers": 9}])


def test_a_winner_is_measured_against_the_budget_of_the_command_line(
    connect: Callable[[], Storage], begin: Callable[..., OpenStudy],
    make_file: Callable[..., StudyFile], finish: Finish,
) -> None:  # fmt: skip
    finish(begin("older"))
    limited = make_file(name="new", preset="vectors", budget={"trials": 3, "max_parameters": 50})
    written = make_file(name="new").budget
    study, _ = open_or_create(connect(), limited, FACTS, written=written)
    assert winners(study) == []
    assert study.file.budget == written
