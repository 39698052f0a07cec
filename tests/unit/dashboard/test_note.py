"""The note of a study."""

from collections.abc import Callable

import pytest
from optuna_dashboard import get_note, save_note

from hpsearch.dashboard.note import data_words, note_of, write_note
from hpsearch.search.study import OpenStudy

COMMAND = ["hpsearch", "run", "mine.toml", "--trials", "7"]


def test_it_says_what_is_searched(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study(seed=3, budget={"trials": 7, "timeout": "2h", "max_parameters": 10**6})
    note = note_of(study, COMMAND)
    for text in (
        "**digits**", "maximize `val_accuracy`", "7 trials, 7200 s",
        "networks of at most 1,000,000 parameters", "`hpsearch run mine.toml --trials 7`",
        "| units | 64 to 2048, logarithmic, for each layer |",
        "| adam.learning_rate | 0.0001 to 0.1, logarithmic |", '| activation | "relu" (fixed) |',
        'optimizer | one of \\["adam", "sgd"\\]', "3 classes", "fingerprint ffffffffffff",
        "the study's seed is 3",
    ):  # fmt: skip
        assert text in note


def test_it_is_written_once_and_renewed(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study()
    write_note(study, COMMAND)
    assert get_note(study.optuna) == note_of(study, COMMAND)
    attrs = study.storage.get_study_system_attrs(study.study_id)
    write_note(study, COMMAND)
    assert study.storage.get_study_system_attrs(study.study_id) == attrs
    write_note(study, [*COMMAND, "--timeout", "1h"])
    assert "--timeout 1h" in get_note(study.optuna)


def test_what_a_user_wrote_stays(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study()
    write_note(study, COMMAND)
    save_note(study.optuna, "my own words")
    write_note(study, [*COMMAND, "--timeout", "1h"])
    assert get_note(study.optuna) == "my own words"


def test_a_first_note_of_a_user_stays(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study()
    save_note(study.optuna, "my own words")
    write_note(study, COMMAND)
    assert get_note(study.optuna) == "my own words"


def test_a_budget_that_changed_is_told(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study(budget={"trials": 7})
    write_note(study, COMMAND)
    assert "- budget: 7 trials\n" in get_note(study.optuna)
    # As --trials 9 of another run leaves it, which is not written into the study file.
    raised = study.budget.model_dump(mode="json") | {"trials": 9, "plateau": 4}
    study.optuna.set_user_attr("budget", raised)
    write_note(study, COMMAND)
    assert "- budget: 9 trials, 4 trials without a better one\n" in get_note(study.optuna)


def test_choices_are_no_markup(open_study: Callable[..., OpenStudy]) -> None:
    kinds = {"type": "categorical", "choices": ["leaky_relu"]}
    note = note_of(open_study(space={"activation": kinds}), COMMAND)
    assert '| activation | one of \\["leaky\\_relu"\\] |' in note


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("a*b_<i>|c", "`hpsearch a*b_<i>|c`"),
        ("a`<i>`b", "`` hpsearch a`<i>`b ``"),
        ("a``b`c", "``` hpsearch a``b`c ```"),
        ("a\n# b", "`hpsearch a # b`"),
    ],
)
def test_a_command_is_code(open_study: Callable[..., OpenStudy], word: str, code: str) -> None:
    assert f"- command: {code}\n" in note_of(open_study(), ["hpsearch", word])


def test_data_that_are_not_known(open_study: Callable[..., OpenStudy]) -> None:
    assert data_words(open_study().file, {}).startswith("? training and ? validation examples (?")


def test_the_scale_is_told_of_arrays_alone(open_study: Callable[..., OpenStudy]) -> None:
    known = {"class_names": [], "input_shape": [13], "fingerprint": "f" * 64}
    told = data_words(open_study().file, known)
    assert told.endswith(", 13 values each, regression, scale symmetric, fingerprint ffffffffffff")
    table = known | {"table": {"numbers": 13}, "columns": 13, "target": "price"}
    told = data_words(open_study().file, table)
    assert told.endswith(", 13 columns, target price, regression, fingerprint ffffffffffff")
