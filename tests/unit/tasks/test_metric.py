"""Metrics: names, bounds, and how differences are told."""

import math

import pytest

from hpsearch.errors import InputError
from hpsearch.parsing import parse
from hpsearch.recipe import ObjectiveSection
from hpsearch.tasks import METRICS, TASKS
from hpsearch.tasks.classification import ACCURACY, F1_MACRO, LOSS
from hpsearch.tasks.regression import MAE, R2, RMSE


def test_a_study_file_knows_every_metric() -> None:
    for name, metric in METRICS.items():
        assert parse(ObjectiveSection, {"metric": name}, "here").measure is metric
    with pytest.raises(
        InputError, match="known: val_accuracy, val_auc, val_balanced_accuracy, val_f1"
    ):
        parse(ObjectiveSection, {"metric": "accuracy"}, "here")


def test_metrics_have_names() -> None:
    assert F1_MACRO.label == "validation F1 (macro)"
    assert (ACCURACY.short, LOSS.short) == ("accuracy", "loss")


def test_differences_have_a_sign_where_there_is_one() -> None:
    assert ACCURACY.signed(0.0125) == "+1.25 points"
    assert ACCURACY.signed(-0.0125) == "-1.25 points"
    assert ACCURACY.signed(-1e-9) == "0.00 points"
    assert LOSS.signed(0.25) == "+0.2500"
    assert ACCURACY.ends(-0.0025, 0.0125) == "-0.25 to +1.25 points"
    assert RMSE.ends(-1.5, 0.0) == "-1.5000 to 0.0000"


def test_differences_are_told_in_the_metrics_own_measure() -> None:
    assert ACCURACY.told(0.0125) == "1.25 points"
    assert LOSS.told(0.0125) == "0.0125"


def test_values_in_the_targets_unit_are_of_any_size() -> None:
    assert (ACCURACY.written(0.5), LOSS.written(12.34567)) == ("0.5000", "12.3457")
    assert (RMSE.written(0.49534), MAE.written(41234.5)) == ("0.49534", "41234")
    assert (RMSE.told(1234.5678), R2.written(-0.25)) == ("1234.6", "-0.2500")


def test_every_task_has_a_headline_with_an_interval() -> None:
    for task in TASKS.values():
        assert task.recorded[0] == task.headline.name == task.scores[0].name
        assert all(score.metric in task.metrics.values() for score in task.scores)
    assert TASKS["classification"].recorded == ("accuracy", "f1_macro")
    assert TASKS["regression"].recorded == ("rmse", "r2")


def test_what_a_metric_can_be() -> None:
    assert ACCURACY.bounds == F1_MACRO.bounds == (0.0, 1.0)
    assert LOSS.bounds == (0.0, math.inf)
    assert [name for name, metric in METRICS.items() if metric.of_examples] == ["val_accuracy"]


def test_each_metric_is_recorded_drawn_and_the_only_one_of_its_name() -> None:
    for task in TASKS.values():
        assert task.metrics.keys() <= set(task.curves)
        assert set(task.curves) == {name for names in task.panels.values() for name in names}
        assert f"val_{task.gap}" in task.curves
        assert task.usual in task.metrics
        assert task.gap_metric in task.metrics.values()
        for name, metric in task.metrics.items():
            assert METRICS[name] is metric
