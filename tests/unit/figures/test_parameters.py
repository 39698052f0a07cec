"""The size of the networks against how good they are."""

from typing import Any

import pytest
from made_points import made

from hpsearch.config import TrialConfig, flat
from hpsearch.figures.parameters import parameters_figure
from hpsearch.tasks.classification import ACCURACY, F1_MACRO, LOSS
from hpsearch.tasks.metric import Metric
from hpsearch.tasks.regression import R2, REGRESSION, RMSE

POINTS = [
    made(0, 0.3, parameters=100),
    made(1, 0.5, parameters=2_000_000, test=0.48),
    made(2, 0.4, parameters=10_000, test=0.41),
    made(3, 0.9, parameters=50, state="pruned"),
    made(4, state="failed"),
]


def trace(figure: Any, name: str | None) -> Any:
    return next(trace for trace in figure.data if trace.name == name)


def test_validation_and_test_accuracy_are_joined() -> None:
    figure = parameters_figure(POINTS, ACCURACY)
    complete, test, joins = (trace(figure, name) for name in ("complete", "test", None))
    assert (complete.x, complete.y) == ((100, 2_000_000, 10_000), (0.3, 0.5, 0.4))
    assert (test.x, test.y) == ((2_000_000, 10_000), (0.48, 0.41))
    assert joins.x == (2_000_000, 2_000_000, None, 10_000, 10_000, None)
    assert joins.y == (0.5, 0.48, None, 0.4, 0.41, None)
    assert test.marker.symbol != complete.marker.symbol
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.yaxis.title.text == "accuracy"


def test_the_best_is_marked_and_annotated() -> None:
    figure = parameters_figure(POINTS, ACCURACY)
    assert (trace(figure, "best").x, trace(figure, "best").y) == ((2_000_000,), (0.5,))
    (note,) = figure.layout.annotations
    assert note.text == "trial 1: 0.5<br>test accuracy 0.48<br>2M parameters"
    assert (note.x, note.y) == (pytest.approx(6.30103), 0.5)  # a place on a logarithmic axis


def test_the_best_of_losses_is_the_lowest_on_its_logarithmic_axis() -> None:
    points = [made(0, 100.0), made(1, 0.1, parameters=1000)]
    figure = parameters_figure(points, LOSS)
    (note,) = figure.layout.annotations
    assert (note.x, note.y) == (3, -1)
    assert trace(figure, "best").y == (0.1,)
    assert note.ay > 0  # below the others


@pytest.mark.parametrize("metric", [LOSS, F1_MACRO])
def test_the_test_accuracy_has_a_panel_of_its_own_beside_another_metric(metric: Metric) -> None:
    figure = parameters_figure(POINTS, metric)
    assert trace(figure, "test").yaxis == "y2"
    assert figure.layout.yaxis2.title.text == "test accuracy"
    assert figure.layout.yaxis2.domain[1] < figure.layout.yaxis.domain[0]
    assert all(trace.name is not None for trace in figure.data)


def test_without_tests_only_validation_is_shown() -> None:
    figure = parameters_figure([made(0, 0.3)], ACCURACY)
    assert [trace.name for trace in figure.data] == ["complete", "best"]
    assert figure.layout.yaxis.title.text == "validation accuracy"


def test_tested_trials_of_a_large_study_are_kept() -> None:
    points = [made(n, n / 5000, test=0.5 if n % 1000 == 7 else None) for n in range(5000)]
    figure = parameters_figure(points, ACCURACY)
    assert trace(figure, "test").x == (1007, 2007, 3007, 4007, 5007)
    assert trace(figure, "best").y == (0.9998,)


def test_kinds_of_networks_are_told_apart() -> None:
    conv, hybrid = (
        flat(TrialConfig.model_validate({"network": {"type": "conv", "layers": layers}}))
        for layers in (0, 1)
    )
    points = [
        made(0, 0.5, parameters=100),
        made(1, 0.7, parameters=200, config=conv),
        made(2, 0.8, parameters=300, config=hybrid),
        made(3, 0.6, parameters=250, config=conv, state="pruned"),
    ]
    figure = parameters_figure(points, ACCURACY)
    names = [each.name for each in figure.data]
    assert names == ["pruned", "dense", "conv", "hybrid", "best"]
    assert [trace(figure, name).x for name in names[1:4]] == [(100,), (200,), (300,)]
    looks = {(each.marker.symbol, each.marker.color) for each in figure.data}
    assert len(looks) == 5
    alike = parameters_figure(points[1:2], ACCURACY)
    assert [each.name for each in alike.data] == ["complete", "best"]


def test_of_a_regression_the_rmse_is_joined() -> None:
    figure = parameters_figure(POINTS, RMSE, REGRESSION)
    assert trace(figure, "test").hovertemplate.endswith("test RMSE %{y}<extra></extra>")
    assert trace(figure, None).y == (0.5, 0.48, None, 0.4, 0.41, None)
    assert figure.layout.yaxis.title.text == "RMSE"
    (note,) = parameters_figure(POINTS[1:2], R2, REGRESSION).layout.annotations
    assert note.text == "trial 1: 0.5<br>test RMSE 0.48<br>2M parameters"
    assert parameters_figure(POINTS, R2, REGRESSION).layout.yaxis2.title.text == "test RMSE"
