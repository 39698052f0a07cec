"""Checking a study file: its smallest, middle and largest model are trained for a moment."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hpsearch.config import TrialConfig, flat
from hpsearch.data.facts import facts, sizes
from hpsearch.data.parts import Parts
from hpsearch.errors import InputError, TrialFailedError
from hpsearch.home import Home
from hpsearch.networks.network import Network, Size
from hpsearch.recipe import Recipe, computing_in
from hpsearch.search.sampling.pruners import hint
from hpsearch.search.sampling.samplers import check_sampler
from hpsearch.services.data import study_data
from hpsearch.services.estimate import Estimate, estimate
from hpsearch.services.plans import planned_workers
from hpsearch.services.precision import settled
from hpsearch.services.progress import Progress
from hpsearch.services.tracking import check_mlflow
from hpsearch.space import ends, fixed_config, kinds
from hpsearch.study_file import StudyFile, load
from hpsearch.training.start import start_tensorflow
from hpsearch.walks import places
from hpsearch.workers.gpus import list_gpus
from hpsearch.workers.packing import study_load


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What a moment of training said of a study."""

    study: str
    configs: Sequence[TrialConfig]
    """The smallest, middle and largest configuration; one where the space is fixed."""
    models: Sequence[Mapping[str, Any]]
    """What each took, or why it failed, ready for JSON."""
    time: Estimate | None
    """Of the whole budget; None where no model could be trained."""

    def plain(self) -> dict[str, Any]:
        """The results as JSON."""
        time = self.time and self.time.plain()
        return {"study": self.study, "models": self.models, "time": time}


def check(file: Path, home: Home, progress: Progress, *, overrides: Sequence[str] = ()) -> Checked:
    """Validate a study file and train its smallest, middle and largest model for a moment.

    Args:
        file: the study file.
        home: where data sets are kept.
        progress: is told of the data, and of what is tried.
        overrides: ``KEY=VALUE``, each in place of a key of the file.

    Raises:
        InputError: a file, data or workers that cannot be.
        UnreachableError: data that cannot be read.
    """
    study = load(file, overrides)
    check_sampler(study, str(file))
    check_mlflow(study, home.own_storage)
    study, dataset, parts = study_data(study, str(file), home, progress)
    needed = study_load(study, parts, dataset.private_bytes)
    plan = planned_workers(study, list_gpus().gpus, needed, study.budget.trials)
    middle = study.middle_recipes(parts.shape, parts.outputs)
    corners = _corners(study, parts, middle, str(file))
    progress.say(
        f"{file} is valid. Data: {sizes(facts(dataset, parts))}, {dataset.test_size} set aside for"
        " testing"
    )
    if limits := [f"budget.max_{name}" for name in study.budget.size_limits]:
        progress.say(
            f"Models above {' and '.join(limits)} are redrawn; the ones tried here stay below it."
        )
    if advice := hint(study):
        progress.say(advice)
    progress.say("Starting TensorFlow to try the models ...")
    began = time.monotonic()
    start_tensorflow(plan.slots[0].threads)  # as a worker does
    started = time.monotonic() - began
    if study.training.precision == "auto":
        precision = settled([*middle.values()], parts, progress)
        training = computing_in(study.training, precision)
        study = study.model_copy(update={"training": training})
    rows = [_try(study, parts, name, config, progress) for name, config in corners.items()]
    return Checked(
        study=study.name,
        configs=list(corners.values()),
        models=rows,
        time=estimate(study, rows, workers=len(plan.slots), started=started),
    )


def _corners(
    study: StudyFile, parts: Parts, middle: Mapping[str, Recipe], file: str
) -> dict[str, TrialConfig]:
    """The smallest, middle and largest configuration; one where the space is fixed.

    Raises:
        InputError: all are over a limit of the budget.
    """
    known = parts.shape, parts.outputs

    def size(config: TrialConfig) -> Size | None:
        return config.network.size(*known)

    def fits(config: TrialConfig) -> bool:
        return not study.budget.excess(size(config))

    def macs(config: TrialConfig) -> int:
        found = size(config)
        return 0 if found is None else found.macs  # it is known when that is built

    found: dict[str, TrialConfig] = {}
    is_fixed, several = fixed_config(study.space) is not None, kinds(study.space)
    for kind in several:
        smallest, largest = (ends(study.space, at, kind, fits=fits) for at in (0.0, 1.0))
        corners = {
            "smallest": min(smallest, key=lambda one: (not fits(one), macs(one))),
            **({"middle": middle[kind].config} if kind in middle else {}),
            "largest": max(largest, key=lambda one: (fits(one), macs(one))),
        }
        if is_fixed:
            corners = {"only": corners["largest"]}
        behind = f" {kind}" if several[1:] else ""
        found |= {f"{name}{behind}": config for name, config in corners.items()}
    if not any(map(fits, found.values())):
        raise _too_large(study, [one.network for one in found.values()], parts, file)
    return {name: config for name, config in found.items() if fits(config)}


def _too_large(
    study: StudyFile, networks: Sequence[Network], parts: Parts, file: str
) -> InputError:
    """Every network of a study is over a limit of its budget."""
    every = [(one, one.size(parts.shape, parts.outputs)) for one in networks]
    sizes = [(one, size) for one, size in every if size is not None]
    name = next(iter(study.budget.excess(sizes[0][1])))
    least, size = min(sizes, key=lambda pair: getattr(pair[1], name))
    counts = [key for key in least.grows_with if not isinstance(getattr(least, key), bool)]
    keys = [place.keys for place in places(study.space) if place.trait.name in counts]
    lower = " or ".join(".".join(["space", *each]) for each in keys or [("network",)])
    return InputError(
        f"{file}: budget.max_{name} = {study.budget.size_limits[name]}, but the smallest model"
        f" has {getattr(size, name)}; raise it, or lower {lower}"
    )


def _try(
    study: StudyFile, parts: Parts, name: str, config: TrialConfig, progress: Progress
) -> dict[str, Any]:
    """Train one model for a moment; a row of the result."""
    from hpsearch.training.probe import probe  # noqa: PLC0415  # imports TensorFlow

    size = config.network.size(parts.shape, parts.outputs)
    told = f": {size.parameters:,} parameters, {size.macs:,} MACs" if size else ""
    progress.say(f"Trying the {name} model{told}")
    sizes = asdict(size) if size else dict.fromkeys(("parameters", "macs"))
    row: dict[str, Any] = {"model": name, "config": flat(config), **sizes}
    try:
        found = probe(study.recipe(config, study.seed, {}), parts)
    except TrialFailedError as error:
        unknown = dict.fromkeys(("bytes", "seconds_per_epoch", "seconds_to_start"))
        return row | unknown | {"failure": error.failure}
    built = Size(parameters=found.parameters, macs=found.macs)
    if excess := " and ".join(study.budget.excess(built).values()):
        progress.say(f"The {name} model has {excess}; such trials are drawn again.")
    return row | {
        **asdict(built),
        "bytes": found.bytes_weights_and_optimizer,
        "seconds_per_epoch": found.seconds_per_epoch,
        "seconds_to_start": found.seconds_to_start,
        "failure": None,
    }
