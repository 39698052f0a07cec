"""Exporting an ensemble: its networks with their weights, averaged, as one model."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hpsearch.errors import InputError
from hpsearch.files import utf8
from hpsearch.services.ensembles import chosen_ensemble
from hpsearch.services.forms import WrittenModel, trained_on, write_with
from hpsearch.services.overwriting import Form, refuse_to_replace
from hpsearch.services.progress import Progress
from hpsearch.services.workspace import Workspace
from hpsearch.study_file import moved
from hpsearch.training.ensemble import joined
from hpsearch.training.written import target_name


def export_ensemble(
    study: str,
    path: Path,
    form: Form,
    workspace: Workspace,
    progress: Progress,
    *,
    overrides: Sequence[str] = (),
) -> tuple[str, WrittenModel]:
    """Write the ensemble of a study as one model, read back and compared.

    Args:
        study: its name.
        path: the file or folder; what export wrote there before gives way.
        form: which of the two; there is neither a recipe nor a script of several networks.
        workspace: home and storage.
        progress: is told what takes long.
        overrides: ``dataset.path=PATH``, where the data are elsewhere than before.

    Returns:
        what was written in words, and how it compared.

    Raises:
        InputError: no ensemble, weights that are not here, a recipe or a script is wanted.
        UnreachableError: files that cannot be read or written.
        ProgramError: the model is not what was trained; nothing is left.
    """
    if form == "recipe" or form == "script":  # noqa: PLR1714  # mypy knows no other way
        raise InputError(
            f"-o {path}: a {form} trains one network, and an ensemble has several; write its model"
            f" (-o NAME.keras, or a folder), or one of its members (hpsearch show {study} names"
            " them)"
        )
    refuse_to_replace(path, form)
    if form == "saved_model":  # which TensorFlow itself writes
        utf8(path)
    home = workspace.home
    with workspace.study(study) as found:
        chosen = chosen_ensemble(found, home)
        recipes = [
            moved(one.recipe, found.file, overrides) if overrides else one.recipe
            for one in chosen.models
        ]
    models = [
        replace(one, recipe=recipe) for one, recipe in zip(chosen.models, recipes, strict=True)
    ]
    members = replace(chosen, models=tuple(models)).members(
        lambda recipe, weights: trained_on(recipe, weights, home, progress)
    )

    def write(file: Path) -> float:
        from hpsearch.training.averaging import write_ensemble  # noqa: PLC0415  # TensorFlow

        return write_ensemble(members, file, form)

    parts, target = joined(members), target_name(members[0].recipe)
    return chosen.what, write_with(write, parts, target, path, form=form, progress=progress)
