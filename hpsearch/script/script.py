"""A recipe as a plain Keras script that trains alike on the data that come with it."""

import sys
import textwrap
from functools import cache
from itertools import chain
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from hpsearch import __version__
from hpsearch.config import TrialConfig
from hpsearch.data.parts import Parts
from hpsearch.data.tables.fitted import Tabular
from hpsearch.optimizers import Optimizer
from hpsearch.ranking import by_direction
from hpsearch.recipe import Recipe
from hpsearch.script.literals import assignment, literal, namespace
from hpsearch.script.shared import Shared
from hpsearch.searchable import traits
from hpsearch.tasks import METRICS

MARK = "Written by hpsearch"
"""How one of the first lines of every script begins."""

_PYTHON = ("import math", "from pathlib import Path", "from types import SimpleNamespace")
_OTHERS = ("import keras", "import numpy as np", "import tensorflow as tf")
"""What every script imports."""

_TEMPLATES = Path(__file__).with_name("templates")


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
    for name in ("losses", "score", "values"):
        shared.add(f"hpsearch.training.tasks.{recipe.task.name}", name)
    is_table = isinstance(parts.transform, Tabular)
    if is_table:
        shared.add("hpsearch.training.tables", "features")
    if parts.target:
        shared.add("hpsearch.training.targets", "standardised")
    augment = config.augment.model_dump(mode="json") if config.augment.is_on else {}
    if augment:
        for name in ("draws", "changed", "mixed", "SHARE"):
            shared.add("hpsearch.training.augment", name)
        shared.add("hpsearch.training.seeds", "order")
    plain = {trait.name for trait in traits(TrialConfig) if not (trait.members or trait.section)}
    facts = {
        "docstring": _docstring(recipe, len(parts.folds)),
        "imports": _imports(shared),
        "constants": _constants(recipe, parts, data),
        "network": namespace("NETWORK", config.network.model_dump(mode="json", exclude={"type"})),
        "config": namespace("CONFIG", config.model_dump(mode="json", include=plain)),
        "augment": namespace("AUGMENT", augment) if augment else [],
        # Constants first.
        "definitions": sorted(shared.definitions, key=lambda text: text.startswith("def ")),
        "apart": config.network.builder == "members",
        "trained": "trained" if config.network.builder == "members" else "network",
        "schedule": schedule,
        "optimizer": config.optimizer.keras,
        "settings": _settings(config.optimizer),
        "balanced": parts.class_weights is not None,
        "weighted": parts.train.weights is not None,
        "table": is_table,
        "target": namespace("TARGET", parts.target.model_dump()) if parts.target else [],
        "folds": len(parts.folds),
        "mixed": recipe.training.precision != "float32",
        "callbacks": _callbacks(recipe),
        "metric": recipe.objective.metric,
    }
    return _template().render(facts)


def _imports(shared: Shared) -> list[list[str]]:
    """Groups of lines: of Python's own modules, and of others."""
    groups: tuple[set[str], set[str]] = {"import argparse", *_PYTHON}, {*_OTHERS}
    for line in shared.imports:
        groups[line.split()[1] not in sys.stdlib_module_names].add(line)
    return [sorted(group, key=lambda line: (line.startswith("from"), line)) for group in groups]


@cache
def _template() -> Template:
    """What every script is made from; to compile it takes longer than all the rest."""
    # Nothing is escaped: this is no HTML, and all values pass through ``literal``.
    environment = Environment(  # noqa: S701
        loader=FileSystemLoader(_TEMPLATES, encoding="utf-8"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("script.jinja")


def _docstring(recipe: Recipe, folds: int) -> str:
    """What the script is and where it comes from."""
    source = recipe.provenance
    trial, value = source.get("trial"), source.get("value")
    who = "the baseline" if trial is None else f"trial {trial}"
    found = "" if value is None else f" ({recipe.objective.metric} {value:.6g})"
    study = f" from study {source['study']}, {who}{found}" if "study" in source else ""
    needs = (
        "Needs tensorflow and the arrays in DATA, but not hpsearch. With --test it also evaluates"
        " the network on the test split, if DATA has it."
    )
    paragraphs = [
        f"{MARK} {__version__}{study}.",
        f"Data fingerprint: {source.get('data_fingerprint', 'unknown')}.",
        needs,
        *([f"hpsearch trained on {folds} folds; this is the first of them."] if folds > 1 else []),
    ]
    # A study's name may be as long as a line, and is not broken.
    folding = textwrap.TextWrapper(98, break_long_words=False, break_on_hyphens=False)
    folded = [folding.fill(text) for text in paragraphs]
    return "\n\n".join(["Trains one Keras network and prints its validation results.", *folded])


def _settings(optimizer: Optimizer) -> list[tuple[str, str]]:
    """The optimizer's arguments beside the rate, as source."""
    values = optimizer.model_dump(exclude={"type", "learning_rate"})
    defaults = {name: field.default for name, field in type(optimizer).model_fields.items()}
    # Switches that are off and a momentum of 0 are what Keras does by itself; a decay is not.
    return [(name, literal(value)) for name, value in values.items() if value or defaults[name]]


Callback = tuple[str, list[tuple[str, str]]]
"""A callback's class and its arguments, each with a comment or ""."""


def _callbacks(recipe: Recipe) -> list[Callback]:
    """Keras' callbacks that stop early, lower the rate and keep the best epoch."""
    stopping, objective = recipe.training.early_stopping, recipe.objective
    found: list[Callback] = []
    kept = objective.epoch == "last"
    if stopping:
        both = not kept and stopping.monitor == objective.metric
        restoring = [("restore_best_weights=True", "")] if both else []
        arguments = [*_monitor(stopping.monitor), ("patience=PATIENCE", ""), *restoring]
        found.append(("EarlyStopping", arguments))
        kept = kept or both
    if not kept:
        never = ("patience=EPOCHS", "never stops, but keeps the best epoch")
        arguments = [*_monitor(objective.metric), never, ("restore_best_weights=True", "")]
        found.append(("EarlyStopping", arguments))
    if recipe.config.lr_schedule == "plateau":
        monitor = recipe.training.reduce_lr_on_plateau.monitor
        rate = [("factor=FACTOR", ""), ("patience=PLATEAU", ""), ("min_delta=0.0", "")]
        found.append(("ReduceLROnPlateau", [*_monitor(monitor), *rate]))
    return found


def _monitor(metric: str) -> list[tuple[str, str]]:
    """What a callback looks at, and which direction is better."""
    mode = by_direction(METRICS[metric], "max", "min")
    return [(f'monitor="{metric}"', ""), (f'mode="{mode}"', "")]


def _constants(recipe: Recipe, parts: Parts, data: Path) -> list[str]:
    """The lines of the constants at the top of the script."""
    config, training = recipe.config, recipe.training
    stopping, lowering = training.early_stopping, training.reduce_lr_on_plateau
    plateau = config.lr_schedule == "plateau"
    every: list[tuple[bool, str, object, str]] = [
        (True, "DATA", data, "what it trains on"),
        (True, "INPUT_SHAPE", parts.input_shape, "shape of one example"),
        (True, "OUTPUTS", parts.outputs, "values that the network puts out for an example"),
        (True, "SEED", recipe.seed, "seed of weights and shuffling"),
        (True, "PRECISION", training.precision, "of the hidden layers"),
        (True, "LEARNING_RATE", config.optimizer.learning_rate, ""),
        (True, "EPOCHS", training.epochs, "at most" if stopping else ""),
        (bool(stopping), "PATIENCE", stopping and stopping.patience, "epochs without improvement"),
        (plateau, "FACTOR", lowering.factor, "factor of the learning rate on a plateau"),
        (
            plateau,
            "PLATEAU",
            lowering.patience,
            "epochs without improvement that count as a plateau",
        ),
    ]
    lines = (assignment(name, value, told) for needed, name, value, told in every if needed)
    return [*chain.from_iterable(lines)]
