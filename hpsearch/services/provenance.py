"""Where a study's results come from."""

import re
from collections.abc import Mapping
from typing import Any

from hpsearch.report.study_toml import as_toml
from hpsearch.search.attributes import DATASET_KEY, FORKED_KEY, VERSIONS_KEY
from hpsearch.search.history import history
from hpsearch.search.study import OpenStudy

TRIAL_SEEDS = 'the first 31 bits of SHA-256("SEED/trial/NUMBER"), SEED the study\'s'
"""How a trial's seed follows (``hpsearch.search.sampling.seeds.derive_seed``)."""


def provenance(study: OpenStudy) -> dict[str, Any]:
    """Where a study's results come from, as ``show --provenance --json`` prints it."""
    attrs, file = study.optuna.user_attrs, study.file
    dataset = attrs.get(DATASET_KEY) or {}
    budget = {"budget": study.budget}  # which run may have changed
    return {
        "name": study.name,
        "created": study.made,
        "forked_from": attrs.get(FORKED_KEY),
        "data_fingerprint": dataset.get("fingerprint"),
        "split_fingerprint": dataset.get("split_fingerprint"),
        "seeds": {"study": file.seed, "split": file.dataset.split_seed, "trials": TRIAL_SEEDS},
        "versions": attrs.get(VERSIONS_KEY),
        **history(study),
        "study_file": as_toml(file.model_copy(update=budget), study.name),
    }


_NAME = re.compile(r"hpsearch (from Python|\S+)")
"""Of a command line what is no argument."""


def without_machines(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Provenance without what was typed, and where: of commands name, date and study are left."""
    return {**facts, "commands": [_bare(one) for one in facts["commands"]], "machines": {}}


def _bare(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What is left of a command."""
    name = _NAME.match(entry["command"])
    kept = {key: entry[key] for key in ("study", "date") if key in entry}
    return {"command": name[0] if name else "hpsearch", "machine": "", **kept}
