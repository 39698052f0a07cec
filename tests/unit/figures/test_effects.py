"""The figure of effects."""

import json
from typing import Any

from hpsearch.effect import Effect, Learnt
from hpsearch.figures.effects import ROWS, effects_figure
from hpsearch.tasks.classification import ACCURACY
from hpsearch.tasks.regression import RMSE


def effect(name: str, gain: float, half: float = 0.01, **fields: Any) -> Effect:
    known = {
        "level": "relu", "against": "gelu", "low": gain - half, "high": gain + half,
        "trials": 12, "others": 30,
    }  # fmt: skip
    return Effect(name=name, gain=gain, **(known | fields))


def strict(figure: Any) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(figure.to_json(), parse_constant=refuse)


def test_each_parameter_has_its_greatest_effect_with_the_interval() -> None:
    some = [effect("activation", 0.02), effect("rate", 0.05), effect("rate", -0.03)]
    figure = effects_figure(Learnt(effects=some, trials=42, pruned=20), ACCURACY)
    (trace,) = figure.data
    assert trace.name == "clear"
    assert (trace.x, trace.y) == ((5.0, 2.0), (0, -1))
    assert trace.error_x.array == (1.0, 1.0)
    assert trace.error_x.arrayminus == (1.0, 1.0)
    assert [one.text for one in figure.layout.annotations] == [
        "rate relu against gelu", "activation relu against gelu",
    ]  # fmt: skip
    assert "12 trials against 30" in trace.text[0]
    assert "42 trials, 20 pruned" in figure.layout.title.subtitle.text
    strict(figure)


def test_what_cannot_be_told_looks_otherwise_and_stands_below() -> None:
    some = [effect("a", 0.2, 0.3), effect("b", 0.02)]
    figure = effects_figure(Learnt(effects=some, trials=42), ACCURACY)
    clear, unclear = figure.data
    assert (clear.y, unclear.y) == ((0,), (-1,))
    assert clear.marker.symbol != unclear.marker.symbol


def test_a_metric_in_its_own_unit_is_not_told_in_points() -> None:
    figure = effects_figure(Learnt(effects=[effect("a", 2.0)], trials=42), RMSE)
    assert figure.data[0].x == (2.0,)
    assert "points" not in figure.layout.xaxis.title.text


def test_many_parameters_are_cut_to_the_greatest() -> None:
    some = [effect(f"p{number}", 0.01 * number + 0.02) for number in range(30)]
    figure = effects_figure(Learnt(effects=some, trials=42), ACCURACY)
    assert len(figure.layout.annotations) == ROWS
    assert figure.layout.annotations[0].text.startswith("p29")
    assert f"{ROWS} of 30 parameters" in figure.layout.title.subtitle.text


def test_names_are_no_markup() -> None:
    evil = "<img src=x onerror=alert(1)>"
    figure = effects_figure(Learnt(effects=[effect(evil, 0.2, level=evil)], trials=42), ACCURACY)
    assert "<img" not in json.dumps(strict(figure))


def test_of_nothing_the_figure_says_why() -> None:
    figure = effects_figure(Learnt(), ACCURACY)
    assert not figure.data
    assert "ten complete or pruned trials" in figure.layout.annotations[0].text
