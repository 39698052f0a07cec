"""Moving a study's data: where it looks for them from then on."""

from hpsearch.search import attributes as attr
from hpsearch.search.database.exclusive import exclusive
from hpsearch.search.lookup import both_names, load_study
from hpsearch.search.study import OpenStudy
from hpsearch.study_file import StudyFile


def move_data(study: OpenStudy, path: str | None) -> None:
    """Have a study and its confirmation study look for their data elsewhere.

    Args:
        study: the study, or its confirmation study.
        path: where the data are, from now on and for all commands that are not told otherwise.
    """
    with exclusive(study.storage.url):
        for one in reversed(both_names(study.name)):
            if one in study.storage.study_names():
                move_one(load_study(study.storage, one), path)


def move_one(study: OpenStudy, path: str | None) -> None:
    """Have this study alone look for its data elsewhere; see :func:`move_data`."""
    file = file_at(study.file, path)
    if file != study.file:
        study.optuna.set_user_attr(attr.FILE_KEY, file.model_dump(mode="json"))


def file_at(file: StudyFile, path: str | None) -> StudyFile:
    """The study file with its data at another place."""
    dataset = file.dataset.model_copy(update={"path": path})
    return file.model_copy(update={"dataset": dataset})
