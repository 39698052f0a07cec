"""``hpsearch export``: writes a trial as a recipe, a Keras script or a trained model."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hpsearch.cli.common import (
    HomeOption,
    StorageOption,
    StudyArgument,
    opened_study,
    tell,
)
from hpsearch.cli.forms import (
    form_of,
    refuse_to_replace,
    write_model,
    write_recipe,
    write_script,
)
from hpsearch.home import Home

if TYPE_CHECKING:
    from hpsearch.recipe import Recipe
    from hpsearch.search.study import OpenStudy


def export(
    study: StudyArgument,
    output: Annotated[
        str,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Recipe: .toml, .json or .yaml. Keras script: .py. Trained model: .keras, or a"
            " folder (no ending, or / at the end) for a SavedModel.",
        ),
    ],
    trial: Annotated[
        int | None, typer.Option("--trial", metavar="N", help="Its number (else the best).")
    ] = None,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="The study's baseline, as its trials are trained.")
    ] = False,
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="The confirmed winner: its run in the middle.")
    ] = False,
    home: HomeOption = None,
    storage: StorageOption = None,
) -> None:
    """Write the best trial, or another, as a recipe, a Keras script or a trained model."""
    from hpsearch.errors import InputError

    if (trial is not None) + baseline + confirmed > 1:
        raise InputError("--trial, --baseline and --confirmed: choose one")
    path, form = Path(output), form_of(output)
    refuse_to_replace(path, form)
    place = Home.find(home)
    with opened_study(study, home, storage) as found:
        chosen = _confirmed(found, place) if confirmed else _chosen(found, place, trial, baseline)
    what = chosen.what
    if form == "recipe":
        write_recipe(chosen.recipe, path)
        tell(f"Wrote {what} to {path}. Train it: hpsearch train {path}")
    elif form == "script":
        write_script(chosen.recipe, place, path)
        tell(
            f"Wrote {what} to {path}; it compiles and has all names that it uses."
            f" Run it: python {path}"
        )
    else:
        told = write_model(chosen.recipe, _weights(chosen), place, path, form)
        tell(f"Wrote {what} to {told}")


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What is exported."""

    recipe: "Recipe"
    what: str
    """In words."""
    weights: Path | None
    """Where its weights lie, if they are kept; None: the study has not trained it."""
    cure: str
    """How to train it instead."""


def _chosen(study: "OpenStudy", place: Home, trial: int | None, baseline: bool) -> Chosen:
    """The trial that is asked for, else the best one; or the baseline."""
    from hpsearch.search import trials
    from hpsearch.search.export import baseline_recipe, recipe_of
    from hpsearch.workers.leftovers import kept_weights

    if baseline:
        cure = _cure(study.name, "--baseline")
        return Chosen(recipe=baseline_recipe(study), what="the baseline", weights=None, cure=cure)
    found = trials.best(study) if trial is None else trials.find(study, trial)
    return Chosen(
        recipe=recipe_of(study, found),
        what=f"trial {found.number}",
        weights=kept_weights(study, place, found.number),
        cure=_cure(study.name, f"--trial {found.number}"),
    )


def _confirmed(study: "OpenStudy", place: Home) -> Chosen:
    """The confirmed winner: of its runs the one in the middle, which stands for their mean.

    Raises:
        InputError: nothing is confirmed.
    """
    from hpsearch.cli.confirmed import confirmed
    from hpsearch.errors import InputError
    from hpsearch.search.confirmation import BASELINE
    from hpsearch.search.export import recipe_of
    from hpsearch.workers.leftovers import kept_weights

    known = confirmed(study)
    if known is None:
        raise InputError(
            f"study {study.name}: nothing is confirmed yet; confirm it with hpsearch confirm"
            f" {study.name}, or export the search's best without --confirmed"
        )
    winner = known.verdict.winner
    run = known.run(winner.name)
    recipe = recipe_of(known.companion, run)
    of = {} if winner.name == BASELINE else {"trial": int(winner.name)}
    told = {k: v for k, v in recipe.provenance.items() if k != "trial"} | of
    told |= {"study": study.name, "confirmed": winner.mean, "confirmed_seeds": len(winner.values)}
    what = winner.name if winner.name == BASELINE else f"trial {winner.name}"
    return Chosen(
        recipe=recipe.model_copy(update={"provenance": told}),
        what=f"{what}, confirmed with {len(winner.values)} seeds (this is seed {recipe.seed})",
        weights=kept_weights(known.companion, place, run.number),
        cure=_cure(study.name, "--confirmed"),
    )


def _cure(study: str, which: str) -> str:
    return (
        f"train it: hpsearch export {study} {which} -o r.toml; hpsearch train r.toml"
        " (a .py export trains without hpsearch)"
    )


def _weights(chosen: Chosen) -> Path:
    """The kept weights of what is exported.

    Raises:
        InputError: the baseline, which is no trial, or a trial whose weights are not kept here.
    """
    from hpsearch.errors import InputError

    if chosen.weights is None:
        raise InputError(f"{chosen.what} was not trained by the study; {chosen.cure}")
    if not chosen.weights.exists():
        raise InputError(
            f"the weights of {chosen.what} are not in {chosen.weights.parent}: only those of the"
            " best trials and of confirmation runs are kept, on the machine that trained them"
            f" (--home). Else {chosen.cure}"
        )
    return chosen.weights
