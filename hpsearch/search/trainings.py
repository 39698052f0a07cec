"""What ``hpsearch train`` found for recipes of a study: its trials, and its baseline."""

import json
import math
from dataclasses import dataclass
from typing import Any

from hpsearch.errors import HpsearchError
from hpsearch.files import read_file
from hpsearch.home import RESULT, Home
from hpsearch.search.study import DATASET_KEY, OpenStudy


@dataclass(frozen=True, kw_only=True)
class Training:
    """One recipe of a study, trained apart from the search."""

    trial: int | None
    """Whose recipe it is; None: the study's baseline."""
    seed: int
    value: float
    """The objective's metric on the validation part."""
    test: dict[str, Any] | None
    """Results on the test split, where it was opened: accuracy, f1_macro, classes, confusion ..."""


def trainings(study: OpenStudy, home: Home) -> list[Training]:
    """What was trained in this home on a study's data, the baseline first, by trial and seed.

    A folder that is not whole, of another study or of other data, is passed over.
    """
    fingerprint = (study.optuna.user_attrs.get(DATASET_KEY) or {}).get("fingerprint")
    found = []
    for file in home.trainings.glob(f"*/{RESULT}"):
        try:
            recipe = read_file(file.parent / "recipe.toml")
            result = json.loads(file.read_text(encoding="utf-8"))
            source = recipe["provenance"]
            trial = source.get("trial")
            values = Training(
                trial=None if trial is None else int(trial),
                seed=int(recipe["seed"]),
                value=float(result["values"][0]),
                test=result.get("test"),
            )
            ours = (source["study"], result["fingerprint"]) == (study.name, fingerprint)
        except (HpsearchError, OSError, ValueError, KeyError, TypeError, IndexError):
            continue
        if ours and math.isfinite(values.value):
            found.append(values)
    return sorted(found, key=lambda one: (-1 if one.trial is None else one.trial, one.seed))


def accuracies_on_test(found: list[Training]) -> dict[int, float]:
    """The mean test accuracy of each trial whose recipe was judged on the test split."""
    by_trial: dict[int, list[float]] = {}
    for one in found:
        if one.trial is not None and one.test is not None:
            by_trial.setdefault(one.trial, []).append(float(one.test["accuracy"]))
    return {trial: math.fsum(values) / len(values) for trial, values in by_trial.items()}
