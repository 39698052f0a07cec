"""What "auto" becomes: chosen once, the same for all trials and what follows from the study."""

from collections.abc import Callable
from typing import Any

import pytest
from optuna.trial import FrozenTrial
from pydantic import ValidationError

from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.outputs.copies import Copies
from hpsearch.search.attributes import PRECISION_KEY
from hpsearch.search.confirmation import ensure_confirmation_study, queue, seeds
from hpsearch.search.fork import fork
from hpsearch.search.leaders import leaders
from hpsearch.search.lookup import load_study
from hpsearch.search.precision import attributes, choose, chosen_by, in_words, keep_measured, lines
from hpsearch.search.recipes import recipe_of
from hpsearch.search.shapes import Measured, Precision
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import details
from hpsearch.study_file import StudyFile

Open = Callable[..., OpenStudy]
NOTHING = "has no instructions for bfloat16"


def measured(
    host: str = "here", device: str = "CPU", reason: str = "", **seconds: float
) -> Measured:
    return Measured(host=host, device=device, seconds=seconds, reason=reason)


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({"float32": 1.0, "mixed_bfloat16": 0.5}, "mixed_bfloat16"),
        ({"float32": 1.0, "mixed_bfloat16": 0.9}, "mixed_bfloat16"),
        # Less than a tenth comes and goes: the next run would choose otherwise.
        ({"float32": 1.0, "mixed_bfloat16": 0.95}, "float32"),
        ({"float32": 1.0, "mixed_bfloat16": 9.0}, "float32"),
        ({"float32": 1.0, "mixed_float16": 0.3}, "mixed_float16"),
        ({}, "float32"),
    ],
)
def test_another_precision_is_chosen_where_it_is_clearly_faster(
    seconds: dict[str, float], chosen: str
) -> None:
    assert choose(seconds) == chosen


def test_the_first_device_chooses_for_all(open_study: Open, finish: Callable[..., Any]) -> None:
    study = open_study(training={"precision": "auto"})
    trial: FrozenTrial = finish(study)
    assert study.precision is None
    assert recipe_of(study, trial).training.precision == "auto"
    assert attributes(study) == {}
    first = keep_measured(study, measured(float32=1.0, mixed_bfloat16=0.5))
    assert first.chosen == "mixed_bfloat16"
    # Another one that measures at the same time, and one that comes a second time.
    again = keep_measured(study, measured("there", float32=1.0, mixed_bfloat16=3.0))
    assert again.chosen == "mixed_bfloat16"
    assert keep_measured(study, measured("there", float32=2.0, mixed_bfloat16=1.0)) == again
    assert recipe_of(study, trial).training.precision == "mixed_bfloat16"
    here, there = lines(study)
    assert here == "precision mixed_bfloat16: 2.00 times as fast as float32 on CPU of here."
    assert there == (
        "warning: precision mixed_bfloat16: CPU of there takes 3.0 times as long in it as in"
        " float32."
    )


def test_a_precision_that_is_given_stays(open_study: Open, finish: Callable[..., Any]) -> None:
    study = open_study(training={"precision": "float32"})
    trial = finish(study)
    keep_measured(study, measured(float32=1.0, mixed_bfloat16=0.5))
    assert recipe_of(study, trial).training.precision == "float32"


def test_confirmation_runs_compute_as_the_trials_did(
    open_study: Open, finish: Callable[..., Any]
) -> None:
    study = open_study()
    finish(study)
    keep_measured(study, measured(float32=1.0, mixed_bfloat16=0.5))
    confirmation = ensure_confirmation_study(study)
    queue(confirmation, study, leaders(study, 1), seeds(study, 1))
    (run,) = confirmation.trials()
    assert confirmation.precision == study.precision
    assert recipe_of(confirmation, run).training.precision == "mixed_bfloat16"


def test_a_fork_computes_as_the_study_that_it_is_of(
    open_study: Open, make_file: Callable[..., StudyFile], finish: Callable[..., Any], home: Home
) -> None:
    study = open_study()
    finish(study)
    keep_measured(study, measured(float32=1.0, mixed_bfloat16=0.5))
    made, _ = fork(study, make_file(name="new"), study.data, Copies(home))
    assert made.computes_in == "mixed_bfloat16"


@pytest.mark.parametrize("first", [{}, {"float32": 1.0, "mixed_bfloat16": 1.2}])
def test_float32_is_kept_once(open_study: Open, first: dict[str, float]) -> None:
    """Two machines may measure at the same time; what float32 takes elsewhere tells nothing."""
    study = open_study()
    for host in ("one", "two"):
        keep_measured(study, measured(host, reason=NOTHING, **first))
    assert study.precision is not None
    assert [one.host for one in study.precision.measured] == ["one"]
    assert len(lines(study)) == 1
    assert details(study)["precision"] == study.computes_in == "float32"


def test_what_a_device_is_said_to_be() -> None:
    slow = said_of(measured(float32=1.0, mixed_bfloat16=1.25))
    assert slow == "precision float32: mixed_bfloat16 takes 1.25 times as long on CPU of here."
    unnamed = said_of(measured(device="any device", float32=1.0, mixed_bfloat16=1.25))
    assert unnamed == "precision float32: mixed_bfloat16 takes 1.25 times as long on here."
    alone = said_of(measured(reason=NOTHING))
    assert alone == "precision float32: CPU of here has no instructions for bfloat16."
    chosen = measured(float32=1.0, mixed_bfloat16=0.5)
    assert said_of(chosen, measured("old", reason=NOTHING)) == (
        "warning: precision mixed_bfloat16: CPU of old has no instructions for bfloat16."
    )
    # As fast as float32, or nearly: nobody need do anything.
    assert said_of(chosen, measured("quick", float32=1.0, mixed_bfloat16=0.4)) == ""
    assert said_of(chosen, measured("alike", float32=1.0, mixed_bfloat16=1.05)) == ""


def said_of(*devices: Measured) -> str:
    """What is said of the last of some devices that measured one after the other."""
    found = chosen_by(devices[0])
    return in_words(found.model_copy(update={"measured": list(devices)}), devices[-1])


@pytest.mark.parametrize(
    "content",
    [
        {"chosen": "float32", "measured": []},
        {"chosen": "float64", "measured": [{"host": "a", "device": "b", "seconds": {}}]},
        {"chosen": "mixed_bfloat16", "measured": [{"host": "a", "device": "b", "seconds": {}}]},
        *(
            {"chosen": "float32", "measured": [{"host": "a", "device": "b", "seconds": seconds}]}
            for seconds in (
                {"float32": 1.0},
                {"mixed_bfloat16": 1.0, "mixed_float16": 1.0},
                {"float32": 0.0, "mixed_bfloat16": 1.0},
                {"float32": 1.0, "mixed_bfloat16": 0.0},
                {"float32": 1.0, "mixed_bfloat16": float("inf")},
            )
        ),
    ],
)
def test_what_other_programs_write_there_is_refused(open_study: Open, content: Any) -> None:
    with pytest.raises(ValidationError):
        Precision.model_validate(content)
    study = open_study()
    study.optuna.set_user_attr(PRECISION_KEY, content)
    with pytest.raises(InputError, match="attributes \\(precision = "):
        load_study(study.storage, study.name)
