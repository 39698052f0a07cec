"""From a trial to a recipe that stands on its own."""

from datetime import UTC, datetime
from typing import Any

from optuna.trial import FrozenTrial

from hpsearch.errors import InputError
from hpsearch.parsing import parse
from hpsearch.recipe import Recipe
from hpsearch.search import attributes as attr
from hpsearch.search import trials
from hpsearch.search.sampling.seeds import derive_seed
from hpsearch.search.study import OpenStudy


def trial_seed(study: OpenStudy, trial: FrozenTrial) -> int:
    """The seed of a trial's weights, shuffling and dropout.

    A function of the study's seed and the trial's number; a trial that goes on with an
    interrupted one has that one's seed.
    """
    stored = trial.user_attrs.get(attr.SEED_KEY)
    if stored is not None:
        return int(stored)
    return derive_seed(study.file.seed, "trial", trial.number)


def recipe_of(study: OpenStudy, trial: FrozenTrial) -> Recipe:
    """The recipe that trains a trial again.

    Raises:
        InputError: the trial has not drawn all of its parameters.
    """
    config = trials.config(study, trial)
    if config is None:
        raise InputError(
            f"study {study.name}: trial {trial.number} has no configuration yet; choose another"
            f" trial (hpsearch trials {study.name})"
        )
    recipe = study.recipe(config, trial_seed(study, trial), _provenance(study, trial))
    changes = trial.user_attrs.get(attr.CHANGES_KEY) or {}
    if not changes:
        return recipe
    table = recipe.model_dump(mode="json")
    table["provenance"].pop("split_fingerprint", None)  # which is the study's
    for section, values in changes.items():
        table[section] |= values
    return parse(Recipe, table, f"trial {trial.number}")


def baseline_recipe(study: OpenStudy) -> Recipe:
    """The recipe that trains the study's ``[baseline]`` as its trials are trained.

    Raises:
        InputError: the study has none.
    """
    if study.file.baseline is None:
        raise InputError(
            f"study {study.name}: has no baseline; add a [baseline] table to its file and run it"
        )
    seed = derive_seed(study.file.seed, "baseline", 0)
    return study.recipe(study.file.baseline, seed, _provenance(study, None))


def _provenance(study: OpenStudy, trial: FrozenTrial | None) -> dict[str, Any]:
    """Where a recipe comes from: values, data, versions, date. Without a trial: the baseline."""
    attrs = study.optuna.user_attrs
    dataset = attrs.get(attr.DATASET_KEY) or {}
    values: dict[str, Any] = {}
    if trial is not None:
        known = trial.user_attrs
        values = {"trial": trial.number, "parameters": known.get(attr.PARAMETERS_KEY)}
        if not trials.is_refit(trial):
            values["value"] = trial.values[0] if trial.values else None
            values["best_epoch"] = known.get(attr.BEST_EPOCH_KEY)
    facts = {
        "study": study.name,
        "metric": study.file.objective.metric,
        **values,
        "data_fingerprint": dataset.get("fingerprint"),
        "split_fingerprint": dataset.get("split_fingerprint"),
        "versions": attrs.get(attr.VERSIONS_KEY),
        "exported": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return {key: value for key, value in facts.items() if value is not None}
