"""What models of scikit-learn reach on a study's examples: measured once, kept in it."""

from collections.abc import Sequence
from typing import Any

from hpsearch.reference.reference import Reference
from hpsearch.search.attributes import REFERENCE_KEY
from hpsearch.search.study import OpenStudy


def reference(study: OpenStudy) -> tuple[Reference, ...] | None:
    """What the models reach; none where they have nothing to learn, None: nobody measured it."""
    found = study.optuna.user_attrs.get(REFERENCE_KEY)
    return None if found is None else tuple(Reference.model_validate(one) for one in found)


def keep_reference(study: OpenStudy, found: Sequence[Reference]) -> None:
    """Keep what the models reach, unless another process was first."""

    def change(known: Any) -> list[dict[str, Any]] | None:
        return [one.model_dump(mode="json") for one in found] if known is None else None

    study.storage.revise(study.study_id, REFERENCE_KEY, change)
