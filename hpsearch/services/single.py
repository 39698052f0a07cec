"""The one network that stands for a study where it is used: which it is, and its weights."""

from dataclasses import dataclass, replace
from pathlib import Path

from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.outputs.leftovers import kept_weights
from hpsearch.outputs.trainings import alike, retrained
from hpsearch.recipe import Recipe
from hpsearch.search import trials
from hpsearch.search.attributes import OF_KEY
from hpsearch.search.confirmation import results
from hpsearch.search.leaders import BASELINE, told
from hpsearch.search.lookup import confirmation_studies
from hpsearch.search.recipes import baseline_recipe, recipe_of
from hpsearch.search.study import OpenStudy
from hpsearch.services.confirmed import confirmed as last_confirmed
from hpsearch.services.confirmed import middle_run
from hpsearch.services.models import Model
from hpsearch.services.refit import refitted_winner
from hpsearch.services.refit_runs import refit_of_recipe
from hpsearch.text import listed, plural

REFIT = " --refit"
"""What a refit is asked for by, on the command line."""


def check_choice(
    *,
    trial: int | None = None,
    baseline: bool = False,
    confirmed: bool = False,
    ensemble: bool = False,
    refit: bool = False,
) -> None:
    """Refuse options that say two things of what is exported; arguments as of
    :func:`hpsearch.services.export.export`.

    Raises:
        InputError: there are such.
    """
    given = {
        "--trial": trial is not None,
        "--baseline": baseline,
        "--confirmed": confirmed,
        "--ensemble": ensemble,
        "--refit": refit and not ensemble,  # of an ensemble it says how it was trained
    }
    if len(named := [option for option, is_given in given.items() if is_given]) > 1:
        raise InputError(f"{listed(named)} exclude each other; give only one")


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A network of a study, and whose it is."""

    recipe: Recipe
    what: str
    """In words."""
    weights: Path | None
    """Where its weights lie, if they are kept; None: no run of it is known."""
    option: str
    """What was asked for, on the command line."""


def model_of(study: OpenStudy, place: Home, trial: int | None, *, refit: bool = False) -> Chosen:
    """What stands for a study where its model is used, with weights that are here.

    Args:
        study: the study.
        place: the home.
        trial: a trial's number; None: the confirmed winner, or, where nothing is confirmed, the
            best trial.
        refit: what ``hpsearch refit`` has trained of it, in place of both.

    Raises:
        InputError: an unknown trial, or no weights of it are here.
        NoTrialError: no trial of the study completed.
        UnfinishedError: confirmation runs are not done yet.
    """
    if refit:
        return with_weights(study, place, refitted(study, place))
    is_confirmed = trial is None and last_confirmed(study) is not None
    chosen = (
        confirmed_winner(study, place)
        if is_confirmed
        else one_of(study, place, trial, baseline=False)
    )
    return with_weights(study, place, chosen)


def model_of_recipe(study: OpenStudy, place: Home, recipe: Recipe) -> Chosen | None:
    """The training that a recipe was exported from, or one by ``hpsearch train`` with any seed.

    None where no weights of it are here, or the recipe was changed since.

    Args:
        study: the recipe's by its provenance.
        place: the home.
        recipe: as it was read.

    Raises:
        InputError: the study has no such trial.
        UnfinishedError: confirmation runs are not done yet.
    """
    trial = recipe.provenance.get("trial")
    if "refit_epochs" in recipe.provenance:
        model = refit_of_recipe(study, place, recipe)
        chosen = None if model is None else _as_refit(study, model)
    elif "confirmed" in recipe.provenance:
        chosen = confirmed_winner(study, place)
    else:
        chosen = one_of(study, place, trial, baseline=trial is None)
    if chosen is None:
        return None
    same = chosen.recipe.seed == recipe.seed and alike(chosen.recipe, recipe)
    if same and chosen.weights is not None and chosen.weights.exists():
        return chosen
    for own, weights in retrained(study, place, recipe):
        what = f"{chosen.what}, as hpsearch train trained it with seed {own.seed}"
        return replace(chosen, recipe=own, weights=weights, what=what)
    return None


def one_of(study: OpenStudy, place: Home, trial: int | None, baseline: bool) -> Chosen:
    """The trial that is asked for, else the best one; or the baseline.

    Args:
        study: the study.
        place: the home.
        trial: its number; None: the best one.
        baseline: the baseline in its place.

    Raises:
        InputError: an unknown trial, or no baseline.
        NoTrialError: no trial of the study completed.
    """
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


def confirmed_winner(study: OpenStudy, place: Home) -> Chosen:
    """The confirmed winner: of its runs the one in the middle, which stands for their mean.

    Args:
        study: the study.
        place: the home.

    Raises:
        InputError: nothing is confirmed.
        UnfinishedError: some of its runs are not done yet.
    """
    known = last_confirmed(study)
    if known is None:
        raise InputError(
            f"study {study.name}: nothing is confirmed yet; run hpsearch confirm"
            f" {study.name} first, or export the search's best trial without --confirmed"
        )
    winner = known.verdict.winner
    run = known.run(winner.name)
    recipe = recipe_of(known.confirmation, run)
    of = {} if winner.name == BASELINE else {"trial": int(winner.name)}
    provenance = {k: v for k, v in recipe.provenance.items() if k != "trial"} | of
    provenance |= {
        "study": study.name,
        "confirmed": winner.mean,
        "confirmed_seeds": len(winner.values),
    }
    provenance["confirmed_as"] = known.verdict.chosen
    return Chosen(
        recipe=recipe.model_copy(update={"provenance": provenance}),
        what=(
            f"{told(winner.name)}, {known.choice}, confirmed with {len(winner.values)} seeds"
            f" (this is seed {recipe.seed})"
        ),
        weights=kept_weights(known.confirmation, place, run.number),
        option=" --confirmed",
    )


def refitted(study: OpenStudy, place: Home) -> Chosen:
    """The winner, trained again on training and validation examples.

    Args:
        study: the study.
        place: the home.

    Raises:
        InputError: it was not.
        NoTrialError: the training did not complete.
        UnfinishedError: it is not done yet.
    """
    return _as_refit(study, refitted_winner(study, place))


def _as_refit(study: OpenStudy, model: Model) -> Chosen:
    """A refit, as it is exported."""
    of, epochs = str(model.trial.user_attrs[OF_KEY]), model.recipe.training.epochs
    provenance = {k: v for k, v in model.recipe.provenance.items() if k != "trial"}
    provenance |= {} if of == BASELINE else {"trial": int(of)}
    provenance |= {"study": study.name, "refit_epochs": epochs}
    return Chosen(
        recipe=model.recipe.model_copy(update={"provenance": provenance}),
        what=(
            f"{told(of)}, trained again on training and validation examples (seed {model.seed},"
            f" {plural(epochs, 'epoch')})"
        ),
        weights=model.weights,
        option=REFIT,
    )


def with_weights(study: OpenStudy, place: Home, chosen: Chosen) -> Chosen:
    """What is exported with weights that are here: its own, else those of another training of it.

    Args:
        study: the study.
        place: the home.
        chosen: a network of it, whose weights may be gone.

    Raises:
        InputError: there are none.
    """
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
    how = f"hpsearch export {study.name}{chosen.option} -o recipe.toml; hpsearch train recipe.toml"
    if chosen.option == REFIT:
        how = f"hpsearch refit {study.name}"
    raise InputError(
        f"{problem}. Weights are kept for the five best trials and all confirmation runs, on the"
        f" machine that trained them (--home). To train it: {how}; then repeat this command, all"
        " with the same --home"
    )


def _run_of_baseline(study: OpenStudy, place: Home) -> Chosen | None:
    """A training of the baseline whose weights are here: of its confirmation runs the one in the
    middle, or a trial of the search that has its configuration.
    """
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
