"""A finished study in the home of a command line, made in a moment: without TensorFlow."""

from pathlib import Path

import fakes
from commandline import Cli

from hpsearch.data.cache import open_dataset
from hpsearch.home import Home
from hpsearch.objective import Objective
from hpsearch.search.opening import open_storage
from hpsearch.search.study import open_or_create
from hpsearch.study_file import load
from hpsearch.training.outcome import Trainer


def make_study(cli: Cli, file: Path | None = None, trainer: Trainer = fakes.train) -> Path:
    """Search to the end of a study file's budget; gives the file (small.toml if none is given)."""
    file = file or cli.study_file(trials=2)
    section, home = load(file), Home(cli.home)
    dataset = open_dataset(section.dataset, home)
    facts = {
        "fingerprint": dataset.fingerprint,
        "source": dataset.source,
        "input_shape": dataset.input_shape,
        "class_names": dataset.class_names,
        "train": 24,
        "validation": 6,
        "test": dataset.test_size,
    }
    storage = open_storage(f"sqlite:///{home.database}")
    storage.owner = {"worker": "made-up:1", "device": "CPU"}
    study, _ = open_or_create(storage, section, facts)
    objective = Objective(study=study, parts=fakes.parts(), home=home, trainer=trainer)
    while objective.run_one():
        pass
    storage.close()
    return file
