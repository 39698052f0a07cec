"""A configuration that is put into a study's queue."""

from collections.abc import Callable
from pathlib import Path

import pytest
from optuna.trial import FrozenTrial

from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.search.history import history
from hpsearch.search.study import OpenStudy
from hpsearch.services.enqueue import enqueue
from hpsearch.services.workspace import Workspace


def test_it_says_what_comes_first_and_what_keeps_it_from_being_tried(
    open_study: Callable[..., OpenStudy],
    finish: Callable[..., FrozenTrial],
    home: Home,
    tmp_path: Path,
) -> None:
    study, file = open_study(budget={"trials": 1}), tmp_path / "one.toml"
    place = Workspace(home=home, command=("enqueue", "study", "one.toml"))
    file.write_text("layers = 2\n")
    done = enqueue("study", file, place)
    assert (done.ahead, done.over, done.budget.trials) == (0, None, 1)
    assert enqueue("study", file, place).ahead is None
    file.write_text("[config]\nlayers = 3\n")
    assert enqueue("study", file, place).ahead == 1
    said = {one["command"] for one in history(study)["commands"]}
    assert said == {"hpsearch enqueue study one.toml"}
    finish(study)
    file.write_text("layers = 4\n")
    assert enqueue("study", file, place).over == "trials"
    file.write_text("[space]\n")
    with pytest.raises(InputError, match="is a study file"):
        enqueue("study", file, place)
