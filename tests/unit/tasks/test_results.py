"""How results on the test split read, whatever the task."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from hpsearch.tasks import TASKS
from hpsearch.tasks.classification import CLASSIFICATION
from hpsearch.tasks.evaluating import AnyEvaluation, evaluate
from hpsearch.tasks.regression import REGRESSION
from hpsearch.tasks.results import interval_text, task_of, written

CLASSES = evaluate(
    CLASSIFICATION, np.array([0, 0, 1]), np.eye(2, dtype=np.float32)[[0, 1, 1]], ["a", "b"]
)
VALUES = evaluate(
    REGRESSION,
    1e5 * np.arange(5.0),
    np.array([[10.0], [2e5], [1e5], [4e5], [4e5]], np.float32),
    (),
)


@pytest.mark.parametrize("found", [CLASSES, VALUES])
def test_a_result_knows_its_task_as_do_its_plain_values(found: AnyEvaluation) -> None:
    plain = json.loads(json.dumps(asdict(found)))
    assert task_of(plain) is task_of(vars(found)) is found.task
    recorded = {key: [plain[key]] for key in found.task.recorded}
    assert task_of(recorded) is found.task
    assert written(plain) == written(vars(found))


def test_every_score_and_the_gap_are_fields_of_the_evaluation() -> None:
    for found in (CLASSES, VALUES):
        fields = vars(found)
        assert {score.name for score in found.task.scores} <= fields.keys()
        assert found.task.gap in fields
    assert [found.task.name for found in (CLASSES, VALUES)] == list(TASKS)


def test_what_is_no_result_has_no_task() -> None:
    with pytest.raises(KeyError, match="examples"):
        task_of({"examples": 3})


def test_a_regression_reads_in_the_unit_of_its_target() -> None:
    rows = written(vars(VALUES))
    assert [row[0] for row in rows] == ["RMSE", "MAE", "R²"]
    assert [row[1] for row in rows] == ["77460", "60002", "0.7000"]
    assert [row[3] for row in rows] == ["standard error", "standard error", "bootstrap"]
    low, high = rows[0][2].split(" to ")
    assert float(low) < 77460 < float(high)


def test_an_accuracy_of_an_earlier_version_stands_alone() -> None:
    old = {"accuracy": 0.625, "accuracy_low": 0.5, "accuracy_high": 0.75, "f1_macro": 0.375}
    assert written(old) == [("accuracy", "0.6250", "0.5000 to 0.7500", "Wilson")]


def test_a_metric_that_is_not_known_is_left_out() -> None:
    same = evaluate(REGRESSION, np.ones(3), np.array([1.0, 2.0, 3.0], np.float32), ())
    assert [row[0] for row in written(vars(same))] == ["RMSE", "MAE"]
    exact = evaluate(REGRESSION, np.arange(3.0), np.arange(3.0).astype(np.float32), ())
    assert interval_text(vars(exact), REGRESSION.headline) == ""
