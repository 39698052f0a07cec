"""Removing studies from a storage."""

from collections.abc import Callable, Sequence

from hpsearch.fields import check_name
from hpsearch.search.attributes import CREATED_KEY, FILE_KEY
from hpsearch.search.storage import BusyProcess, Storage
from hpsearch.search.storage.events import Event
from hpsearch.search.study import OpenStudy


def delete(
    studies: Sequence[OpenStudy],
    is_busy: Callable[[BusyProcess], bool] | None,
    event: Event | None = None,
) -> None:
    """Remove studies of a storage with all their trials; their files are removed elsewhere.

    Args:
        studies: the studies; all or none is removed.
        is_busy: whether a process that signed itself is to be taken for alive; None: nobody.
        event: tells of it, where the service removes them.

    Raises:
        StudyBusyError: somebody is busy with one.
        StudyGoneError: one was removed meanwhile.
    """
    for study in studies:
        study.stay()
    keys = [study.study_id for study in studies]
    studies[0].storage.remove_studies(keys, is_busy, event)


def delete_rows(
    storage: Storage, name: str, is_busy: Callable[[BusyProcess], bool] | None
) -> tuple[int, str | None]:
    """Remove a study that hpsearch made, of which nothing else may be readable; no files.

    Args:
        storage: where it is.
        name: its name there, whatever its study file says.
        is_busy: as in :func:`delete`.

    Returns:
        How many trials it had, and the name in its study file if that is one for files.

    Raises:
        StudyBusyError: somebody is busy with it.
    """
    study_id = storage.get_study_id_from_name(name)
    attrs = storage.get_study_user_attrs(study_id)
    total, stored = storage.get_n_trials(study_id), attrs.get(FILE_KEY, {})
    storage.expect(study_id, name, str(attrs.get(CREATED_KEY)))
    storage.remove_studies([study_id], is_busy)
    try:
        return total, check_name(str(stored.get("name")))
    except ValueError:
        return total, None
