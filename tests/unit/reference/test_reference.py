import pytest

from hpsearch.reference.reference import (
    Reference,
    boosted_trees,
    cells_on_test,
    line,
    mean_of,
    recorded,
    sentence,
    titled,
    trained_on,
)
from hpsearch.tasks.classification import ACCURACY
from hpsearch.tasks.regression import REGRESSION, RMSE


def reached(name, rmse, **part):
    whole = {"examples": 9000, "of_examples": 9000, "inputs": 3072, "of_inputs": 3072}
    return Reference(
        name=name,
        values={"val_rmse": rmse},
        test=None,
        seconds=1.0,
        scikit_learn="1.9",
        **whole | part,
    )


TREES, LINEAR = reached("trees", 0.47123), reached("linear", 73_512.4)


def test_one_line_tells_what_the_models_reached():
    assert line((TREES, LINEAR), RMSE) == (
        "gradient-boosted trees (scikit-learn's defaults): RMSE 0.4712; a linear model: 73512"
    )
    assert line((LINEAR,), RMSE) == "a linear model (scikit-learn's defaults): RMSE 73512"


def test_a_metric_that_no_model_has_is_no_line():
    assert not line((TREES, LINEAR), ACCURACY)


def test_a_part_that_was_taken_is_told():
    part = reached("linear", 12.345, examples=1000, inputs=384)
    assert line((TREES, part), RMSE) == (
        "gradient-boosted trees (scikit-learn's defaults): RMSE 0.4712; a linear model on"
        " 1,000 of 9,000 training examples and 384 of 3,072 inputs: 12.345"
    )


def test_who_wins_against_the_best_network_is_told():
    assert line((TREES, LINEAR), RMSE, best=0.5) == (
        "gradient-boosted trees (scikit-learn's defaults): RMSE 0.4712, better than the best"
        " network; a linear model: 73512"
    )
    assert "better" not in line((TREES, LINEAR), RMSE, best=0.4)


@pytest.mark.parametrize(
    ("best", "stands"), [(0.5, "better than"), (0.47123, "as good as"), (0.4, "not as good as")]
)
def test_the_sentence_says_how_the_trees_stand_to_the_best_network(best, stands):
    assert sentence((TREES, LINEAR), RMSE, best) == (
        "Gradient-boosted trees with scikit-learn's defaults reach 0.4712 on the same validation"
        f" examples, {stands} the best network ({best:.4f}). A linear model reaches 73512."
    )


def test_the_sentence_knows_which_direction_is_better():
    accurate = TREES.model_copy(update={"values": {"val_accuracy": 0.955}})
    linear = LINEAR.model_copy(update={"values": {"val_accuracy": 0.93}})
    assert sentence((accurate, linear), ACCURACY, 0.9225) == (
        "Gradient-boosted trees with scikit-learn's defaults reach 0.9550 on the same validation"
        " examples, better than the best network (0.9225). A linear model reaches 0.9300, better"
        " than the network."
    )
    assert not sentence((TREES,), ACCURACY, 0.9)
    assert not sentence((), RMSE, 0.9)


def test_folds_are_told_by_their_mean_of_what_all_have():
    other = reached("trees", 0.5).model_copy(update={"values": {"val_rmse": 0.5, "val_r2": 0.1}})
    (found,) = mean_of([(TREES, LINEAR), (other,)])
    assert found.values == {"val_rmse": pytest.approx((0.47123 + 0.5) / 2)}
    assert (found.name, found.seconds, found.examples) == ("trees", 2.0, 9000)
    assert mean_of([(TREES, LINEAR)]) == (TREES, LINEAR)


def test_the_trees_have_a_value_where_the_metric_is_known():
    assert boosted_trees((LINEAR, TREES), RMSE) == 0.47123
    assert boosted_trees((LINEAR, TREES), ACCURACY) is None
    assert boosted_trees((LINEAR,), RMSE) is None


def test_a_table_has_what_is_known_on_the_test_split():
    tested = TREES.model_copy(update={"test": {"rmse": 0.5, "mae": 0.25}, "interval": [0.4, 0.6]})
    beside = ["" for _ in REGRESSION.columns]
    assert cells_on_test(tested, REGRESSION)[:2] == ["0.50000", "0.40000 to 0.60000"]
    assert cells_on_test(TREES, REGRESSION) == ["", "", *beside]


def test_on_what_models_were_trained_is_told():
    part = reached("linear", 1.0, examples=1000, with_validation=True)
    assert trained_on([TREES]) == "trained on 9,000 training examples"
    assert trained_on([part]) == "trained on 9,000 training and validation examples"
    assert titled(TREES) == "gradient-boosted trees"
    assert titled(part) == "a linear model on 1,000 of 9,000 examples"


def test_what_another_program_wrote_into_a_record_is_no_model():
    told = TREES.model_dump(mode="json", exclude={"values"}) | {"new": 1}
    assert [one.name for one in recorded({"rmse": [1.0], "reference": [told]})] == ["trees"]
    for odd in (
        None,
        {},
        {"reference": "x"},
        {"reference": [1]},
        {"reference": [{**told, "name": "?"}]},
    ):
        assert recorded(odd) == []
