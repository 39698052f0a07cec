"""``hpsearch export``: writes a trial as a recipe that ``hpsearch train`` reads anywhere."""

from pathlib import Path
from typing import Annotated

import typer

from hpsearch.cli.common import HomeOption, StorageOption, StudyArgument, opened_study


def export(
    study: StudyArgument,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="Recipe: .toml, .json or .yaml.")
    ],
    trial: Annotated[
        int | None, typer.Option("--trial", metavar="N", help="Its number (else the best).")
    ] = None,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="The study's baseline, as its trials are trained.")
    ] = False,
    home: HomeOption = None,
    storage: StorageOption = None,
) -> None:
    """Write the best trial, or another, as a recipe."""
    from hpsearch.errors import InputError
    from hpsearch.files import write_text
    from hpsearch.recipe import dump
    from hpsearch.search import trials
    from hpsearch.search.export import baseline_recipe, recipe_of

    if baseline and trial is not None:
        raise InputError("--baseline and --trial: choose one; the baseline is no trial")
    _refuse_to_replace(output)
    with opened_study(study, home, storage) as found:
        if baseline:
            recipe, what = baseline_recipe(found), "the baseline"
        else:
            chosen = trials.best(found) if trial is None else trials.find(found, trial)
            recipe, what = recipe_of(found, chosen), f"trial {chosen.number}"
    write_text(output, dump(recipe, output.suffix))
    typer.echo(f"Wrote {what} to {output}. Train it: hpsearch train {output}")


def _refuse_to_replace(output: Path) -> None:
    """A recipe may be written over; any other file, a study file say, may not."""
    from hpsearch.errors import HpsearchError, InputError
    from hpsearch.files import read_file

    if not output.exists():
        return
    try:
        is_recipe = str(read_file(output).get("format", "")).startswith("hpsearch-recipe/")
    except HpsearchError:
        is_recipe = False
    if not is_recipe:
        raise InputError(f"{output}: is there already and is no recipe; choose another name")
