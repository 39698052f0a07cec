"""Exporting: a trial, the baseline, the confirmed winner or the ensemble, in each form."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from hpsearch.data.record import Access
from hpsearch.errors import InputError
from hpsearch.recipe import Recipe
from hpsearch.script.script import script
from hpsearch.search.study import OpenStudy
from hpsearch.services.confirmed import winner_of
from hpsearch.services.export_ensemble import export_ensemble
from hpsearch.services.forms import Exported, form_of, write_model, write_recipe
from hpsearch.services.other_forms import check_form, write_other_model
from hpsearch.services.overwriting import refuse_to_replace
from hpsearch.services.progress import Progress
from hpsearch.services.scripts import open_for_script, write_script
from hpsearch.services.single import (
    check_choice,
    confirmed_winner,
    one_of,
    refitted,
    with_weights,
)
from hpsearch.services.workspace import Workspace
from hpsearch.study_file import moved
from hpsearch.training.other_formats import Quantization


def export(
    study: str,
    output: str,
    workspace: Workspace,
    progress: Progress,
    *,
    trial: int | None = None,
    baseline: bool = False,
    confirmed: bool = False,
    ensemble: bool = False,
    refit: bool = False,
    data: Path | None = None,
    test: bool = False,
    quantize: Quantization | None = None,
    overrides: Sequence[str] = (),
) -> Exported:
    """Write a trial of a study, or its ensemble, as a recipe, a Keras script or a trained model.

    Args:
        study: its name.
        output: the file, whose ending says which form; a name that ends in / is a folder.
        workspace: home and storage.
        progress: is told what takes long.
        trial: its number; None: the best one.
        baseline: write the baseline instead.
        confirmed: write the confirmed winner instead: its median run.
        ensemble: write the study's ensemble instead, as a script or one model.
        refit: write what ``hpsearch refit`` trained instead: the winner, or, with ``ensemble``, its
            networks.
        data: of a script the file that its data go to; None: beside it.
        test: give a script the test split, too; the access is recorded.
        quantize: what the weights of a model for another tool are stored in; None: float32.
        overrides: ``dataset.path=PATH``, where the data are elsewhere than before.

    Raises:
        InputError: an unknown study, trial or ending, a file that is another's, or nothing that
            could be written.
        NoTrialError: no trial of the study completed.
        UnreachableError: files that cannot be read or written.
        ProgramError: what was written is not what was meant; nothing is left.
    """
    check_choice(
        trial=trial, baseline=baseline, confirmed=confirmed, ensemble=ensemble, refit=refit
    )
    path, form = Path(output), form_of(output)
    if form != "script" and (test or data is not None):
        raise InputError("--data and --test are for a script; write one with -o NAME.py")
    check_form(form, quantize)
    if ensemble:
        return export_ensemble(
            study,
            path,
            form,
            workspace,
            progress,
            refit=refit,
            data=data,
            test=test,
            quantize=quantize,
            overrides=overrides,
        )
    refuse_to_replace(path, form)
    home = workspace.home
    with workspace.study(study, writes=test) as found:
        special = refitted if refit else confirmed_winner if confirmed else None
        chosen = special(found, home) if special else one_of(found, home, trial, baseline)
        if special is None and trial is None and not baseline and winner_of(found) is not None:
            progress.say(
                f"This is the search's best trial. Study {study} has a confirmed winner, too:"
                " --confirmed (from Python: confirmed=True)"
            )
        if form != "recipe" and chosen.recipe.training.precision == "auto":
            raise InputError(
                f"study {study}: its precision is not measured yet; run it first, or export a"
                " recipe: -o NAME.toml"
            )
        if form not in ("recipe", "script"):
            chosen = with_weights(found, home, chosen)
        if overrides:
            chosen = replace(chosen, recipe=moved(chosen.recipe, found.file, overrides))
        done = Exported(what=chosen.what, path=path, form=form)
        if form == "script":
            recipe = chosen.recipe
            access, source = _access(found, recipe), partial(script, recipe)
            opened = partial(open_for_script, found, access, progress) if test else None
            written = write_script(
                source, recipe, home, path, progress, data=data, open_test=opened
            )
            return replace(done, data=written.data, data_kept=written.data_kept)
    if form == "recipe":
        done = replace(done, needed=write_recipe(chosen.recipe, path, progress))
    elif chosen.weights is not None:  # or it was refused
        recipe, weights = chosen.recipe, chosen.weights
        model = (
            write_model(recipe, weights, home, path, form=form, progress=progress)
            if form == "keras" or form == "saved_model"  # noqa: PLR1714  # mypy knows no other way
            else write_other_model(
                recipe, weights, home, path, form=form, quantize=quantize, progress=progress
            )
        )
        done = replace(done, model=model)
    return done


def _access(study: OpenStudy, recipe: Recipe) -> Access:
    """How a script's access to the test split is recorded."""
    return Access(
        opened_by=f"export {study.name} --test",
        study=study.name,
        of=str(recipe.provenance.get("trial", "baseline")),
        recipe=recipe.model_dump(mode="json", exclude={"provenance"}),
        seeds=(recipe.seed,),
    )
