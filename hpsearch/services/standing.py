"""How a study stands: what ``hpsearch show`` tells, but for what its trials say of the space."""

from typing import Any

from hpsearch.home import Home
from hpsearch.outputs.test_access import accesses, plain
from hpsearch.search import trials as rows
from hpsearch.search.ensemble import summary
from hpsearch.search.study import OpenStudy
from hpsearch.services.confirmed import winner_of


def standing(study: OpenStudy, home: Home) -> dict[str, Any]:
    """One study as ``show --json`` prints it, without ``learnt``, which takes longer.

    Args:
        study: the study.
        home: where it is noted who opened the test split.
    """
    best = rows.find_best(study)
    return {
        **rows.details(study),
        "test_openings": plain(accesses(study, home)),
        "confirmed": winner_of(study),
        "ensemble": summary(study),
        "best_trial": None if best is None else _shown(study, best),
    }


def _shown(study: OpenStudy, trial: rows.Trial) -> dict[str, Any]:
    """The number and the configuration of a trial."""
    row = rows.row(study, trial)
    return {key: row[key] for key in ("number", "config")}
