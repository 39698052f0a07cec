from hpsearch.reference.reference import Reference, line
from hpsearch.tasks.classification import ACCURACY
from hpsearch.tasks.regression import RMSE


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
        "gradient-boosted trees (scikit-learn's defaults): RMSE 0.4712; a linear model: 73,512"
    )
    assert line((LINEAR,), RMSE) == "a linear model (scikit-learn's defaults): RMSE 73,512"


def test_a_metric_that_no_model_has_is_no_line():
    assert not line((TREES, LINEAR), ACCURACY)


def test_a_part_that_was_taken_is_told():
    part = reached("linear", 12.345, examples=1000, inputs=384)
    assert line((TREES, part), RMSE) == (
        "gradient-boosted trees (scikit-learn's defaults): RMSE 0.4712; a linear model on"
        " 1,000 of 9,000 training examples and 384 of 3,072 inputs: 12.35"
    )
