"""``hpsearch check``: validates a study file and tries its smallest, middle and largest model."""

from typing import TYPE_CHECKING, Any

from hpsearch.cli.common import (
    FileArgument,
    HomeOption,
    JsonOption,
    SetOption,
    duration,
    print_json,
    print_table,
    progress,
    say,
    size,
    stdout,
)
from hpsearch.home import Home

if TYPE_CHECKING:
    from hpsearch.config import TrialConfig
    from hpsearch.study_file import StudyFile


def check(
    file: FileArgument,
    overrides: SetOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Validate a study file and train one batch of its smallest, middle and largest model."""
    from hpsearch.config import count_parameters, describe
    from hpsearch.data.cache import open_dataset
    from hpsearch.data.parts import split
    from hpsearch.errors import InputError
    from hpsearch.search.samplers import check_sampler
    from hpsearch.study_file import load
    from hpsearch.training.start import start_tensorflow

    study = load(file, overrides or ())
    check_sampler(study, str(file))
    with progress() as report:
        dataset = open_dataset(study.dataset, Home.find(home), report)
    parts = split(dataset, study.dataset)
    say(f"{file} is valid. Data: {len(parts.train)} training, {len(parts.validation)} validation")
    corners = _corners(study)
    limit = study.budget.max_parameters
    smallest = min(count_parameters(c, parts.inputs, parts.classes) for c in corners.values())
    if limit is not None and smallest > limit:
        raise InputError(
            f"{file}: budget.max_parameters = {limit}, but the smallest model has {smallest};"
            " raise it or make space.layers or space.units smaller"
        )
    say("Starting TensorFlow to try the models ...")
    start_tensorflow()
    from hpsearch.training.probe import probe

    rows: list[dict[str, Any]] = []
    for name, config in corners.items():
        found = probe(study.recipe(config, study.seed, {}), parts)
        rows.append(
            {
                "model": name,
                "config": config.model_dump(mode="json"),
                "parameters": found.parameters,
                "bytes": found.bytes_weights_and_optimizer,
                "seconds_per_epoch": found.seconds_per_epoch,
            }
        )
    if as_json:
        print_json({"study": study.name, "models": rows})
        return
    print_table(
        ("model", "parameters", "memory", "an epoch", "configuration"),
        [
            [
                row["model"],
                f"{row['parameters']:,}",
                size(row["bytes"]),
                duration(row["seconds_per_epoch"]),
                describe(config),
            ]
            for row, config in zip(rows, corners.values(), strict=True)
        ],
        words=["configuration"],
    )
    stdout().print(
        "memory: weights and optimizer state; the data and a batch's outputs come on top"
    )


def _corners(study: "StudyFile") -> "dict[str, TrialConfig]":
    """The smallest, middle and largest configuration; one where the space is fixed."""
    from hpsearch.space import Corner, fixed_config, suggest_config

    fixed = fixed_config(study.space)
    if fixed is not None:
        return {"the only one": fixed}
    places = {"smallest": 0.0, "middle": 0.5, "largest": 1.0}
    return {name: suggest_config(study.space, Corner(at)) for name, at in places.items()}
