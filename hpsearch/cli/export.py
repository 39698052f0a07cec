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
        int | None, typer.Option("--trial", metavar="N", help="Number [default: the best].")
    ] = None,
    home: HomeOption = None,
    storage: StorageOption = None,
) -> None:
    """Write the best trial, or another, as a recipe."""
    from hpsearch.recipe import dump, write_text
    from hpsearch.search import trials
    from hpsearch.search.export import recipe_of

    with opened_study(study, home, storage) as found:
        chosen = trials.best(found) if trial is None else trials.find(found, trial)
        recipe = recipe_of(found, chosen)
    write_text(output, dump(recipe, output.suffix))
    typer.echo(f"Wrote trial {chosen.number} to {output}. Retrain it: hpsearch train {output}")
