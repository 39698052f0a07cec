"""What models of scikit-learn reach, as a study keeps it."""

import json
from collections.abc import Callable
from typing import Any

from optuna.trial import FrozenTrial

from hpsearch.reference.reference import Reference
from hpsearch.search.attributes import STUDY
from hpsearch.search.reference import keep_reference, reference
from hpsearch.search.shapes import odd
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import best_row, details


def reached(value: float) -> Reference:
    return Reference(
        name="trees", values={"val_accuracy": value}, test=None, examples=9, of_examples=9,
        inputs=2, of_inputs=2, seconds=0.5, scikit_learn="1.9",
    )  # fmt: skip


def test_the_first_that_measures_is_kept(
    open_study: Callable[..., OpenStudy], finish: Callable[..., FrozenTrial]
) -> None:
    study = open_study()
    finish(study, 0.75)
    assert reference(study) is None
    assert (best_row(study)["reference"], details(study)["reference"]) == (None, None)
    keep_reference(study, [reached(0.9)])
    keep_reference(study, [reached(0.1)])  # of another run, a moment later
    assert reference(study) == (reached(0.9),)
    told = [reached(0.9).model_dump(mode="json")]
    assert best_row(study)["reference"] == details(study)["reference"] == told


def test_that_there_is_nothing_to_learn_is_kept_as_well(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study()
    keep_reference(study, [])
    keep_reference(study, [reached(0.1)])
    assert reference(study) == ()


def test_a_newer_version_may_say_more_of_a_model() -> None:
    told: dict[str, Any] = reached(0.5).model_dump(mode="json")

    def is_odd(value: Any) -> bool:
        return bool(odd([("reference", json.dumps(value))], STUDY))

    assert not is_odd([told, told | {"new": [1]}])
    for wrong in (told, [told | {"name": "network"}], [told | {"values": {"val_loss": 1e300}}]):
        assert is_odd(wrong)
