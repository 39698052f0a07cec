"""A recipe as a plain Keras script that trains alike on the data that come with it."""

from pathlib import Path

from hpsearch.data.parts import Parts
from hpsearch.optimizers import Optimizer
from hpsearch.recipe import Recipe
from hpsearch.script import pieces
from hpsearch.script.literals import assignment, literal, namespace
from hpsearch.script.shared import Shared


def script(recipe: Recipe, parts: Parts, data: Path) -> str:
    """The source of a script that trains a recipe and needs no hpsearch.

    Network, schedule, loss and scores are the functions of ``hpsearch.training`` themselves.
    The script is the same in every call.

    Args:
        recipe: what to train.
        parts: the training and validation parts; only shape and classes of them matter, and what
            of a target was fitted. Of several folds the script trains on the first.
        data: the file of their arrays (``hpsearch.script.arrays``), absolute or from the script's
            folder.
    """
    config, schedule = recipe.config, recipe.config.lr_schedule
    shared = Shared()
    shared.add(f"hpsearch.training.networks.{config.network.builder}", "build")
    shared.add("hpsearch.training.schedules", schedule)
    facts = pieces.common([recipe], parts, shared)
    facts["docstring"] = pieces.docstring(
        "Trains one Keras network and prints its validation results.",
        _source(recipe),
        recipe,
        parts,
    )
    facts["constants"] = [*pieces.constants([recipe], parts, data), *_own(recipe)]
    facts["callbacks"] += pieces.lowering(recipe) if schedule == "plateau" else []
    facts["lowering"] = []
    facts["own"] = {
        "seed": "SEED",
        "network": "NETWORK",
        "config": "CONFIG",
        "augment": "AUGMENT",
        "rate": "LEARNING_RATE",
        "build": "build",
        "schedule": schedule,
        "optimizer": _optimizer(config.optimizer),
    }
    return pieces.rendered("script.jinja", facts)


def _source(recipe: Recipe) -> str:
    """Where a recipe comes from."""
    source = recipe.provenance
    trial, value = source.get("trial"), source.get("value")
    who = "the baseline" if trial is None else f"trial {trial}"
    found = "" if value is None else f" ({recipe.objective.metric} {value:.6g})"
    return f"study {source['study']}, {who}{found}" if "study" in source else ""


def _own(recipe: Recipe) -> list[str]:
    """The lines of the constants that are of this training alone."""
    config = recipe.config
    augment = config.augment.model_dump(mode="json") if config.augment.is_on else {}
    return [
        *assignment("SEED", recipe.seed, "seed of weights and shuffling"),
        *assignment("LEARNING_RATE", config.optimizer.learning_rate),
        *namespace("NETWORK", config.network.model_dump(mode="json", exclude={"type"})),
        *namespace("CONFIG", pieces.plain(config)),
        *(namespace("AUGMENT", augment) if augment else []),
    ]


def _optimizer(optimizer: Optimizer) -> list[str]:
    """The lines of the call that makes an optimizer."""
    settings = pieces.settings(optimizer).items()
    arguments = [f"    {name}={literal(value)}," for name, value in settings]
    return [f"keras.optimizers.{optimizer.keras}(", "    rate,", *arguments, ")"]
