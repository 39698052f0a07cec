"""A study's network as a Keras model in this process."""

from typing import Any

from hpsearch.services.forms import trained_on
from hpsearch.services.progress import Progress
from hpsearch.services.single import check_choice, model_of
from hpsearch.services.workspace import Workspace
from hpsearch.training.start import imported_quietly


def keras_model(
    study: str,
    workspace: Workspace,
    progress: Progress,
    *,
    trial: int | None = None,
    refit: bool = False,
) -> Any:
    """The confirmed winner, or, where nothing is confirmed, the best trial, with its weights.

    Args:
        study: its name.
        workspace: home and storage.
        progress: is told what takes long.
        trial: another trial's number.
        refit: what ``hpsearch refit`` trained of the winner.

    Returns:
        a ``keras.Model``, as ``hpsearch export`` writes it: of inputs as they are stored, or of the
        raw columns of a table by name, to probabilities, or predictions in the target's own unit.

    Raises:
        InputError: an unknown study or trial, or no weights of it are here.
        NoTrialError: no trial of the study completed.
    """
    check_choice(trial=trial, refit=refit)
    with workspace.study(study) as found:
        chosen = model_of(found, workspace.home, trial, refit=refit)
    recipe, weights = chosen.recipe, chosen.weights
    assert weights is not None  # noqa: S101  # or it was refused
    parts = trained_on(recipe, weights, workspace.home, progress)
    progress.say("TensorFlow takes a few seconds to start.")
    # The process is the user's, and so are TensorFlow's settings in it.
    with imported_quietly():
        from hpsearch.training.export import raw_model  # noqa: PLC0415  # imports TensorFlow

    return raw_model(recipe, parts, weights)
