"""What was trained or judged apart from the search: trials of a study, and its baseline."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch.config import without_places
from hpsearch.errors import HpsearchError
from hpsearch.for_data import for_task
from hpsearch.formats import read_file
from hpsearch.home import RECIPE, RESULT, TEST_RESULT, WEIGHTS, Home
from hpsearch.parsing import parse
from hpsearch.recipe import Recipe, computing_in
from hpsearch.search.attributes import OF_KEY
from hpsearch.search.confirmation import is_former, kind_of, results
from hpsearch.search.leaders import BASELINE
from hpsearch.search.lookup import confirmation_studies, with_confirmation
from hpsearch.search.recipes import baseline_recipe, recipe_of, trial_seed
from hpsearch.search.shapes import Kind
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import find, is_complete
from hpsearch.tasks.results import task_of

REPRODUCED = "reproduced"
"""In the results of ``hpsearch reproduce``: how it compares. It is the trial itself once more, with
its seed and perhaps cut where that was pruned, and no other training of its recipe."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """One recipe of a study, trained apart from the search."""

    trial: int | None
    """Whose recipe it is; None: the study's baseline."""
    seed: int
    value: float
    """The objective's metric on the validation part."""
    test: dict[str, Any] | None
    """Results on the test split, where it was opened: an evaluation (``hpsearch.tasks.evaluating``)
    as plain values."""
    of_search: bool = False
    """Whether it is the trial itself, whose seed the search chose by its value."""
    kind: Kind = Kind.SEED
    """A refit's value is of examples that it was trained on; that of another split is another's."""
    before: float | None = None
    """Of a refit the value of the network that was trained again, as ``value`` of others."""


def trainings(study: OpenStudy, home: Home) -> list[Training]:
    """What was trained in this home on a study's data, the baseline first, by trial and seed.

    By ``hpsearch train``: a folder that is not whole is passed over, and so is a recipe that was
    changed since, or is of a former study of this name: all but seed and place of the data must be
    as the study exports it. By ``hpsearch confirm`` and the search itself: what ``hpsearch
    evaluate`` has judged.
    """
    found = [*_trained(study, home), *_evaluated(study, home)]
    return sorted(found, key=lambda one: (-1 if one.trial is None else one.trial, one.seed))


def retrained(study: OpenStudy, home: Home, recipe: Recipe) -> list[tuple[Recipe, Path]]:
    """What ``hpsearch train`` made of one of a study's recipes, with whatever seed: the recipes as
    they were trained, and their weights, which are there; its own seed comes first.
    """
    found = [
        (own, folder / WEIGHTS)
        for own, folder, _ in _folders(study, home)
        if _essence(own) == _essence(recipe) and (folder / WEIGHTS).is_file()
    ]
    return sorted(found, key=lambda one: (one[0].seed != recipe.seed, one[0].seed))


def trained_alike(home: Home, recipe: Recipe) -> list[tuple[Recipe, Path]]:
    """What ``hpsearch train`` made of a recipe in this home, whether it is of a study or not, with
    whatever seed: as :func:`retrained` gives them.
    """
    found = list[tuple[Recipe, Path]]()
    for file in home.trainings.glob(f"*/{RESULT}"):
        try:
            own = parse(Recipe, read_file(file.parent / RECIPE), str(file.parent))
            result, weights = json.loads(file.read_text(encoding="utf-8")), file.with_name(WEIGHTS)
            wanted = for_task(
                _scaled_as(recipe, own), own.dataset.task or "classification", str(file.parent)
            )
            if wanted.training.precision == "auto":
                training = computing_in(wanted.training, own.training.precision)
                wanted = wanted.model_copy(update={"training": training})
            if alike(own, wanted) and weights.is_file() and REPRODUCED not in result:
                found.append((own, weights))
        except (HpsearchError, OSError, ValueError, TypeError):
            continue
    return sorted(found, key=lambda one: (one[0].seed != recipe.seed, one[0].seed))


def _scaled_as(recipe: Recipe, own: Recipe) -> Recipe:
    """A recipe as it was written, with the scale that its data gave it where it names none."""
    if "scale" in recipe.dataset.model_fields_set:
        return recipe
    dataset = recipe.dataset.model_copy(update={"scale": own.dataset.scale})
    return recipe.model_copy(update={"dataset": dataset})


def alike(one: Recipe, other: Recipe) -> bool:
    """Whether two recipes are the same but for seed, provenance and the place of the data."""
    return _essence(one) == _essence(other)


def _folders(study: OpenStudy, home: Home) -> Iterator[tuple[Recipe, Path, dict[str, Any]]]:
    """The recipes of a study that ``hpsearch train`` trained on its data, their folders, and what
    came of them.
    """
    fingerprint = study.data.get("fingerprint")
    for file in home.trainings.glob(f"*/{RESULT}"):
        try:
            recipe = parse(Recipe, read_file(file.parent / RECIPE), str(file.parent))
            result = json.loads(file.read_text(encoding="utf-8"))
            known = (recipe.provenance["study"], result["fingerprint"])
            if known == (study.name, fingerprint) and REPRODUCED not in result:
                yield recipe, file.parent, result
        except (HpsearchError, OSError, ValueError, KeyError, TypeError):
            continue


def _trained(study: OpenStudy, home: Home) -> Iterator[Training]:
    """What ``hpsearch train`` left."""
    for recipe, _, result in _folders(study, home):
        try:
            trial = recipe.provenance.get("trial")
            of = baseline_recipe(study) if trial is None else recipe_of(study, find(study, trial))
            values = Training(
                trial=trial,
                seed=recipe.seed,
                value=float(result["values"][0]),
                test=result.get("test"),
            )
        except (HpsearchError, OSError, ValueError, KeyError, TypeError, IndexError):
            continue
        if math.isfinite(values.value) and _essence(recipe) == _essence(of):
            yield values


def _evaluated(study: OpenStudy, home: Home) -> Iterator[Training]:
    """What ``hpsearch evaluate`` left: of trials of the search, and of confirmation runs."""
    for one in with_confirmation(study):
        for trial in one.trials():
            file = home.trial_run(one.name, trial.number) / TEST_RESULT
            if not is_complete(trial) or not file.is_file():
                continue
            try:
                test = json.loads(file.read_text(encoding="utf-8"))
                if (test["seed"], test["value"]) != (trial_seed(one, trial), trial.values[0]):
                    continue  # of a former study of this name
                if one.is_closed and is_former(study, trial.user_attrs):
                    continue
                of = trial.user_attrs[OF_KEY] if one.is_closed else str(trial.number)
                yield Training(
                    trial=None if of == BASELINE else int(of),
                    seed=trial_seed(one, trial),
                    value=float(trial.values[0]),
                    test=test,
                    of_search=not one.is_closed,
                    kind=(kind := kind_of(trial.user_attrs)),
                    before=_before(study, of, test["seed"]) if kind is Kind.REFIT else None,
                )
            except (OSError, ValueError, KeyError, TypeError):
                continue


def _before(study: OpenStudy, of: str, seed: int) -> float | None:
    """The value of the network that was trained again: a confirmation run, else the trial itself.

    Args:
        study: the study.
        of: whose configuration it has.
        seed: its seed.
    """
    for runs in confirmation_studies(study):
        for kind in (Kind.SEED, Kind.SPLIT):
            if found := results(study, runs, [seed], kind).get(of):
                return float(found[seed].values[0])
    trial = None if of == BASELINE else find(study, int(of))
    is_it = trial is not None and is_complete(trial) and trial_seed(study, trial) == seed
    return float(trial.values[0]) if trial is not None and is_it else None


def _essence(recipe: Recipe) -> Recipe:
    """A recipe without what may be other where the same is trained again."""
    dataset = recipe.dataset.model_copy(update={"path": None})
    config = without_places(recipe.config)
    changed = {"seed": 0, "provenance": {}, "dataset": dataset, "config": config}
    return recipe.model_copy(update=changed)


def headlines_on_test(found: list[Training]) -> dict[int, float]:
    """The mean accuracy or RMSE of each trial whose recipe was judged on the test split."""
    by_trial: dict[int, list[float]] = {}
    for one in found:
        if one.trial is not None and one.test is not None and one.kind is Kind.SEED:
            by_trial.setdefault(one.trial, []).append(
                float(one.test[task_of(one.test).headline.name])
            )
    return {trial: math.fsum(values) / len(values) for trial, values in by_trial.items()}
