from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingRegressor

from hpsearch.data.tables.column import Column
from hpsearch.reference import measure as measure_module
from hpsearch.reference.measure import Examples, measure
from hpsearch.reference.reference import line
from hpsearch.tasks.classification import CLASSIFICATION
from hpsearch.tasks.regression import REGRESSION, RMSE

COLUMNS = (
    Column(name="kind", kind="category", categories=("a", "b", "c", "d")),
    Column(name="size", kind="number"),
    Column(name="when", kind="date"),
)


def table(seed, n):
    random = np.random.default_rng(seed)
    kind, size = random.integers(0, 4, n), random.normal(size=n)
    x = np.column_stack([kind, size, random.integers(0, 9000, n)]).astype(np.float32)
    return Examples(x=x, y=size + np.array([0, 5, -3, 1])[kind] + 0.1 * random.normal(size=n))


def without_seconds(found):
    return [one.model_dump(exclude={"seconds"}) for one in found]


TRAIN, HELD = table(0, 200), table(1, 60)


def test_both_models_learn_a_table_and_are_told_with_what():
    trees, linear = measure(REGRESSION, TRAIN, HELD, columns=COLUMNS)
    assert (trees.name, linear.name) == ("trees", "linear")
    assert linear.values["val_rmse"] < trees.values["val_rmse"] < HELD.y.std()
    assert (trees.examples, trees.of_examples, trees.inputs, trees.of_inputs) == (200, 200, 6, 6)
    assert trees.test is None


def test_trees_reach_what_scikit_learn_reaches_by_itself():
    columns = (Column(name="size", kind="number"),)
    train, held = (Examples(x=one.x[:, 1:2], y=one.y) for one in (TRAIN, HELD))
    trees, _ = measure(REGRESSION, train, held, columns=columns)
    direct = HistGradientBoostingRegressor(random_state=0).fit(train.x, train.y).predict(held.x)
    assert trees.values["val_rmse"] == pytest.approx(np.sqrt(np.mean((direct - held.y) ** 2)))


def test_the_same_examples_give_the_same_values():
    once, again = (measure(REGRESSION, TRAIN, HELD, columns=COLUMNS) for _ in range(2))
    assert without_seconds(once) == without_seconds(again)


@cache
def alone():
    """The models scored on what is held out."""
    return measure(REGRESSION, TRAIN, HELD, columns=COLUMNS)


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 1000), st.floats(-1e6, 1e6, width=32), st.integers(-1, 900))
def test_nothing_of_what_is_held_out_reaches_the_fit(seed, shift, place):
    odd = table(seed, 30)
    odd.x[:, 1] += shift
    odd.x[:, 0] = place
    beside = measure(REGRESSION, TRAIN, odd, test=HELD, columns=COLUMNS)
    for one, other in zip(alone(), beside, strict=True):
        assert other.test == {k.removeprefix("val_"): v for k, v in one.values.items()}


def test_examples_without_weight_teach_nothing():
    junk = Examples(
        x=np.concatenate([TRAIN.x, TRAIN.x]), y=np.concatenate([TRAIN.y, 100 - TRAIN.y])
    )
    weights = np.repeat([1.0, 0.0], 200)
    [*told] = measure(
        REGRESSION, Examples(x=junk.x, y=junk.y, weights=weights), HELD, columns=COLUMNS
    )
    [*misled] = measure(REGRESSION, junk, HELD, columns=COLUMNS)
    for one, other in zip(told, misled, strict=True):
        assert one.values["val_rmse"] < 2
        assert other.values["val_rmse"] > 10


def test_images_are_classified():
    digits = load_digits()
    x, y = digits.images.astype(np.uint8)[..., np.newaxis], digits.target
    train, held = Examples(x=x[:400], y=y[:400]), Examples(x=x[400:600], y=y[400:600])
    found = measure(CLASSIFICATION, train, held, test=held, classes=10)
    for one in found:
        assert one.values["val_accuracy"] > 0.7
        assert one.values.keys() == CLASSIFICATION.metrics.keys()
        assert one.test["accuracy"] == one.values["val_accuracy"]


def test_a_class_that_is_not_trained_on_is_never_the_answer_and_loses_finitely():
    y = np.digitize(TRAIN.y, [0.0])
    y[0] = 2  # its only example
    found = measure(
        CLASSIFICATION,
        Examples(x=TRAIN.x, y=y),
        Examples(x=HELD.x, y=np.full(60, 2)),
        columns=COLUMNS,
        classes=3,
    )
    assert [one.values["val_accuracy"] for one in found] == [0, 0]
    assert all(one.values["val_loss"] == pytest.approx(36.04, abs=0.01) for one in found)


def test_a_class_with_one_example_hinders_no_stopping_of_many_rows():
    random = np.random.default_rng(0)
    x = random.normal(size=(10_100, 1))
    y = (x[:, 0] > 0).astype(np.int64)
    y[5] = 2
    train = Examples(x=x, y=y)
    trees, _ = measure(CLASSIFICATION, train, train, classes=3)
    assert trees.values["val_accuracy"] > 0.99
    assert (trees.examples, trees.of_examples) == (10_099, 10_100)


def test_one_class_is_nothing_to_be_told_apart():
    train = Examples(x=TRAIN.x, y=np.zeros(200, np.int64))
    assert measure(CLASSIFICATION, train, train, columns=COLUMNS, classes=2) == ()


def test_very_many_classes_have_the_linear_model_alone():
    y = np.arange(200) // 2
    train = Examples(x=TRAIN.x, y=y)
    found = measure(CLASSIFICATION, train, train, columns=COLUMNS, classes=101)
    assert [one.name for one in found] == ["linear"]


def test_of_very_much_a_part_is_taken_and_told(monkeypatch):
    part = measure_module._Most(inputs=2, cells=200)
    monkeypatch.setattr(measure_module, "_most", lambda *_: part)
    found = measure(REGRESSION, TRAIN, HELD, columns=COLUMNS)
    assert [(one.examples, one.inputs, one.of_inputs) for one in found] == [(100, 2, 6)] * 2
    assert line(found, RMSE).startswith(
        "gradient-boosted trees (scikit-learn's defaults) on 100 of 200 training examples"
        " and 2 of 6 inputs: RMSE "
    )


def test_what_did_not_converge_is_no_noise(recwarn):
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 60)) ** 5
    y = (x[:, 0] + x[:, 1] > 0).astype(np.int64)
    measure(CLASSIFICATION, Examples(x=x, y=y), Examples(x=x, y=y), classes=2)
    assert not recwarn.list
