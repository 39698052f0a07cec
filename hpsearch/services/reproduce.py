"""Reproducing: a trial is trained again with its own seed, and every epoch is compared."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hpsearch.data.facts import facts
from hpsearch.outputs.trainings import REPRODUCED
from hpsearch.search import trials
from hpsearch.search.attributes import THREADS_KEY
from hpsearch.search.recipes import recipe_of
from hpsearch.search.reproduction import Comparison, compare, last_epoch, other_surroundings
from hpsearch.services.data import opened_data
from hpsearch.services.progress import Progress
from hpsearch.services.training import Trained, keep, prepare, train_here
from hpsearch.services.workspace import Workspace
from hpsearch.study_file import moved
from hpsearch.workers.by_hand import settle_device
from hpsearch.workers.identity import device
from hpsearch.workers.machine import machine


@dataclass(frozen=True, kw_only=True)
class Reproduction(Trained):
    """What came of a trial that was trained again."""

    study: str
    trial: int
    comparison: Comparison
    threads: int | None
    """Of TensorFlow, as the trial had them; None: it is not known."""
    differs: Sequence[str]
    """What is other than then."""

    def plain(self) -> dict[str, Any]:
        """The results as JSON."""
        return super().plain() | {
            REPRODUCED: {
                "study": self.study,
                "trial": self.trial,
                "seed": self.recipe.seed,
                "metric": self.recipe.objective.metric,
                "threads": self.threads,
                **asdict(self.comparison),
                "identical": self.comparison.identical,
                "differs": list(self.differs),
            }
        }


def reproduce(
    study: str,
    workspace: Workspace,
    progress: Progress,
    *,
    trial: int | None = None,
    output: Path | None = None,
    overrides: Sequence[str] = (),
) -> Reproduction:
    """Retrain a trial in this process with its own seed, and compare every epoch.

    Args:
        study: its name.
        workspace: home and storage.
        progress: shows the epochs.
        trial: its number; None: the best one.
        output: the folder for curves, weights and results; None: one in the home.
        overrides: ``dataset.path=PATH``, where the data are elsewhere than before.

    Raises:
        InputError: an unknown study or trial, data that are wrong, a folder that is another's.
        NoTrialError: there is no best trial, or training failed.
        StoppedError: a signal came.
    """
    place = workspace.home
    settle_device()
    with workspace.study(study) as found:
        chosen = trials.best(found) if trial is None else trials.find(found, trial)
        last = last_epoch(chosen)
        recipe = moved(recipe_of(found, chosen), found.file, overrides)
        dataset, parts = opened_data(recipe.dataset, place, progress, warn=False)
        others = other_surroundings(
            found, chosen, machine(), device=device(), data=facts(dataset, parts)
        )
    name = f"{study}-trial-{chosen.number:05d}"
    folder = prepare(output, place, name, recipe, dataset.fingerprint)
    progress.say(f"Training trial {chosen.number} again with its own seed, {recipe.seed}.")
    threads = chosen.user_attrs.get(THREADS_KEY)
    outcome = train_here(recipe, parts, folder, progress, last=last, threads=threads)
    metric = recipe.objective.metric
    epochs = outcome.steps(metric, recipe.training.epochs)
    reproduction = Reproduction(
        recipe=recipe,
        outcome=outcome,
        folder=folder,
        fingerprint=dataset.fingerprint,
        study=study,
        trial=chosen.number,
        comparison=compare(chosen, epochs, outcome.value),
        threads=threads,
        differs=others,
    )
    keep(reproduction, f"{study}, trial {chosen.number}, reproduced")
    return reproduction
