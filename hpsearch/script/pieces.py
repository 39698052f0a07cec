"""Pieces of scripts: what those of one network and of an ensemble are both made of."""

import sys
import textwrap
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from hpsearch import __version__
from hpsearch.config import TrialConfig
from hpsearch.data.parts import Parts
from hpsearch.data.tables.fitted import Tabular
from hpsearch.optimizers import Optimizer
from hpsearch.ranking import by_direction
from hpsearch.recipe import Recipe
from hpsearch.script.literals import assignment, namespace
from hpsearch.script.shared import Shared
from hpsearch.searchable import traits
from hpsearch.tasks import METRICS

MARK = "Written by hpsearch"
"""How one of the first lines of every script begins."""

_PYTHON = ("import math", "from pathlib import Path", "from types import SimpleNamespace")
_OTHERS = ("import keras", "import numpy as np", "import tensorflow as tf")
"""What every script imports."""

_TEMPLATES = Path(__file__).with_name("templates")


def rendered(template: str, facts: Mapping[str, object]) -> str:
    """A script.

    Args:
        template: the name of its file.
        facts: what the template names, by name.
    """
    return _template(template).render(facts)


def common(recipes: Sequence[Recipe], parts: Parts, shared: Shared) -> dict[str, Any]:
    """The facts that every template needs, but for docstring and constants.

    Args:
        recipes: what the script trains, all of one data set, training and objective.
        parts: the training and validation parts.
        shared: gets the functions of training, but for networks and schedules.
    """
    first, is_table = recipes[0], isinstance(parts.transform, Tabular)
    for name in ("losses", "score", "values"):
        shared.add(f"hpsearch.training.tasks.{first.task.name}", name)
    if is_table:
        shared.add("hpsearch.training.tables", "features")
    if parts.target:
        shared.add("hpsearch.training.targets", "standardised")
    is_augmented = any(recipe.config.augment.is_on for recipe in recipes)
    if is_augmented:
        for name in ("draws", "changed", "mixed", "SHARE"):
            shared.add("hpsearch.training.augment", name)
        shared.add("hpsearch.training.seeds", "order")
    apart = any(recipe.config.network.builder == "members" for recipe in recipes)
    return {
        "imports": _imports(shared),
        # Constants first.
        "definitions": sorted(shared.definitions, key=lambda text: text.startswith("def ")),
        "apart": apart,
        "trained": "trained" if apart else "network",
        "augment": is_augmented,
        "balanced": parts.class_weights is not None,
        "weighted": parts.train.weights is not None,
        "table": is_table,
        "target": parts.target is not None,
        "folds": len(parts.folds),
        "refit": first.dataset.include_validation,
        "mixed": first.training.precision != "float32",
        "epochs": epochs_of(recipes),
        "callbacks": stopping(first, epochs_of(recipes)),
    }


def plain(config: TrialConfig) -> dict[str, object]:
    """The fields of a configuration that are no section of their own."""
    names = {trait.name for trait in traits(TrialConfig) if not (trait.members or trait.section)}
    return config.model_dump(mode="json", include=names)


def _imports(shared: Shared) -> list[list[str]]:
    """Groups of lines: of Python's own modules, and of others."""
    groups: tuple[set[str], set[str]] = {"import argparse", *_PYTHON}, {*_OTHERS}
    for line in shared.imports:
        groups[line.split()[1] not in sys.stdlib_module_names].add(line)
    return [sorted(group, key=lambda line: (line.startswith("from"), line)) for group in groups]


@cache
def _template(name: str) -> Template:
    """What scripts are made from; to compile it takes longer than all the rest."""
    # Nothing is escaped: this is no HTML, and all values pass through ``literal``.
    environment = Environment(  # noqa: S701
        loader=FileSystemLoader(_TEMPLATES, encoding="utf-8"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)


_REFIT = "It trains on the validation examples, too, so that validation results mean little."


def docstring(first: str, source: str, recipe: Recipe, parts: Parts, *notes: str) -> str:
    """What a script is and where it comes from.

    Args:
        first: what it does, one line.
        source: where it comes from, "study mine, trial 12", or nothing.
        recipe: what it trains.
        parts: the training and validation parts.
        notes: paragraphs at its end.
    """
    folds = len(parts.folds)
    needs = (
        "Needs tensorflow and the arrays in DATA, but not hpsearch. With --test it also evaluates"
        " on the test split, if DATA has it."
    )
    paragraphs = [
        f"{MARK} {__version__}{source and f' from {source}'}.",
        f"Data fingerprint: {recipe.provenance.get('data_fingerprint', 'unknown')}.",
        needs,
        *([f"hpsearch trained on {folds} folds; this is the first of them."] if folds > 1 else []),
        *([_REFIT] if recipe.dataset.include_validation else []),
        *notes,
    ]
    # A study's name may be as long as a line, and is not broken.
    folding = textwrap.TextWrapper(98, break_long_words=False, break_on_hyphens=False)
    return "\n\n".join([first, *map(folding.fill, paragraphs)])


def settings(optimizer: Optimizer) -> dict[str, object]:
    """The optimizer's arguments beside the rate."""
    values = optimizer.model_dump(exclude={"type", "learning_rate"})
    defaults = {name: field.default for name, field in type(optimizer).model_fields.items()}
    # Switches that are off and a momentum of 0 are what Keras does by itself; a decay is not.
    return {name: value for name, value in values.items() if value or defaults[name]}


Callback = tuple[str, list[tuple[str, str]]]
"""A callback's class and its arguments, each with a comment or ""."""


def epochs_of(recipes: Sequence[Recipe]) -> str:
    """How a script names the epochs of a training: a constant, or an argument where they differ."""
    return "EPOCHS" if len({recipe.training.epochs for recipe in recipes}) == 1 else "epochs"


def stopping(recipe: Recipe, epochs: str) -> list[Callback]:
    """Keras' callbacks that stop early and keep the best epoch.

    Args:
        recipe: what is trained.
        epochs: see :func:`epochs_of`.
    """
    early, objective = recipe.training.early_stopping, recipe.objective
    found: list[Callback] = []
    kept = objective.epoch == "last"
    if early:
        both = not kept and early.monitor == objective.metric
        restoring = [("restore_best_weights=True", "")] if both else []
        arguments = [*_monitor(early.monitor), ("patience=PATIENCE", ""), *restoring]
        found.append(("EarlyStopping", arguments))
        kept = kept or both
    if not kept:
        never = (f"patience={epochs}", "never stops, but keeps the best epoch")
        arguments = [*_monitor(objective.metric), never, ("restore_best_weights=True", "")]
        found.append(("EarlyStopping", arguments))
    return found


def lowering(recipe: Recipe) -> list[Callback]:
    """Keras' callback that lowers the rate on a plateau."""
    monitor = recipe.training.reduce_lr_on_plateau.monitor
    rate = [("factor=FACTOR", ""), ("patience=PLATEAU", ""), ("min_delta=0.0", "")]
    return [("ReduceLROnPlateau", [*_monitor(monitor), *rate])]


def _monitor(metric: str) -> list[tuple[str, str]]:
    """What a callback looks at, and which direction is better."""
    mode = by_direction(METRICS[metric], "max", "min")
    return [(f'monitor="{metric}"', ""), (f'mode="{mode}"', "")]


def constants(recipes: Sequence[Recipe], parts: Parts, data: Path) -> list[str]:
    """The lines of the constants that are of all that a script trains.

    Args:
        recipes: see :func:`common`.
        parts: the training and validation parts.
        data: the file of their arrays.
    """
    training = recipes[0].training
    early, slower = training.early_stopping, training.reduce_lr_on_plateau
    plateau = any(recipe.config.lr_schedule == "plateau" for recipe in recipes)
    told = "epochs without improvement that count as a plateau"
    every: list[tuple[bool, str, object, str]] = [
        (True, "DATA", data, "what it trains on"),
        (True, "INPUT_SHAPE", parts.input_shape, "shape of one example"),
        (True, "OUTPUTS", parts.outputs, "values that the network puts out for an example"),
        (True, "PRECISION", training.precision, "of the hidden layers"),
        (epochs_of(recipes) == "EPOCHS", "EPOCHS", training.epochs, "at most" if early else ""),
        (bool(early), "PATIENCE", early and early.patience, "epochs without improvement"),
        (plateau, "FACTOR", slower.factor, "factor of the learning rate on a plateau"),
        (plateau, "PLATEAU", slower.patience, told),
    ]
    lines = (assignment(name, value, comment) for needed, name, value, comment in every if needed)
    target = namespace("TARGET", parts.target.model_dump()) if parts.target else []
    return [*chain.from_iterable(lines), *target]
