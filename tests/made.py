"""A finished study in the home of a command line, made in a moment: without TensorFlow."""

import functools
import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import fakes
from commandline import Cli
from optuna.trial import TrialState

from hpsearch.dashboard.publish import publish
from hpsearch.data.cache import open_dataset
from hpsearch.data.parts import Parts
from hpsearch.errors import Failure
from hpsearch.home import Home
from hpsearch.objective import Objective
from hpsearch.outputs.listed import OF_OTHERS, listed
from hpsearch.recipe import Recipe
from hpsearch.search import claims, confirmation
from hpsearch.search.leaders import leaders
from hpsearch.search.lookup import load_study
from hpsearch.search.making import open_or_create
from hpsearch.search.storage.opening import open_storage
from hpsearch.space import suggest_config
from hpsearch.study_file import load
from hpsearch.training.outcome import Outcome, Trainer, Watch

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


_homes: dict[tuple[str, Trainer], dict[Path, bytes | None]] = {}
"""Homes as they were after the search of a study file by a trainer: files, and folders (None)."""


def make_study(cli: Cli, file: Path | None = None, trainer: Trainer = fakes.train) -> Path:
    """Search to the end of a study file's budget; gives the file (small.toml if none is given).

    In a new home the same search on digits is made once: later calls give a copy of that home,
    which holds nothing of its place.
    """
    file = file or cli.study_file(trials=2)
    like = file.read_text(), trainer
    if cli.home.exists() or "digits" not in like[0]:
        _search(cli, file, trainer)
    elif like in _homes:
        for path, content in _homes[like].items():
            if content is None:
                (cli.home / path).mkdir()
            else:
                (cli.home / path).write_bytes(content)
    else:
        _search(cli, file, trainer)
        _homes[like] = {
            path.relative_to(cli.home): None if path.is_dir() else path.read_bytes()
            for path in (cli.home, *sorted(cli.home.rglob("*")))
        }
    return file


def _search(cli: Cli, file: Path, trainer: Trainer) -> None:
    section, home = load(file), Home(cli.home)
    if not home.database.exists():
        home.root.mkdir(parents=True, exist_ok=True)
        home.database.write_bytes(empty_database())
    dataset = open_dataset(section.dataset, home)
    facts = FACTS | {"fingerprint": dataset.fingerprint}
    storage = open_storage(f"sqlite:///{home.database}")
    storage.owner = {"worker": "made-up:1", "device": "CPU"}
    study, _ = open_or_create(storage, section, facts)
    objective = Objective(study=study, parts=fakes.parts(), home=home, trainer=trainer)
    while objective.run_one():
        pass
    storage.close()


@functools.cache
def empty_database() -> bytes:
    """An SQLite file with tables and no studies: making them takes longer than most tests."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "studies.db"
        open_storage(f"sqlite:///{path}").close()
        return path.read_bytes()


def noisy(recipe: Recipe, parts: Parts, run: Path, watch: Watch) -> Outcome:
    """A trainer for which all configurations are alike but in size: their values are chance."""
    outcome = fakes.train(recipe, parts, run, watch)
    size = recipe.config.network.parameters((64,), 10)
    chance = random.Random(f"{recipe.seed} {size}")  # noqa: S311  # the same again each time
    return replace(outcome, value=chance.uniform(0.90, 0.94), parameters=size)


def make_runs(
    cli: Cli, name: str = "small", *, top: int = 3, seeds: int = 3, trainer: Trainer = noisy
) -> None:
    """The confirmation runs of a study, made in a moment."""
    home = Home(cli.home)
    storage = open_storage(f"sqlite:///{home.database}")
    study = load_study(storage, name)
    runs = confirmation.ensure_confirmation_study(study)
    chosen, wanted = leaders(study, top), confirmation.seeds(study, seeds)
    confirmation.queue(runs, study, chosen, wanted)
    objective = Objective(study=runs, parts=fakes.parts(), home=home, trainer=trainer)
    while objective.run_one():
        pass
    storage.close()


def make_published(cli: Cli) -> None:
    """A finished study "small", and what ``hpsearch run`` writes of it for dashboards."""
    file, home = make_study(cli), Home(cli.home)
    storage = open_storage(home.storage_url())
    publish(load_study(storage, "small"), home, ["hpsearch", "run", file.name])
    storage.close()


def make_trials(cli: Cli, name: str, states: Sequence[str]) -> None:
    """A study with a trial in each state (complete, pruned, failed, running), published."""
    home = Home(cli.home)
    section = load(cli.study_file(name))
    storage = open_storage(home.storage_url())
    study, _ = open_or_create(storage, section, FACTS)
    for state in states:
        trial = claims.claim(study)
        assert trial is not None
        suggest_config(section.space, trial)
        if state == "failed":
            claims.fail(study, trial.number, Failure.DIVERGED, "NaN in epoch 1")
            continue
        trial.report(0.5, 1)
        storage.annotate(study.trial_id(trial.number), {"epochs": 1}, listed(OF_OTHERS))
        if state == "pruned":
            study.optuna.tell(trial, state=TrialState.PRUNED)
        elif state == "complete":
            study.optuna.tell(trial, 0.5)
    publish(study, home, ["hpsearch", "run", f"{name}.toml"])
    storage.close()
