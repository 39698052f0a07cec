import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge

from hpsearch.reference.models import MODEL, linear, trees

NAN = np.nan
RANDOM = np.random.default_rng(0)
NUMBERS = RANDOM.normal(size=(300, 3)).astype(np.float32)
TARGETS = NUMBERS @ np.array([1.0, -2.0, 0.5]) + RANDOM.normal(size=300)


@pytest.mark.parametrize(
    ("task", "model", "y"),
    [
        ("regression", HistGradientBoostingRegressor, TARGETS),
        ("classification", HistGradientBoostingClassifier, TARGETS > 0),
    ],
)
def test_trees_on_numbers_are_those_of_scikit_learn(task, model, y):
    x = NUMBERS.copy()
    x[::7, 1] = NAN
    ours = trees(task, (False,) * 3).fit(x, y).predict(x)
    np.testing.assert_array_equal(ours, model(random_state=0).fit(x, y).predict(x))


def test_trees_know_categories_and_take_unknown_ones_as_missing():
    places = np.tile([0.0, 1.0, 2.0, NAN], 100)
    y = np.select([places == 0, places == 1, places == 2], [5.0, 1.0, 9.0], 3.0)
    x = np.column_stack([np.zeros(400), places])
    model = trees("regression", (False, True)).fit(x, y)
    found = model.predict(np.column_stack([np.zeros(5), [0, 1, 2, NAN, 17]]))
    np.testing.assert_allclose(found, [5, 1, 9, 3, 3], atol=0.01)


def test_of_many_categories_the_most_frequent_ones_are_told_apart():
    places = np.concatenate([np.repeat(np.arange(254), 3), np.arange(254, 400)]).astype(float)
    model = trees("regression", (True,)).fit(places[:, np.newaxis], places)
    coded = model[0].transform(np.array([[7.0], [300.0], [399.0], [1000.0], [NAN]]))
    np.testing.assert_array_equal(coded, [[7], [254], [254], [NAN], [NAN]])


def test_settings_of_the_trees_are_scikit_learns():
    model = trees("regression", (False,), max_iter=3, learning_rate=0.5)
    assert model.fit(NUMBERS[:, :1], TARGETS)[MODEL].n_iter_ == 3
    assert model[MODEL].learning_rate == 0.5


@pytest.mark.parametrize(
    ("task", "model", "y"),
    [("regression", Ridge, TARGETS), ("classification", LogisticRegression, TARGETS > 0)],
)
def test_the_linear_model_sees_standardised_numbers_and_one_column_a_category(task, model, y):
    places = np.tile([0.0, 1.0, 2.0], 100)
    x = np.column_stack([NUMBERS, places])
    standard = (NUMBERS - NUMBERS.mean(axis=0)) / NUMBERS.std(axis=0)
    by_hand = np.column_stack([np.eye(3)[places.astype(int)], standard])
    ours = linear(task, (False, False, False, True)).fit(x, y)[MODEL].coef_
    np.testing.assert_allclose(ours, model().fit(by_hand, y).coef_, atol=1e-4)


def test_a_missing_number_is_the_median_for_the_linear_model():
    x = np.array([[0.0], [1.0], [5.0], [NAN]])
    model = linear("regression", (False,)).fit(x, [0.0, 1.0, 5.0, 1.0])
    missing, median, unlike = model.predict([[NAN], [1.0], [2.0]])
    assert missing == median != unlike


def test_a_missing_category_is_one_of_its_own_and_an_unknown_one_none():
    model = linear("regression", (True,))
    model.fit(np.array([[0.0], [1.0], [NAN]]), [1.0, 2.0, 3.0])
    coded = model[0].transform(np.array([[0.0], [NAN], [8.0]]))
    dense = coded if isinstance(coded, np.ndarray) else coded.toarray()
    assert dense.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]


@pytest.mark.parametrize("make", [trees, linear])
@pytest.mark.parametrize("is_category", [True, False])
def test_a_column_without_a_value_hinders_no_model(make, is_category):
    x = np.column_stack([NUMBERS[:, 0], np.full(300, NAN)])
    model = make("regression", (False, is_category)).fit(x, TARGETS)
    assert np.isfinite(model.predict(np.array([[0.0, NAN], [0.0, 3.0]]))).all()
