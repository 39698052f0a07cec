"""``hpsearch export``: writes a trial as a recipe, a Keras script or a trained model."""

import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hpsearch.cli.common import (
    DataPathOption,
    HomeOption,
    StorageOption,
    StudyArgument,
    opened_study,
    say,
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
    from hpsearch.data.dataset import Dataset
    from hpsearch.data.parts import Part
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
            help="File to write. Recipe: .toml, .json or .yaml. Keras script with its data: .py."
            " Trained model: .keras, or a SavedModel folder (no ending, or / at the end).",
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="FILE",
            help="Of a script: where its data go (default: beside it, as .npz). Scripts of one"
            " study may share them.",
        ),
    ] = None,
    test: Annotated[
        bool,
        typer.Option(
            "--test", help="Of a script: its data have the test split, too. The access is recorded."
        ),
    ] = False,
    trial: Annotated[
        int | None,
        typer.Option("--trial", metavar="N", help="Number of the trial (default: the best one)."),
    ] = None,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="Export the study's baseline instead of a trial.")
    ] = False,
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="Export the confirmed winner: its median run.")
    ] = False,
    overrides: DataPathOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
) -> None:
    """Write the best trial, or another, as a recipe, a Keras script or a trained model."""
    from hpsearch.errors import InputError
    from hpsearch.study_file import moved

    if (trial is not None) + baseline + confirmed > 1:
        raise InputError("--trial, --baseline and --confirmed exclude each other; give only one")
    path, form = Path(output), form_of(output)
    if form != "script" and (test or data is not None):
        raise InputError("--data and --test are for a script; write one with -o NAME.py")
    refuse_to_replace(path, form)
    place = Home.find(home)
    with opened_study(study, home, storage, writes=test) as found:
        chosen = _confirmed(found, place) if confirmed else _chosen(found, place, trial, baseline)
        if form in ("keras", "saved_model"):
            chosen = _trained(found, place, chosen)
        if overrides:
            chosen = replace(chosen, recipe=moved(chosen.recipe, found.file, overrides))
        if form == "script":
            opened = functools.partial(_test_part, found, chosen.recipe) if test else None
            told = write_script(chosen.recipe, place, path, data, opened)
    what = chosen.what
    if form == "recipe":
        write_recipe(chosen.recipe, path)
        tell(f"Wrote {what} to {path}. Train it: hpsearch train {path}")
    elif form == "script":
        tell(f"Wrote {what} to {path}; {told}. Run it: python {path}")
    elif chosen.weights is not None:  # or it was refused
        told = write_model(chosen.recipe, chosen.weights, place, path, form)
        tell(f"Wrote {what} to {told}")


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What is exported."""

    recipe: "Recipe"
    what: str
    """In words."""
    weights: Path | None
    """Where its weights lie, if they are kept; None: no run of it is known."""
    option: str
    """What was asked for, on the command line."""


def _chosen(study: "OpenStudy", place: Home, trial: int | None, baseline: bool) -> Chosen:
    """The trial that is asked for, else the best one; or the baseline."""
    from hpsearch.outputs.leftovers import kept_weights
    from hpsearch.search import trials
    from hpsearch.search.recipes import baseline_recipe, recipe_of

    if baseline:
        recipe = baseline_recipe(study)
        return Chosen(recipe=recipe, what="the baseline", weights=None, option=" --baseline")
    found = trials.best(study) if trial is None else trials.find(study, trial)
    return Chosen(
        recipe=recipe_of(study, found),
        what=f"trial {found.number}",
        weights=kept_weights(study, place, found.number),
        option="" if trial is None else f" --trial {trial}",
    )


def _confirmed(study: "OpenStudy", place: Home) -> Chosen:
    """The confirmed winner: of its runs the one in the middle, which stands for their mean.

    Raises:
        InputError: nothing is confirmed.
    """
    from hpsearch.cli.confirmed import confirmed
    from hpsearch.errors import InputError
    from hpsearch.outputs.leftovers import kept_weights
    from hpsearch.search.confirmation import BASELINE
    from hpsearch.search.confirmation import told as name_of
    from hpsearch.search.recipes import recipe_of

    known = confirmed(study)
    if known is None:
        raise InputError(
            f"study {study.name}: nothing is confirmed yet; run hpsearch confirm"
            f" {study.name} first, or export the search's best trial without --confirmed"
        )
    winner = known.verdict.winner
    run = known.run(winner.name)
    recipe = recipe_of(known.confirmation, run)
    of = {} if winner.name == BASELINE else {"trial": int(winner.name)}
    told = {k: v for k, v in recipe.provenance.items() if k != "trial"} | of
    told |= {"study": study.name, "confirmed": winner.mean, "confirmed_seeds": len(winner.values)}
    told["confirmed_as"] = known.verdict.chosen
    return Chosen(
        recipe=recipe.model_copy(update={"provenance": told}),
        what=(
            f"{name_of(winner.name)}, {known.choice}, confirmed with {len(winner.values)} seeds"
            f" (this is seed {recipe.seed})"
        ),
        weights=kept_weights(known.confirmation, place, run.number),
        option=" --confirmed",
    )


def _test_part(study: "OpenStudy", recipe: "Recipe", dataset: "Dataset") -> "Part":
    """Open the test split for a script, and record that, in the home and with the study."""
    import numpy as np

    from hpsearch.data.dataset import open_test
    from hpsearch.data.parts import Part
    from hpsearch.data.record import Access
    from hpsearch.outputs.test_access import remember

    say(f"Accessing the test split of {dataset.source}; hpsearch show {study.name} counts it.")
    access = Access(
        opened_by=f"export {study.name} --test",
        study=study.name,
        of=str(recipe.provenance.get("trial", "baseline")),
        recipe=recipe.model_dump(mode="json", exclude={"provenance"}),
        seeds=(recipe.seed,),
    )
    x, y = open_test(dataset, access)
    if dataset.fingerprint == study.data.get("fingerprint"):
        remember(study, access)
    return Part(x=x, y=y, rows=np.arange(len(y)))


def _trained(study: "OpenStudy", place: Home, chosen: Chosen) -> Chosen:
    """What is exported with weights that are here: its own, else those of another training of it.

    Raises:
        InputError: there are none.
    """
    from hpsearch.errors import InputError
    from hpsearch.outputs.trainings import retrained

    if chosen.weights is None:
        chosen = _run_of_baseline(study, place) or chosen
    if chosen.weights is not None and chosen.weights.exists():
        return chosen
    for recipe, weights in retrained(study, place, chosen.recipe):
        what = f"{chosen.what}, as hpsearch train trained it with seed {recipe.seed}"
        return replace(chosen, recipe=recipe, weights=weights, what=what)
    problem = f"{chosen.what} has no trained weights here"
    if chosen.weights is not None:
        problem = f"the weights of {chosen.what} are not in {chosen.weights.parent}"
    raise InputError(
        f"{problem}. Weights are kept for the five best trials and all confirmation runs, on the"
        " machine that trained them (--home). To train it: hpsearch export"
        f" {study.name}{chosen.option} -o recipe.toml; hpsearch train recipe.toml; then repeat"
        " this command, all three with the same --home"
    )


def _run_of_baseline(study: "OpenStudy", place: Home) -> Chosen | None:
    """A training of the baseline whose weights are here: of its confirmation runs the one in the
    middle, or a trial of the search that has its configuration.
    """
    from hpsearch.cli.confirmed import middle_run
    from hpsearch.outputs.leftovers import kept_weights
    from hpsearch.search import trials
    from hpsearch.search.confirmation import BASELINE, results
    from hpsearch.search.recipes import recipe_of
    from hpsearch.search.study import confirmation_studies

    confirmed = [(one, results(study, one).get(BASELINE)) for one in confirmation_studies(study)]
    found = [
        *((one, middle_run(one, runs), "its median confirmation run")
          for one, runs in confirmed if runs),
        *((study, trial, f"trial {trial.number}")
          for trial in study.trials()
          if trials.is_complete(trial) and trials.config(study, trial) == study.file.baseline),
    ]  # fmt: skip
    for one, trial, which in found:
        weights, recipe = kept_weights(one, place, trial.number), recipe_of(one, trial)
        if weights.exists():
            what = f"the baseline ({which}, seed {recipe.seed})"
            return Chosen(recipe=recipe, what=what, weights=weights, option=" --baseline")
    return None
