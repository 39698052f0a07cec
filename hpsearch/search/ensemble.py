"""The ensemble that was chosen from a study's trained networks, kept in it."""

from hpsearch.search.attributes import ENSEMBLE_KEY
from hpsearch.search.shapes import Ensemble
from hpsearch.search.study import OpenStudy


def ensemble_of(study: OpenStudy) -> Ensemble | None:
    """The ensemble of a study; None: none was chosen."""
    found = study.optuna.user_attrs.get(ENSEMBLE_KEY)
    return None if found is None else Ensemble.model_validate(found)


def keep_ensemble(study: OpenStudy, chosen: Ensemble) -> None:
    """Keep an ensemble in place of the one before."""
    study.storage.revise(study.study_id, ENSEMBLE_KEY, lambda _: chosen.model_dump(mode="json"))
