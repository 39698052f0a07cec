"""Studies whose trials are long enough to be hit by something while Ray places their workers."""

from collections.abc import Sequence
from pathlib import Path

import psutil
from commandline import Cli
from optuna.trial import FrozenTrial, TrialState

from hpsearch.errors import HpsearchError, InputError
from hpsearch.search.lookup import load_study
from hpsearch.search.storage.opening import open_storage

EPOCHS = 1000
LONG = """\
early_stopping = false
[pruner]
type = "none"
[workers]
count = 2
"""


def long_study(cli: Cli, trials: int, epochs: int = EPOCHS) -> Path:
    """A study file whose trials take seconds, and end by themselves only."""
    file = cli.study_file(trials=trials, epochs=epochs)
    file.write_text(file.read_text().replace(f"{epochs}\n", f"{epochs}\n{LONG}"))
    return file


def trials(cli: Cli) -> Sequence[FrozenTrial]:
    """All trials; none before there is a study. A command would take a second each time."""
    try:
        storage = open_storage(f"sqlite:///{cli.database}", create=False)
    except HpsearchError:
        return []
    try:
        return load_study(storage, "small").trials()
    except InputError:
        return []
    finally:
        storage.close()


def running(cli: Cli) -> dict[int, psutil.Process]:
    """The workers of running trials with an epoch behind them, by trial."""
    return {
        trial.number: psutil.Process(int(trial.user_attrs["worker"].rpartition(":")[2]))
        for trial in trials(cli)
        if trial.state == TrialState.RUNNING and trial.intermediate_values
    }
