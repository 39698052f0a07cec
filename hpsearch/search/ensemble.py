"""The ensemble that was chosen from a study's trained networks, kept in it."""

from typing import Any

from hpsearch.search.attributes import ENSEMBLE_KEY
from hpsearch.search.leaders import told
from hpsearch.search.shapes import Ensemble, EnsembleMember
from hpsearch.search.study import OpenStudy

ENSEMBLE = "ensemble"
"""What a test access was for that is of no single configuration (``Access.of``)."""


def ensemble_of(study: OpenStudy) -> Ensemble | None:
    """The ensemble of a study; None: none was chosen."""
    found = study.optuna.user_attrs.get(ENSEMBLE_KEY)
    return None if found is None else Ensemble.model_validate(found)


def keep_ensemble(study: OpenStudy, chosen: Ensemble) -> None:
    """Keep an ensemble in place of the one before."""
    study.storage.revise(study.study_id, ENSEMBLE_KEY, lambda _: chosen.model_dump(mode="json"))


def name_of(member: EnsembleMember) -> str:
    """How a reader is told of a member: "trial 7", of a confirmation run "trial 7 (run 3)", by its
    number in the confirmation study.
    """
    return f"{told(member.of)} (run {member.trial})" if member.is_run else told(member.of)


def plain(ensemble: Ensemble) -> dict[str, Any]:
    """An ensemble as JSON, each network with its name for a reader."""

    def named(member: EnsembleMember) -> dict[str, Any]:
        return {"name": name_of(member), **member.model_dump(mode="json")}

    members = [named(one) for one in ensemble.members]
    certain = ensemble.gain_low > 0
    return ensemble.model_dump(mode="json") | {
        "members": members,
        "single": named(ensemble.single),
        "gain_is_certain": certain,
    }


def summary(study: OpenStudy) -> dict[str, Any] | None:
    """The ensemble of a study for ``show`` and the report; None where there is none."""
    found = ensemble_of(study)
    return None if found is None else plain(found)
