"""The trainings of refits: queued, done, and found again, in the confirmation study."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from hpsearch.errors import InputError, NoTrialError, UnfinishedError
from hpsearch.home import Home
from hpsearch.outputs.leftovers import kept_weights
from hpsearch.outputs.trainings import alike
from hpsearch.recipe import Recipe
from hpsearch.search.attributes import SEED_KEY
from hpsearch.search.confirmation import ensure_confirmation_study, is_annealed, queue
from hpsearch.search.leaders import BASELINE
from hpsearch.search.lookup import confirmation_studies
from hpsearch.search.refits import refits_left, refits_of
from hpsearch.search.shapes import Kind
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import Trial, is_complete
from hpsearch.services.jobs import Means, check_data, run_jobs
from hpsearch.services.models import Group, Model, kept_model
from hpsearch.services.progress import Progress, SearchProgress
from hpsearch.services.refits import Refit
from hpsearch.services.workspace import Workspace
from hpsearch.text import plural


def queue_refits(
    study: OpenStudy,
    wanted: Sequence[Refit],
    place: Home,
    progress: Progress,
    check: Callable[[], None] | None = None,
) -> tuple[OpenStudy, int]:
    """Put the trainings that are not there into the confirmation study, which is made if need be.

    Those whose weights are not in the home any more are trained again: of them nothing else is of
    use. Of the arguments ``check`` is that of :func:`hpsearch.search.confirmation.queue`.

    Returns:
        The confirmation study, and how many runs wait that did not before.

    Raises:
        InputError: the study is a confirmation study.
    """
    confirmation, new = ensure_confirmation_study(study), 0
    for one in wanted:
        leader, lost = [one.group.leader], _lost(study, confirmation, one, place)
        own = queue(
            confirmation, study, leader, one.seeds, Kind.REFIT, one.epochs, lost=lost, check=check
        )
        new += own
        _say_what_comes(study, confirmation, one, own, lost, progress)
    return confirmation, new


def _lost(study: OpenStudy, confirmation: OpenStudy, wanted: Refit, place: Home) -> dict[int, int]:
    """The seeds of complete trainings, by number, of those seeds of which no weights are here."""
    runs = _runs(study, confirmation, wanted, place)
    gone = {
        seed for seed, run in runs.items()
        if not kept_weights(confirmation, place, run.number).is_file()
    }  # fmt: skip
    found = refits_of(study, confirmation, wanted.group.leader.of, sorted(gone), wanted.epochs)
    return {run.number: int(run.user_attrs[SEED_KEY]) for run in found if is_complete(run)}


def _say_what_comes(  # noqa: PLR0917  # each is another thing
    study: OpenStudy,
    confirmation: OpenStudy,
    wanted: Refit,
    new: int,
    lost: Mapping[int, int],
    progress: Progress,
) -> None:
    """Tell what is trained of a configuration, whose runs are queued."""
    of, (low, high) = wanted.group.leader.of, wanted.took
    if not any(refits_left(study, confirmation, of, wanted.seeds, wanted.epochs, lost=lost)):
        progress.say(f"{wanted.name} was trained on training and validation examples before.")
        return
    if lost:
        gone = replace(wanted, seeds=sorted({*lost.values()}))
        progress.say(f"The weights of {gone.name} are not here any more: it is trained again.")
    took = "were best after" if study.file.objective.epoch == "best" else "took"
    took += f" {low}" if low == high else f" {low} to {high}"
    falling = (
        " and a learning rate that falls to 0" if is_annealed(wanted.group.leader.config) else ""
    )
    progress.say(
        f"Training {wanted.group.name} on training and validation examples for"
        f" {plural(wanted.epochs, 'epoch')} (its runs {took}), with the same"
        f" {'seed' if len(wanted.seeds) == 1 else 'seeds'}{falling}; new runs: {new}."
    )


def refits(
    study: OpenStudy,
    wanted: Sequence[Refit],
    workspace: Workspace,
    means: Means,
    progress: SearchProgress,
) -> list[Group]:
    """Train networks of a study on all examples but the test split's, with the same seeds.

    Args:
        study: the study.
        wanted: which.
        workspace: home and storage.
        means: what they are trained with.
        progress: shows the trainings.

    Returns:
        The groups, with the models that were trained.

    Raises:
        InputError: the data have changed.
        NoTrialError: no training of one of them completed.
        StoppedError: it was stopped; the same call goes on.
    """
    check = partial(check_data, study, workspace.home, means, progress)
    confirmation, _ = queue_refits(study, wanted, workspace.home, progress, check)
    run_jobs(confirmation, workspace, means, progress)
    trained = []
    for one in wanted:
        runs = _runs(study, confirmation, one, workspace.home)
        if not runs:
            raise _none_completed(study, confirmation, one)
        if len(runs) < len(one.seeds):
            progress.say(
                f"warning: only {len(runs)} of {len(one.seeds)} trainings of {one.group.name} have"
                " a value."
            )
        trained.append(_trained(confirmation, one, runs, workspace.home))
    return trained


def kept_refits(
    study: OpenStudy, wanted: Sequence[Refit], place: Home, *, again: str
) -> list[Group]:
    """Networks that were trained again before; their weights may be gone.

    Args:
        study: the study.
        wanted: which.
        place: the home.
        again: the command that trains them, which is told where they are not there.

    Raises:
        InputError: some were never trained again.
        NoTrialError: no training of one of them completed.
        UnfinishedError: some are not done yet.
    """
    confirmation = next(iter(confirmation_studies(study)), None)
    return [_kept(study, confirmation, one, place, again) for one in wanted]


def _kept(
    study: OpenStudy, confirmation: OpenStudy | None, wanted: Refit, place: Home, again: str
) -> Group:
    """The networks of one configuration; see :func:`kept_refits`."""
    of, every = wanted.group.leader.of, wanted.seeds
    waiting, missing = set[int](), set(every)
    if confirmation is not None:
        waiting, missing = refits_left(study, confirmation, of, every, wanted.epochs)
    if confirmation is None or missing:
        left = replace(wanted, seeds=sorted(missing))
        raise InputError(
            f"study {study.name}: {left.name} was not trained on training and validation examples"
            f" yet; run {again} first"
        )
    if waiting:
        left = replace(wanted, seeds=sorted(waiting))
        raise UnfinishedError(
            f"study {study.name}: {left.name} is still to be trained on training and validation"
            f" examples; wait for it, or resume it with {again}"
        )
    runs = _runs(study, confirmation, wanted, place)
    if not runs:
        raise _none_completed(study, confirmation, wanted)
    return _trained(confirmation, wanted, runs, place)


def refit_of_recipe(study: OpenStudy, place: Home, recipe: Recipe) -> Model | None:
    """The refit that a recipe was exported from, of whatever was the winner then; None: none is."""
    of, epochs = str(recipe.provenance.get("trial", BASELINE)), recipe.training.epochs
    for runs in confirmation_studies(study):
        for run in _complete(study, runs, of, [recipe.seed], epochs, place).values():
            model = kept_model(runs, run, place)
            if alike(model.recipe, recipe):
                return model
    return None


def _runs(
    study: OpenStudy, confirmation: OpenStudy, wanted: Refit, place: Home
) -> dict[int, Trial]:
    """Its complete trainings, by seed."""
    of = wanted.group.leader.of
    return _complete(study, confirmation, of, wanted.seeds, wanted.epochs, place)


def _complete(  # noqa: PLR0917  # each is another thing
    study: OpenStudy,
    confirmation: OpenStudy,
    of: str,
    seeds: Sequence[int],
    epochs: int,
    place: Home,
) -> dict[int, Trial]:
    """The complete refits of a configuration, by seed: the last one, first of those whose weights
    are here.
    """
    every = filter(is_complete, refits_of(study, confirmation, of, seeds, epochs))
    ordered = sorted(every, key=lambda run: kept_weights(confirmation, place, run.number).is_file())
    return {int(run.user_attrs[SEED_KEY]): run for run in ordered}


def _none_completed(study: OpenStudy, confirmation: OpenStudy, wanted: Refit) -> NoTrialError:
    """What is said where no training of a configuration has a value."""
    return NoTrialError(
        f"study {study.name}: no training of {wanted.group.name} on training and validation"
        f" examples completed; hpsearch trials {confirmation.name} shows why"
    )


def _trained(
    confirmation: OpenStudy, wanted: Refit, runs: Mapping[int, Trial], place: Home
) -> Group:
    models = tuple(kept_model(confirmation, runs[seed], place) for seed in sorted(runs))
    before = {model.seed: wanted.group.values[model.seed] for model in models}
    return replace(wanted.group, models=models, epochs=wanted.epochs, before=before)
