"""Training one recipe, with no study needed."""

from collections.abc import Sequence
from pathlib import Path

from hpsearch.data.dataset import Dataset
from hpsearch.data.drawing import usually_scaled
from hpsearch.data.record import Access
from hpsearch.errors import InputError
from hpsearch.for_data import for_task
from hpsearch.home import WEIGHTS, Home
from hpsearch.recipe import Recipe, computing_in
from hpsearch.services.data import config_refusal, opened_data
from hpsearch.services.judging import Kept, judge
from hpsearch.services.precision import settled
from hpsearch.services.progress import Progress
from hpsearch.services.training import Trained, keep, precision_before, prepare, train_here
from hpsearch.study_file import StudyFile, load_either
from hpsearch.tasks.evaluating import AnyEvaluation
from hpsearch.training.start import start_tensorflow


def train(
    file: Path,
    home: Home,
    progress: Progress,
    *,
    seed: int | None = None,
    output: Path | None = None,
    test: bool = False,
    overrides: Sequence[str] = (),
) -> Trained:
    """Train a recipe, or a study file whose space is entirely fixed, in this process.

    Args:
        file: the recipe.
        home: where data sets are kept, and what no other folder is given for.
        progress: shows the epochs.
        seed: of the training, from 0; None: the recipe's.
        output: the folder for curves, weights and results; None: one in the home.
        test: evaluate on the test split, too, which is recorded.
        overrides: ``KEY=VALUE``, each in place of a key of the file.

    Raises:
        InputError: a file that is no recipe, data that are wrong, a folder that is another's.
        NoTrialError: training failed.
        StoppedError: a signal came.
    """
    recipe = _read(file, overrides)
    if seed is not None:
        recipe = recipe.model_copy(update={"seed": seed})
    dataset, parts = opened_data(recipe.dataset, home, progress)
    scaled = usually_scaled(recipe.dataset, dataset)
    recipe = for_task(recipe.model_copy(update={"dataset": scaled}), dataset.task, str(file))
    if refusal := config_refusal(recipe.config, recipe.task, parts):
        raise InputError(f"{file}: {refusal}")
    _warn(recipe, dataset.fingerprint, progress)
    progress.say("TensorFlow takes a few seconds to start.")
    is_auto = recipe.training.precision == "auto"
    if is_auto:
        start_tensorflow()
        precision = precision_before(output, home, file.stem, recipe, dataset.fingerprint)
        precision = precision or settled([recipe], parts, progress)
        training = computing_in(recipe.training, precision)
        recipe = recipe.model_copy(update={"training": training})
    folder = prepare(output, home, file.stem, recipe, dataset.fingerprint)
    progress.say(f"Training {file} with seed {recipe.seed}.")
    outcome = train_here(recipe, parts, folder, progress, started=is_auto)
    trained = Trained(
        recipe=recipe,
        outcome=outcome,
        folder=folder,
        fingerprint=dataset.fingerprint,
        test=_test(recipe, dataset, folder, str(file)) if test else None,
    )
    keep(trained, f"{file.name}, seed {recipe.seed}")
    return trained


def _read(file: Path, overrides: Sequence[str]) -> Recipe:
    """The recipe in a file, or the only one of a study file."""
    found = load_either(file, overrides)
    recipe = found if isinstance(found, Recipe) else found.fixed_recipe()
    if recipe is None:
        if isinstance(found, StudyFile) and found.awaits_preset:
            raise InputError(
                f"{file}: it searches a preset, so there is no single network to train; search with"
                f" hpsearch run {file} and train the recipe that hpsearch export writes"
            )
        raise InputError(
            f"{file}: its space has ranges, so there is no single network to train; fix them, or"
            f" search with hpsearch run {file} and train the recipe that hpsearch export writes"
        )
    return recipe


def _warn(recipe: Recipe, fingerprint: str, progress: Progress) -> None:
    """Say what makes the results other than they are taken for."""
    expected = recipe.provenance.get("data_fingerprint")
    if expected not in (None, fingerprint):
        progress.say(
            f"warning: the data have the fingerprint {fingerprint[:12]}, but the recipe was found"
            f" on data with {str(expected)[:12]}; results may differ"
        )
    if recipe.dataset.include_validation:
        progress.say(
            "warning: the training includes the validation examples, so validation results mean"
            " little."
        )


def _test(recipe: Recipe, dataset: Dataset, folder: Path, name: str) -> AnyEvaluation:
    """Open the test split, judge the kept weights on it, and record what came of it."""
    trial, study = recipe.provenance.get("trial"), recipe.provenance.get("study")
    access = Access(
        opened_by=f"train {name} --test",
        study=study,
        of=None if study is None else "baseline" if trial is None else str(trial),
        recipe=recipe.model_dump(mode="json", exclude={"provenance"}),
        seeds=(recipe.seed,),
    )
    (result,) = judge(dataset, access, [Kept(recipe=recipe, weights=folder / WEIGHTS)])
    return result
