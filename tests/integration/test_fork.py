"""Forks on each kind of storage."""

from collections.abc import Callable
from pathlib import Path

import pytest
from optuna.trial import TrialState

from hpsearch.home import Home
from hpsearch.outputs.copies import Copies
from hpsearch.search import claims
from hpsearch.search.fork import fork
from hpsearch.search.history import history, record
from hpsearch.search.lookup import names
from hpsearch.search.making import open_or_create
from hpsearch.search.storage.opening import open_storage
from hpsearch.space import suggest_config
from hpsearch.study_file import StudyFile

DATA = {"fingerprint": "f" * 64, "input_shape": [8], "class_names": ["0", "1"]}


@pytest.mark.parametrize("value", [0.1, 1 / 3])
def test_a_fork_has_the_same_values_to_the_last_bit(
    url: str, make_file: Callable[..., StudyFile], tmp_path: Path, value: float
) -> None:
    storage = open_storage(url)
    old, _ = open_or_create(storage, make_file(), DATA)
    record(old, ["run", "a.toml"], {"host": "here"})
    for state in (TrialState.COMPLETE, TrialState.PRUNED):
        trial = claims.claim(old)
        assert trial is not None
        suggest_config(old.file.space, trial)
        trial.report(value, 1)
        old.optuna.tell(trial, value if state == TrialState.COMPLETE else None, state=state)
    new, plan = fork(old, make_file(name="new"), DATA, Copies(Home(tmp_path)))
    assert plan.by_state == {"complete": 1, "pruned": 1, "failed": 0}
    for before, after in zip(old.trials(), new.trials(), strict=True):
        assert after.values == before.values
        assert after.intermediate_values == before.intermediate_values == {1: value}
        assert after.datetime_start == before.datetime_start
        assert after.params == before.params
    assert names(storage) == ["new", "study"]
    assert len(history(old)["commands"]) == 1
    assert claims.claim(new) is not None
    storage.close()
