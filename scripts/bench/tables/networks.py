"""Networks on a table in one of its splits: a search by hpsearch, and one that nobody tuned.

A search is what a user does: ``run`` with the study file that ``run TABLE --target`` writes, then
``confirm`` and ``evaluate --refit``; predictions are the mean of the refitted seeds.
"""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from command import hpsearch
from splits import Problem, write_parts

from hpsearch.config import TrialConfig
from hpsearch.data.cache import open_dataset
from hpsearch.data.dataset import Dataset, open_test
from hpsearch.data.drawing import split
from hpsearch.data.record import Access
from hpsearch.data.section import DatasetSection
from hpsearch.for_data import for_task
from hpsearch.home import WEIGHTS, Home
from hpsearch.recipe import Recipe, parse_recipe
from hpsearch.services.template import study_text
from hpsearch.training.outcome import Watch
from hpsearch.training.start import start_tensorflow

Predictions = npt.NDArray[np.float64]

NAME = "table"
SEEDS = 5
UNTUNED = {"layers": 2, "units": [256, 128], "optimizer": {"type": "adam", "learning_rate": 1e-3}}
"""A network as one writes it down first; the rest is hpsearch's defaults."""


def by_hpsearch(problem: Problem, seconds: float) -> Predictions:
    """What a search of so many seconds finds, confirmed and refitted with several seeds."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_parts(problem, folder / "data")
        metric = "val_loss" if problem.classes else "val_rmse"
        text = study_text(NAME, "table", str(folder / "data"), target=problem.table.target)
        (folder / f"{NAME}.toml").write_text(text)
        overrides = {
            "dataset.validation": "given",
            "objective.metric": metric,
            "budget.trials": "1000",
            "budget.timeout": f"{max(1, round(seconds))}s",
            "seed": str(problem.split),
        }
        options = [part for item in overrides.items() for part in ("--set", "=".join(item))]
        hpsearch(folder, "run", f"{NAME}.toml", "--no-reference", *options)
        hpsearch(folder, "confirm", NAME, "--top", "1", "--seeds", str(SEEDS))
        hpsearch(folder, "evaluate", NAME, "--refit")
        return _mean(problem, Home(folder / "home"), _refits(folder))


def by_untuned(problem: Problem, _seconds: float) -> Predictions:
    """A dense network of 256 and 128 units that nobody tuned, stopped early by validation."""
    start_tensorflow()
    from hpsearch.training.train import train  # noqa: PLC0415  # imports TensorFlow

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_parts(problem, folder / "data")
        home = Home(folder / "home")
        section = DatasetSection.model_validate(
            {
                "source": "table",
                "path": str(folder / "data"),
                "target": problem.table.target,
                "validation": "given",
            }
        )
        dataset = open_dataset(section, home)
        recipe = Recipe(
            seed=problem.split,
            config=TrialConfig.model_validate(UNTUNED),
            dataset=section,
            training={"epochs": 100, "early_stopping": {"patience": 5}},
        )
        recipe = for_task(recipe, dataset.task, problem.table.name)
        run = folder / "run"
        train(recipe, split(dataset, recipe.dataset), run, Watch())
        return _mean(problem, home, [(recipe, run / WEIGHTS)])


def _refits(folder: Path) -> list[tuple[Recipe, Path]]:
    """The recipes and weights of the refitted seeds."""
    confirmation = f"{NAME}.confirm"
    trials = json.loads(hpsearch(folder, "trials", confirmation, "--json"))
    found = []
    for trial in trials:
        if trial["state"] != "complete":
            continue
        file = folder / f"recipe-{trial['number']}.json"
        hpsearch(folder, "export", confirmation, "--trial", str(trial["number"]), "-o", str(file))
        recipe = parse_recipe(json.loads(file.read_text()), file)
        if recipe.dataset.include_validation:
            run = Home(folder / "home").trial_run(confirmation, trial["number"])
            found.append((recipe, run / WEIGHTS))
    return found


def _mean(problem: Problem, home: Home, models: Sequence[tuple[Recipe, Path]]) -> Predictions:
    """The mean of the predictions of some models of one data set, for the test rows."""
    start_tensorflow()
    from hpsearch.training.train import logits  # noqa: PLC0415  # imports TensorFlow

    dataset = open_dataset(models[0][0].dataset, home)
    x, _ = open_test(dataset, Access(opened_by="scripts/bench/tables", study=None, of=None))
    outputs = [
        logits(recipe, split(dataset, recipe.dataset), weights, x) for recipe, weights in models
    ]
    if not problem.classes:
        return np.asarray(np.mean([one[:, 0] for one in outputs], axis=0))
    return _in_order(problem, dataset, np.mean([_shares(one) for one in outputs], axis=0))


def _shares(logits: npt.NDArray[np.floating]) -> Predictions:
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _in_order(problem: Problem, dataset: Dataset, shares: Predictions) -> Predictions:
    """Probabilities in the order of the bench's labels, which are sorted as texts."""
    found = np.zeros((len(shares), problem.classes))
    texts = sorted(problem.frame[problem.table.target].cast(str).unique().to_list())
    for place, name in enumerate(dataset.class_names):
        found[:, texts.index(name)] = shares[:, place]
    return found
