"""Results on the test split that ``hpsearch train --test`` left for recipes of a study."""

import json
from dataclasses import dataclass
from typing import Any

from hpsearch.errors import HpsearchError
from hpsearch.files import read_file
from hpsearch.home import Home
from hpsearch.search.study import DATASET_KEY, OpenStudy


@dataclass(frozen=True, kw_only=True)
class Tested:
    """One training of a trial's recipe, judged on the test split."""

    trial: int
    seed: int
    folder: str
    accuracy: float
    result: dict[str, Any]
    """As ``train --json`` prints it under ``test``: accuracy, f1_macro, classes, confusion ..."""


def tested(study: OpenStudy, home: Home) -> list[Tested]:
    """What was judged on the test split of a study's data, in this home, by trial and seed.

    A folder that is not whole, of another study or of other data, is passed over.
    """
    fingerprint = (study.optuna.user_attrs.get(DATASET_KEY) or {}).get("fingerprint")
    found = []
    for file in home.trainings.glob("*/test.json"):
        try:
            recipe = read_file(file.parent / "recipe.toml")
            result = json.loads(file.read_text(encoding="utf-8"))
            source = recipe.get("provenance", {})
            ours = source["study"] == study.name and source["data_fingerprint"] == fingerprint
            values = Tested(
                trial=int(source["trial"]),
                seed=int(recipe["seed"]),
                folder=str(file.parent),
                accuracy=float(result["accuracy"]),
                result=dict(result),
            )
        except (HpsearchError, OSError, ValueError, KeyError, TypeError):
            continue
        if ours:
            found.append(values)
    return sorted(found, key=lambda one: (one.trial, one.seed))
