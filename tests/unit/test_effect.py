"""Effects as plain values, and as words."""

import json
from typing import Any

import pytest

from hpsearch.effect import Effect, Learnt, Untold, by_parameter
from hpsearch.tasks.metric import Metric

SHARE = Metric(name="x", label="x", direction="maximize", is_share=True)
UNIT = Metric(name="x", label="x", direction="minimize", in_unit=True)


def effect(
    name: str = "activation", gain: float = 0.008, half: float = 0.005, **fields: Any
) -> Effect:
    known = {"level": "relu", "against": "gelu", "trials": 10, "others": 9}
    return Effect(name=name, gain=gain, low=gain - half, high=gain + half, **(known | fields))


@pytest.mark.parametrize(
    ("one", "metric", "expected"),
    [
        (effect(), SHARE, "+0.80 ± 0.50 points"),
        (effect(gain=-0.008), SHARE, "−0.80 ± 0.50 points"),
        (effect(gain=0.0994, half=0.0757), SHARE, "+9.9 ± 7.6 points"),
        (effect(gain=12.5, half=2.0), UNIT, "+12.5 ± 2.0"),
        (effect(gain=1234.5, half=321.0), UNIT, "+1234 ± 321"),
        (effect(gain=0.00691, half=0.00213), UNIT, "+0.0069 ± 0.0021"),
        (effect(gain=0.5, half=0.0), UNIT, "+0.50 ± 0.00"),
    ],
)
def test_a_size_is_written_with_half_its_interval(
    one: Effect, metric: Metric, expected: str
) -> None:
    assert one.compared() == "activation relu against gelu"
    assert one.size(metric) == expected


def test_an_effect_is_clear_where_its_interval_leaves_out_nought() -> None:
    assert effect(gain=0.1, half=0.05).is_clear
    assert effect(gain=-0.1, half=0.05).is_clear
    assert not effect(gain=0.1, half=0.2).is_clear


def test_what_cannot_be_told_is_said_in_a_sentence() -> None:
    one = Untold(name="batch_norm", level="true", trials=2, of=19)
    assert one.sentence() == "batch_norm true: cannot be told, 2 of 19 trials have it"
    one = Untold(name="batch_norm", level="true", trials=1, of=1)
    assert one.sentence() == "batch_norm true: cannot be told, 1 of 1 trial has it"


def test_the_strongest_of_each_parameter_are_clear_ones_first() -> None:
    wide, narrow = effect("a", 0.5, 0.6), effect("a", 0.1, 0.05)
    unclear, small = effect("b", 0.3, 0.4), effect("c", -0.05, 0.01)
    found = Learnt(effects=[wide, narrow, unclear, small]).strongest()
    assert found == [narrow, small, unclear]


def test_effects_of_a_parameter_stay_together() -> None:
    some = [effect("a", 0.1), effect("b", 0.2), effect("a", -0.3), effect("b", -0.1)]
    assert by_parameter(some) == [some[0], some[2], some[1], some[3]]


def test_all_of_it_is_json() -> None:
    learnt = Learnt(
        effects=[effect()],
        untold=[Untold(name="b", level="x", trials=1, of=2)],
        trials=19,
        pruned=3,
    )
    found = json.loads(json.dumps(learnt.plain()))
    assert (found["trials"], found["pruned"]) == (19, 3)
    assert found["effects"][0]["clear"] is True
    assert found["untold"] == [{"name": "b", "level": "x", "trials": 1, "of": 2}]
