"""A finished study in the home of a command line, made in a moment: without TensorFlow."""

from collections.abc import Sequence
from pathlib import Path

import fakes
from commandline import Cli
from optuna.trial import TrialState

from hpsearch.dashboard.publish import publish
from hpsearch.data.cache import open_dataset
from hpsearch.errors import Failure
from hpsearch.home import Home
from hpsearch.objective import Objective
from hpsearch.search import budget
from hpsearch.search.artifacts import OF_OTHERS, listed
from hpsearch.search.opening import open_storage
from hpsearch.search.study import open_or_create
from hpsearch.space import suggest_config
from hpsearch.study_file import load
from hpsearch.training.outcome import Trainer

FACTS = {
    "fingerprint": "f" * 64,
    "source": "digits",
    "input_shape": [8, 8],
    "class_names": [str(number) for number in range(10)],
    "train": 1294,
    "validation": 144,
    "test": 359,
}
"""What a study knows of digits."""


def make_study(cli: Cli, file: Path | None = None, trainer: Trainer = fakes.train) -> Path:
    """Search to the end of a study file's budget; gives the file (small.toml if none is given)."""
    file = file or cli.study_file(trials=2)
    section, home = load(file), Home(cli.home)
    dataset = open_dataset(section.dataset, home)
    facts = FACTS | {"fingerprint": dataset.fingerprint}
    storage = open_storage(f"sqlite:///{home.database}")
    storage.owner = {"worker": "made-up:1", "device": "CPU"}
    study, _ = open_or_create(storage, section, facts)
    objective = Objective(study=study, parts=fakes.parts(), home=home, trainer=trainer)
    while objective.run_one():
        pass
    storage.close()
    return file


def make_trials(cli: Cli, name: str, states: Sequence[str]) -> None:
    """A study with a trial in each state (complete, pruned, failed, running), published."""
    home = Home(cli.home)
    section = load(cli.study_file(name))
    storage = open_storage(home.storage_url())
    study, _ = open_or_create(storage, section, FACTS)
    for state in states:
        trial = budget.claim(study)
        assert trial is not None
        suggest_config(section.space, trial)
        if state == "failed":
            budget.fail(study, trial.number, Failure.DIVERGED, "NaN in epoch 1")
            continue
        trial.report(0.5, 1)
        storage.annotate(study.trial_id(trial.number), {"epochs": 1}, listed(OF_OTHERS))
        if state == "pruned":
            study.optuna.tell(trial, state=TrialState.PRUNED)
        elif state == "complete":
            study.optuna.tell(trial, 0.5)
    publish(study, home, ["hpsearch", "run", f"{name}.toml"])
    storage.close()
