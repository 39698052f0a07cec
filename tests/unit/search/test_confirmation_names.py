"""The names of trials and of confirmation runs."""

from collections.abc import Callable

import pytest
from optuna.trial import FrozenTrial

from hpsearch.cli.live import LiveView
from hpsearch.cli.live_text import ended_table, notes, running_table
from hpsearch.cli.watch import Looker
from hpsearch.search import claims
from hpsearch.search.confirmation import ensure_confirmation_study, name_of, queue, seeds
from hpsearch.search.leaders import leaders
from hpsearch.search.shapes import Kind
from hpsearch.search.shown import shown
from hpsearch.search.study import OpenStudy


def test_a_confirmation_run_is_named_by_whose_it_is_and_by_its_seed(
    open_study: Callable[..., OpenStudy], finish: Callable[..., FrozenTrial]
) -> None:
    study = open_study(baseline={"layers": 1})
    for value in (0.25, 0.75):
        finish(study, value)
    assert [name_of(study, trial) for trial in study.trials()] == ["trial 0", "trial 1"]
    assert shown(study, study.trials()[1]).cell == "1"
    runs, chosen = ensure_confirmation_study(study), leaders(study, 1)
    queue(runs, study, chosen, seeds(study, 2))
    queue(runs, study, chosen[:1], seeds(study, 1), Kind.REFIT, 3)
    assert [name_of(runs, trial) for trial in runs.trials()] == [
        "trial 1, seed 1 of 2",
        "the baseline, seed 1 of 2",
        "trial 1, seed 2 of 2",
        "the baseline, seed 2 of 2",
        "trial 1, refit, seed 1 of 2",
    ]
    assert shown(runs, runs.trials()[1]).cell == "baseline, seed 1 of 2"
    queue(runs, study, chosen, seeds(study, 1))
    seed = runs.trials()[2].user_attrs["seed"]
    assert name_of(runs, runs.trials()[2]) == f"trial 1, seed {seed}"  # of an earlier confirm


def test_the_lines_and_tables_of_a_confirmation_name_the_leader_and_the_seed(
    open_study: Callable[..., OpenStudy],
    finish: Callable[..., FrozenTrial],
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = open_study()
    for value in (0.25, 0.75):
        finish(study, value)
    runs = ensure_confirmation_study(study)
    queue(runs, study, leaders(study, 1), seeds(study, 2))
    view = LiveView(Looker(runs))
    for _ in range(2):
        trial = claims.claim(runs)
        assert trial is not None
    runs.optuna.tell(0, 0.5)
    look = view.update()
    line = capsys.readouterr().err
    assert line.startswith("trial 1, seed 1 of 2: complete 0.5000 (1 of 2, best 0.5000)")
    assert running_table(look)[1][2] == "1, seed 2 of 2"
    assert ended_table(look, look.trials[:1])[1][0] == "1, seed 1 of 2"
    assert "in trial 1, seed 1 of 2" in notes(look)[1][0]
