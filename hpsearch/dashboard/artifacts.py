"""The files of a trial in the dashboard, made when somebody looks; and what users attach."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from bottle import Bottle, HTTPError, HTTPResponse
from optuna.artifacts import FileSystemArtifactStore
from optuna.artifacts.exceptions import ArtifactNotFound

from hpsearch.errors import InputError
from hpsearch.figures.curve_image import curve_image, image_of_epochs
from hpsearch.home import CURVES, CURVES_FIGURE, RECIPE, Home
from hpsearch.recipe import dump
from hpsearch.search.attributes import ARTIFACT_PREFIX, BEST_EPOCH_KEY
from hpsearch.search.lookup import load_study
from hpsearch.search.recipes import recipe_of
from hpsearch.search.trials import epoch_values
from hpsearch.training import curves

if TYPE_CHECKING:
    from hpsearch.search.storage import Storage
    from hpsearch.search.study import OpenStudy
    from hpsearch.search.trials import Trial


class Attached(FileSystemArtifactStore):
    """Files that users attach, in one folder.

    Removing a study removes what is attached to its trials; the files that trials list themselves
    (``hpsearch.outputs.listed``) are not among them.
    """

    def remove(self, artifact_id: str) -> None:
        """Remove a file, if it is here."""
        try:
            super().remove(artifact_id)
        except ArtifactNotFound:
            return


def add_files(app: Bottle, storage: "Storage", home: Home) -> None:
    """Have the dashboard answer for the files that trials list themselves.

    Args:
        app: optuna-dashboard's application, whose own artifacts have other names.
        storage: the studies.
        home: where the trials' folders are.
    """
    names = "|".join(name.replace(".", r"\.") for name in _MAKERS)

    @app.get(f"/artifacts/<study_id:int>/<trial_id:int>/<name:re:({names})>")  # type: ignore[untyped-decorator]
    def file_of(study_id: int, trial_id: int, name: str) -> HTTPResponse:
        try:
            study = load_study(storage, storage.get_study_name_from_id(study_id))
            trial = storage.get_trial(trial_id)
            own = study.trial_id(trial.number)
        except (KeyError, InputError):  # nor one of another program's study
            raise HTTPError(404, "There is no such trial.") from None
        listed = storage.get_trial_system_attrs(trial_id)
        found = listed.get(f"{ARTIFACT_PREFIX}{name}") if own == trial_id else None
        if found is None:
            raise HTTPError(404, "This trial has no such file.")
        return HTTPResponse(_MAKERS[name](study, trial, home))


def _figure(study: "OpenStudy", trial: "Trial", home: Home) -> bytes:
    """The curves: all where the trial's folder is here, else what the database knows."""
    title, best = f"{study.name}, trial {trial.number}", trial.user_attrs.get(BEST_EPOCH_KEY)
    if epochs := curves.read(home.trial_run(study.name, trial.number)):
        return image_of_epochs([epoch.row() for epoch in epochs], title, best)
    known = epoch_values(trial, study.file.training.epochs)
    numbers = sorted(known)
    values = [known[number] for number in numbers]
    return curve_image(numbers, {study.file.objective.metric: values}, title, best)


def _table(study: "OpenStudy", trial: "Trial", home: Home) -> bytes:
    """The epochs: all of each where the trial's folder is here, else the objective's metric."""
    file = home.trial_run(study.name, trial.number) / CURVES
    if file.exists():
        return file.read_bytes()
    lines = [f"epoch,{study.file.objective.metric}"]
    known = epoch_values(trial, study.file.training.epochs)
    lines += [f"{epoch},{value}" for epoch, value in sorted(known.items())]
    return "".join(f"{line}\n" for line in lines).encode()


def _recipe(study: "OpenStudy", trial: "Trial", _home: Home) -> bytes:
    return dump(recipe_of(study, trial), ".toml").encode()


_MAKERS: "dict[str, Callable[[OpenStudy, Trial, Home], bytes]]" = {
    CURVES_FIGURE: _figure,
    CURVES: _table,
    RECIPE: _recipe,
}
