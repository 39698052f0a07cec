"""Metrics that a model of the user's own reports: which names a file may have, and where."""

import json
import math
from typing import Any

import pytest

from hpsearch.errors import InputError
from hpsearch.parsing import parse
from hpsearch.ranking import is_better
from hpsearch.recipe import Recipe
from hpsearch.study_file import StudyFile
from hpsearch.tasks import METRICS, metric_of

OWN = {"python": {"file": "/home/me/own.py", "depth": {"type": "int", "low": 1, "high": 3}}}
TOP = {"metric": "val_top5", "direction": "maximize"}


def study(objective: dict[str, Any], network: Any = OWN, **sections: Any) -> StudyFile:
    table = {"name": "a", "dataset": {"source": "digits"}, "objective": objective}
    return parse(StudyFile, {**table, "space": {"network": network}, **sections}, "S")


def test_a_study_of_own_networks_takes_any_name_with_its_direction() -> None:
    for direction in ("maximize", "minimize"):
        found = study({"metric": "val_top5", "direction": direction})
        assert found.objective.measure.direction == direction
        stopping = found.training.early_stopping
        assert stopping
        assert stopping.monitor == "val_top5"
        again = StudyFile.model_validate_json(found.model_dump_json())
        assert again == found
        assert json.loads(found.model_dump_json())["objective"]["metric"] == "val_top5"


def test_a_recipe_of_an_own_network_takes_it_and_that_of_another_does_not() -> None:
    table: dict[str, Any] = {"seed": 1, "dataset": {"source": "digits"}, "objective": TOP}
    own = {"network": {"type": "python", "file": "/home/me/own.py"}}
    found = parse(Recipe, {**table, "config": own}, "R")
    assert found.objective.metric == "val_top5"
    with pytest.raises(InputError, match=r'objective.metric = "val_top5" is not one of the choic'):
        parse(Recipe, {**table, "config": {"layers": 1}}, "R")


@pytest.mark.parametrize(
    ("objective", "network", "training", "told"),
    [
        (TOP, {"dense": {"units": 8}}, {}, '"val_top5" is not one of the choices; did you mean'),
        (TOP, {**OWN, "dense": {}}, {}, 'objective.metric = "val_top5" is not one of the choices'),
        ({"metric": "val_acuracy"}, OWN, {}, "did you mean val_accuracy? known"),
        ({"metric": "val_top5"}, OWN, {}, 'add direction = "maximize" or "minimize"'),
        ({"metric": "top5"}, OWN, {}, 'objective.metric = "top5" is not one of the choices'),
        ({"metric": "val_"}, OWN, {}, 'objective.metric = "val_" is not one of the choices'),
        ({"metric": 3}, OWN, {}, "objective.metric = 3 is not one of the choices"),
        ({"metric": "val_loss", "direction": "maximize"}, OWN, {}, "does not fit metric"),
        (
            TOP,
            OWN,
            {"early_stopping": {"monitor": "val_other"}},
            'training.early_stopping.monitor = "val_other" is not one of the choices',
        ),
        (
            {},
            OWN,
            {"reduce_lr_on_plateau": {"monitor": "val_los"}},
            'training.reduce_lr_on_plateau.monitor = "val_los" is not one of the choices; did you',
        ),
    ],
)
def test_another_name_is_one_message(
    objective: dict[str, Any], network: Any, training: dict[str, Any], told: str
) -> None:
    with pytest.raises(InputError) as raised:
        study(objective, network, training=training)
    (line,) = str(raised.value).splitlines()
    assert told in line


def test_what_is_known_of_it_is_its_direction() -> None:
    assert metric_of("val_loss") is METRICS["val_loss"]
    own = metric_of("val_top5", "minimize")
    assert own.label == "validation top5"
    assert own.bounds == (-math.inf, math.inf)
    assert is_better(own, -2.0, 3.0)
    assert own.written(123456.0) == metric_of("val_rmse").written(123456.0)
