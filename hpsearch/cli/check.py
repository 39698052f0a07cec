"""``hpsearch check``: validates a study file and tries its smallest, middle and largest model."""

import time
from typing import TYPE_CHECKING, Any

from hpsearch.cli.common import (
    FileArgument,
    HomeOption,
    JsonOption,
    SetOption,
    duration,
    opened_data,
    planned_workers,
    print_json,
    print_table,
    say,
    size,
    stdout,
)
from hpsearch.home import Home

if TYPE_CHECKING:
    from hpsearch.config import TrialConfig
    from hpsearch.data.parts import Parts
    from hpsearch.study_file import StudyFile


def check(
    file: FileArgument,
    overrides: SetOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Validate a study file and train its smallest, middle and largest model for a moment."""
    from hpsearch.cli.estimate import estimate, in_words
    from hpsearch.search.sampling.pruners import hint
    from hpsearch.search.sampling.samplers import check_sampler
    from hpsearch.study_file import load
    from hpsearch.training.start import start_tensorflow
    from hpsearch.workers.gpus import list_gpus
    from hpsearch.workers.packing import study_load

    study = load(file, overrides or ())
    check_sampler(study, str(file))
    dataset, parts = opened_data(study.dataset, Home.find(home))
    needed = study_load(study, parts, dataset.private_bytes)
    plan = planned_workers(study, list_gpus().gpus, needed, study.budget.trials)
    corners = _corners(study, parts, str(file))
    say(
        f"{file} is valid. Data: {len(parts.train)} training and {len(parts.validation)} validation"
        f" examples, {dataset.test_size} set aside for testing"
    )
    if study.budget.max_parameters is not None:
        say("Models above budget.max_parameters are redrawn; the ones tried here stay below it.")
    if advice := hint(study):
        say(advice)
    say("Starting TensorFlow to try the models ...")
    began = time.monotonic()
    start_tensorflow(plan.slots[0].threads)  # as a worker does
    started = time.monotonic() - began
    rows = [_try(study, parts, name, config) for name, config in corners.items()]
    whole = estimate(study, rows, workers=len(plan.slots), started=started)
    if as_json:
        print_json({"study": study.name, "models": rows, "time": whole and whole.plain()})
        return
    print_table(
        ("model", "parameters", "memory", "epoch", "configuration"),
        [_cells(row, config) for row, config in zip(rows, corners.values(), strict=True)],
        words=["configuration"],
    )
    stdout().print(
        "memory: weights and optimizer state, without the data and the activations of a batch"
    )
    if whole is not None:
        stdout().print(in_words(whole))


def _corners(study: "StudyFile", parts: "Parts", file: str) -> "dict[str, TrialConfig]":
    """The smallest, middle and largest configuration; one where the space is fixed.

    Raises:
        InputError: all are over ``budget.max_parameters``.
    """
    from hpsearch.errors import InputError
    from hpsearch.space import config_at, fixed_config

    limit = study.budget.max_parameters
    shape, outputs = parts.input_shape, parts.classes
    fixed = fixed_config(study.space)
    places = {"only": 0.0} if fixed else {"smallest": 0.0, "middle": 0.5, "largest": 1.0}
    found = {
        name: config_at(study.space, where, shape=shape, outputs=outputs, max_parameters=limit)
        for name, where in places.items()
    }
    least = min(found.values(), key=lambda config: config.network.parameters(shape, outputs))
    size = least.network.parameters(shape, outputs)
    if limit is not None and size > limit:
        network = least.network
        counts = [key for key in network.grows_with if not isinstance(getattr(network, key), bool)]
        lower = " or ".join(f"space.{key}" for key in counts)
        raise InputError(
            f"{file}: budget.max_parameters = {limit}, but the smallest model has {size};"
            f" raise it, or lower {lower}"
        )
    return found


def _try(study: "StudyFile", parts: "Parts", name: str, config: "TrialConfig") -> dict[str, Any]:
    """Train one model for a moment; a row of the result."""
    from hpsearch.config import flat
    from hpsearch.errors import TrialFailedError
    from hpsearch.training.probe import probe

    parameters = config.network.parameters(parts.input_shape, parts.classes)
    say(f"Trying the {name} model: {parameters:,} parameters")
    row: dict[str, Any] = {"model": name, "config": flat(config), "parameters": parameters}
    try:
        found = probe(study.recipe(config, study.seed, {}), parts)
    except TrialFailedError as error:
        unknown = dict.fromkeys(("bytes", "seconds_per_epoch", "seconds_to_start"))
        return row | unknown | {"failure": error.failure}
    return row | {
        "bytes": found.bytes_weights_and_optimizer,
        "seconds_per_epoch": found.seconds_per_epoch,
        "seconds_to_start": found.seconds_to_start,
        "failure": None,
    }


def _cells(row: dict[str, Any], config: "TrialConfig") -> list[str]:
    from hpsearch.config import describe

    sizes = [row["failure"], ""]
    if row["failure"] is None:
        seconds = row["seconds_per_epoch"]
        sizes = [size(row["bytes"])]
        sizes.append(duration(seconds) if seconds >= 0.1 else f"{1000 * seconds:.1f} ms")
    return [row["model"], f"{row['parameters']:,}", *sizes, describe(config)]
