"""What regularisation and learning rates do."""

from typing import Any

import pytest
from made_points import CONFIG, made

from hpsearch.figures.points import Point
from hpsearch.figures.settings import gap_figure, learning_rate_figure
from hpsearch.tasks.classification import ACCURACY
from hpsearch.tasks.regression import REGRESSION, RMSE


def with_l2(number: int, factor: float, **fields: Any) -> Point:
    return made(number, 0.5, config=CONFIG | {"l2": factor} | fields, gap=number / 10)


def optimised(number: int, kind: str, rate: float) -> Point:
    optimizer = {"type": kind, "learning_rate": rate}
    return made(number, number / 10, config=CONFIG | {"optimizer": optimizer})


def test_the_gap_is_shown_over_dropout_and_over_l2() -> None:
    points = [
        with_l2(0, 1e-4, dropout=[0.1, 0.3]),
        with_l2(1, 0.0, dropout=[0.5, 0.5], batch_norm=True),
        with_l2(2, 1e-5),
    ]
    figure = gap_figure(points, ACCURACY)
    plain, plain_l2, normalised, normalised_l2 = figure.data
    assert (plain.x, plain.y) == (pytest.approx((0.2, 0.3)), (0.0, 0.2))
    assert (normalised.x, normalised.y) == ((0.5,), (0.1,))
    assert [round(x) for x in plain_l2.x] == [2, 1]
    assert [round(x) for x in normalised_l2.x] == [0]
    assert figure.layout.xaxis2.ticktext == ("0", "1e-5", "1e-4")
    assert plain.marker.symbol != normalised.marker.symbol
    assert [trace.showlegend for trace in figure.data] == [True, False, True, False]
    assert figure.layout.yaxis.title.text == "training − validation accuracy"
    figure = gap_figure(points, RMSE, task=REGRESSION)
    assert figure.layout.yaxis.title.text == "training − validation R²"


def test_what_is_fixed_has_no_panel() -> None:
    points = [with_l2(0, 1e-4, dropout=[0.1, 0.3]), with_l2(1, 0.0, batch_norm=True)]

    def axes(*searched: str) -> list[str]:
        figure = gap_figure(points, ACCURACY, searched)
        return [axis.title.text for axis in figure.select_xaxes()]

    assert axes("dropout", "l2", "batch_norm") == axes("l2", "dropout")
    assert axes("dropout", "l2") == ["mean dropout", "L2 factor"]
    assert axes("dropout", "batch_norm") == ["mean dropout"]
    assert axes("l2") == ["L2 factor"]
    assert axes("batch_norm") == ["batch normalisation"]
    figure = gap_figure(points, ACCURACY, ["batch_norm"])
    assert [[round(x) for x in trace.x] for trace in figure.data] == [[0], [1]]


def test_many_l2_factors_are_grouped_by_powers_of_ten() -> None:
    factors = [0.0, *(n * 1e-4 for n in range(1, 21)), 0.5]
    points = [with_l2(number, factor) for number, factor in enumerate(factors)]
    figure = gap_figure(points, ACCURACY)
    assert figure.layout.xaxis2.ticktext == ("0", "1e-4", "1e-3", "0.1")
    assert "at least" in figure.layout.xaxis2.title.text
    places = [round(x) for x in figure.data[1].x]
    assert places == [0] + [1] * 9 + [2] * 11 + [3]


def test_trials_without_a_gap_are_not_in_its_figure() -> None:
    figure = gap_figure([made(0, 0.5, gap=None)], ACCURACY)
    assert not figure.data
    assert "gap" in figure.layout.annotations[0].text


def test_each_optimizer_has_a_panel() -> None:
    points = [
        optimised(1, "sgd", 1e-2),
        optimised(2, "adam", 1e-3),
        optimised(3, "sgd", 1e-1),
        optimised(4, "rmsprop", 1e-4),
    ]
    figure = learning_rate_figure(points, ACCURACY)
    assert [(trace.x, trace.y) for trace in figure.data] == [
        ((0.001,), (0.2,)),
        ((0.0001,), (0.4,)),
        ((0.01, 0.1), (0.1, 0.3)),
    ]
    axes = [figure.layout.xaxis, figure.layout.xaxis2, figure.layout.xaxis3]
    assert [axis.title.text for axis in axes] == [
        "adam learning rate",
        "rmsprop learning rate",
        "sgd learning rate",
    ]
    assert {axis.type for axis in axes} == {"log"}
    assert figure.layout.yaxis.matches == figure.layout.yaxis2.matches == "y3"
    assert figure.layout.yaxis3.title.text == "validation accuracy"
    assert [trace.showlegend for trace in figure.data] == [True, False, False]


def test_one_optimizer_has_the_whole_width() -> None:
    figure = learning_rate_figure([optimised(1, "adam", 1e-3)], ACCURACY)
    assert figure.layout.xaxis.domain == (0, 1)
