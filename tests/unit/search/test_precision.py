"""What "auto" becomes: chosen once, the same for all trials and what follows from the study."""

from collections.abc import Callable
from typing import Any

import pytest
from optuna.trial import FrozenTrial

from hpsearch.search.confirmation import ensure_confirmation_study, leaders, queue, seeds
from hpsearch.search.precision import choose, chosen_by, in_words, inherited, lines, note
from hpsearch.search.recipes import recipe_of
from hpsearch.search.shapes import Measured
from hpsearch.search.study import OpenStudy

Open = Callable[..., OpenStudy]


def measured(host: str = "here", device: str = "CPU", **seconds: float) -> Measured:
    return Measured(host=host, device=device, seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({"float32": 1.0, "mixed_bfloat16": 0.5}, "mixed_bfloat16"),
        ({"float32": 1.0, "mixed_bfloat16": 0.9}, "mixed_bfloat16"),
        # Less than a tenth comes and goes: the next run would choose otherwise.
        ({"float32": 1.0, "mixed_bfloat16": 0.95}, "float32"),
        ({"float32": 1.0, "mixed_bfloat16": 9.0}, "float32"),
        ({"float32": 1.0, "mixed_float16": 0.3}, "mixed_float16"),
        ({"float32": 0.0}, "float32"),
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
    assert inherited(study) == {}
    first = note(study, measured(float32=1.0, mixed_bfloat16=0.5))
    assert first.chosen == "mixed_bfloat16"
    # Another one that measures at the same time, and one that comes a second time.
    again = note(study, measured("there", float32=1.0, mixed_bfloat16=3.0))
    assert again.chosen == "mixed_bfloat16"
    assert note(study, measured("there", float32=2.0, mixed_bfloat16=1.0)) == again
    assert recipe_of(study, trial).training.precision == "mixed_bfloat16"
    here, there = lines(study)
    assert here == "precision mixed_bfloat16: 2.00 times as fast as float32 on CPU of here"
    assert there == (
        "warning: CPU of there takes 3.0 times as long in mixed_bfloat16, the study's precision,"
        " as in float32"
    )


def test_a_precision_that_is_given_stays(open_study: Open, finish: Callable[..., Any]) -> None:
    study = open_study(training={"precision": "float32"})
    trial = finish(study)
    note(study, measured(float32=1.0, mixed_bfloat16=0.5))
    assert recipe_of(study, trial).training.precision == "float32"


def test_confirmation_runs_compute_as_the_trials_did(
    open_study: Open, finish: Callable[..., Any]
) -> None:
    study = open_study()
    finish(study)
    note(study, measured(float32=1.0, mixed_bfloat16=0.5))
    confirmation = ensure_confirmation_study(study)
    queue(confirmation, study, leaders(study, 1), seeds(study, 1))
    (run,) = confirmation.trials()
    assert confirmation.precision == study.precision
    assert recipe_of(confirmation, run).training.precision == "mixed_bfloat16"


def test_what_a_device_is_said_to_be() -> None:
    slow = note_of(measured(float32=1.0, mixed_bfloat16=1.25))
    assert slow == "precision float32: mixed_bfloat16 takes 1.25 times as long on CPU of here"
    alone = note_of(measured(device="GPU 0 (T4)", float32=0.0))
    assert alone == "precision float32: GPU 0 (T4) of here is fast in nothing else"
    unnamed = note_of(measured(device="any device", float32=1.0, mixed_bfloat16=1.25))
    assert unnamed == "precision float32: mixed_bfloat16 takes 1.25 times as long on here"
    chosen = measured(float32=1.0, mixed_bfloat16=0.5)
    other = measured("old", float32=0.0)
    assert note_of(chosen, other) == (
        "warning: CPU of old is slow in mixed_bfloat16, the study's precision"
    )
    assert note_of(chosen, measured("quick", float32=1.0, mixed_bfloat16=0.4)) == ""


def note_of(*devices: Measured) -> str:
    """What is said of the last of some devices that measured one after the other."""
    found = chosen_by(devices[0])
    return in_words(found.model_copy(update={"measured": list(devices)}), devices[-1])
