"""Exporting an ensemble: one model that averages its networks, or a script that trains them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hpsearch.data.record import Access
from hpsearch.errors import InputError
from hpsearch.files import utf8
from hpsearch.home import Home
from hpsearch.script.ensemble import Network, ensemble_script
from hpsearch.search.ensemble import ENSEMBLE
from hpsearch.search.leaders import told
from hpsearch.search.study import OpenStudy
from hpsearch.services.ensembles import Chosen
from hpsearch.services.forms import Exported, WrittenModel, trained_on, write_with
from hpsearch.services.other_forms import write_other_with
from hpsearch.services.overwriting import Form, refuse_to_replace
from hpsearch.services.progress import Progress
from hpsearch.services.refit import ensemble_to_use
from hpsearch.services.scripts import open_for_script, write_script
from hpsearch.services.workspace import Workspace
from hpsearch.study_file import moved
from hpsearch.training.ensemble import joined
from hpsearch.training.other_formats import Quantization
from hpsearch.training.written import ModelForm, target_name

if TYPE_CHECKING:  # what is behind it imports TensorFlow
    from hpsearch.training.export_other import Built


def export_ensemble(
    study: str,
    path: Path,
    form: Form,
    workspace: Workspace,
    progress: Progress,
    *,
    refit: bool = False,
    data: Path | None = None,
    test: bool = False,
    quantize: Quantization | None = None,
    overrides: Sequence[str] = (),
) -> Exported:
    """Write the ensemble of a study as a script, or as one model, read back and compared.

    Args:
        study: its name.
        path: the file or folder; what export wrote there before gives way.
        form: which; there is no recipe of several networks.
        workspace: home and storage.
        progress: is told what takes long.
        refit: with its networks as ``hpsearch refit`` trained them.
        data: of a script the file that its data go to; None: beside it.
        test: give a script the test split, too; the access is recorded.
        quantize: what the weights of a model for another tool are stored in; None: float32.
        overrides: ``dataset.path=PATH``, where the data are elsewhere than before.

    Raises:
        InputError: no ensemble, weights of a model that are not here, data that are wrong, or a
            recipe is wanted.
        UnreachableError: files that cannot be read or written.
        ProgramError: what was written is not what was meant; nothing is left.
    """
    if form == "recipe":
        raise InputError(
            f"-o {path}: a recipe trains one network, and an ensemble has several; write its"
            " script (-o NAME.py), its model (-o NAME.keras, or a folder), or one of its members"
            f" (hpsearch show {study} names them)"
        )
    refuse_to_replace(path, form)
    if form == "saved_model":  # which TensorFlow itself writes
        utf8(path)
    home = workspace.home
    with workspace.study(study, writes=test) as found:
        # A script trains them anew.
        chosen = ensemble_to_use(found, home, refit=refit, trained=form != "script")
        if overrides:
            chosen = _moved(chosen, found, overrides)
        done = Exported(what=chosen.what, path=path, form=form)
        if form == "script":
            access, networks = _access(found, chosen), _networks(chosen)
            source = partial(ensemble_script, networks, found.name, chosen.ensemble.value)
            opened = partial(open_for_script, found, access, progress) if test else None
            written = write_script(
                source, networks[0].recipe, home, path, progress, data=data, open_test=opened
            )
            return replace(done, data=written.data, data_kept=written.data_kept)
    return replace(done, model=_model(chosen, path, form, home, progress, quantize=quantize))


def _model(
    chosen: Chosen,
    path: Path,
    form: ModelForm,
    home: Home,
    progress: Progress,
    *,
    quantize: Quantization | None,
) -> WrittenModel:
    """Write an ensemble as one model; how it compared."""
    members = chosen.members(lambda recipe, weights: trained_on(recipe, weights, home, progress))
    if form != "keras" and form != "saved_model":  # noqa: PLR1714  # mypy knows no other way

        def network() -> "Built":
            from hpsearch.training.averaging import built_ensemble  # noqa: PLC0415  # TensorFlow

            return built_ensemble(members, form)

        parts = joined(members)
        return write_other_with(
            network, parts, path, form=form, quantize=quantize, progress=progress
        )

    def write(file: Path) -> float:
        from hpsearch.training.averaging import write_ensemble  # noqa: PLC0415  # TensorFlow

        return write_ensemble(members, file, form)

    parts, target = joined(members), target_name(members[0].recipe)
    return write_with(write, parts, target, path, form=form, progress=progress)


def _moved(chosen: Chosen, study: OpenStudy, overrides: Sequence[str]) -> Chosen:
    """The ensemble with data that are elsewhere."""
    models = [
        replace(one, recipe=moved(one.recipe, study.file, overrides)) for one in chosen.models
    ]
    return replace(chosen, models=tuple(models))


def _networks(chosen: Chosen) -> list[Network]:
    """The members as a script has them, named by their configurations."""
    return [
        Network(name=told(member.of), recipe=model.recipe, weight=member.weight)
        for member, model in zip(chosen.ensemble.members, chosen.models, strict=True)
    ]


def _access(study: OpenStudy, chosen: Chosen) -> Access:
    """How a script's access to the test split is recorded."""
    return Access(
        opened_by=f"export {study.name} --ensemble --test",
        study=study.name,
        of=ENSEMBLE,
        seeds=tuple(model.seed for model in chosen.models),
    )
