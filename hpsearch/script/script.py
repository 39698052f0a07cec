"""A recipe as a plain Keras script that trains alike on the data that come with it."""

import textwrap
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from hpsearch import __version__
from hpsearch.data.parts import Parts
from hpsearch.ranking import by_direction
from hpsearch.recipe import Recipe
from hpsearch.script.literals import assignment, literal
from hpsearch.tasks import METRICS

MARK = "Written by hpsearch"
"""How one of the first lines of every script begins."""

_TEMPLATES = Path(__file__).with_name("templates")


def script(recipe: Recipe, parts: Parts, data: Path) -> str:
    """The source of a script that trains a recipe and needs no hpsearch.

    It holds what this recipe needs and nothing else, and is the same in every call.

    Args:
        recipe: what to train.
        parts: the training and validation parts; only shape and classes of them matter.
        data: the file of their arrays (``hpsearch.script.arrays``), absolute or from the script's
            folder.
    """
    facts = _training(recipe)
    constants = [
        line
        for constant in _constants(recipe, parts, data, facts)
        for line in assignment(*constant)
    ]
    return _template().render(facts, docstring=_docstring(recipe), constants=constants)


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


def _docstring(recipe: Recipe) -> str:
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
    ]
    # A study's name may be as long as a line, and is not broken.
    folding = textwrap.TextWrapper(98, break_long_words=False, break_on_hyphens=False)
    folded = [folding.fill(text) for text in paragraphs]
    return "\n\n".join(["Trains one Keras network and prints its validation results.", *folded])


def _training(recipe: Recipe) -> dict[str, Any]:
    """The network and how it is trained."""
    config, training = recipe.config, recipe.training
    network: Any = config.network
    callbacks = _callbacks(recipe)
    dropout = "none"
    if any(network.dropout):
        dropout = "same" if len(set(network.dropout)) == 1 else "each"
    settings = config.optimizer.model_dump(exclude={"type", "learning_rate"})
    defaults = {name: field.default for name, field in type(config.optimizer).model_fields.items()}
    return {
        "balanced": recipe.dataset.class_weights == "balanced",
        "batch_norm": network.batch_norm,
        "l2": network.l2 > 0,
        "dropout": dropout,
        "precision": training.precision,
        "mixed": training.precision != "float32",
        "schedule": config.lr_schedule,
        "scheduled": config.lr_schedule not in ("constant", "plateau"),
        "optimizer": config.optimizer.keras,
        # Switches that are off and a momentum of 0 are what Keras does by itself; a decay is not.
        "settings": [
            (name, literal(value)) for name, value in settings.items() if value or defaults[name]
        ],
        "metric": recipe.objective.metric,
        "macro_f1": any(name == "MacroF1" for name, _ in callbacks),
        "cross_entropy": any("cross_entropy" in text for _, args in callbacks for text, _ in args),
        "callbacks": callbacks,
    }


Callback = tuple[str, list[tuple[str, str]]]
"""A callback's class and its arguments, each with a comment or ""."""


def _callbacks(recipe: Recipe) -> list[Callback]:
    """Keras' callbacks that stop early, lower the rate and keep the best epoch."""
    stopping, objective = recipe.training.early_stopping, recipe.objective
    found: list[Callback] = []
    monitors: list[str] = []
    kept = objective.epoch == "last"
    if stopping:
        both = not kept and stopping.monitor == objective.metric
        restoring = [("restore_best_weights=True", "")] if both else []
        arguments = [*_monitor(recipe, stopping.monitor), ("patience=PATIENCE", ""), *restoring]
        found.append(("EarlyStopping", arguments))
        monitors.append(stopping.monitor)
        kept = kept or both
    if not kept:
        never = ("patience=EPOCHS", "never stops, but keeps the best epoch")
        arguments = [*_monitor(recipe, objective.metric), never, ("restore_best_weights=True", "")]
        found.append(("EarlyStopping", arguments))
        monitors.append(objective.metric)
    if recipe.config.lr_schedule == "plateau":
        monitor = recipe.training.reduce_lr_on_plateau.monitor
        rate = [("factor=FACTOR", ""), ("patience=PLATEAU", ""), ("min_delta=0.0", "")]
        found.append(("ReduceLROnPlateau", [*_monitor(recipe, monitor), *rate]))
        monitors.append(monitor)
    return [("MacroF1", []), *found] if "val_f1_macro" in monitors else found


def _monitor(recipe: Recipe, metric: str) -> list[tuple[str, str]]:
    """What a callback looks at, and which direction is better."""
    # With a penalty Keras' val_loss has that in it, and ours has not.
    network: Any = recipe.config.network
    penalized = metric == "val_loss" and recipe.config.l2 > 0
    name = "val_cross_entropy" if penalized else metric
    mode = by_direction(METRICS[metric], "max", "min")
    return [(f'monitor="{name}"', ""), (f'mode="{mode}"', "")]


def _constants(
    recipe: Recipe, parts: Parts, data: Path, facts: dict[str, Any]
) -> list[tuple[str, object, str]]:
    """The constants at the top of the script: name, value, what it means."""
    config, training = recipe.config, recipe.training
    network: Any = config.network
    dropout, stopping = list(network.dropout), training.early_stopping
    lowering, plateau = training.reduce_lr_on_plateau, config.lr_schedule == "plateau"
    every = [
        (True, "DATA", data, "what it trains on"),
        (True, "INPUT_SHAPE", parts.input_shape, "shape of one example"),
        (True, "CLASSES", parts.classes, ""),
        (True, "SEED", recipe.seed, "seed of weights and shuffling"),
        (True, "UNITS", list(network.units), "width of each hidden layer"),
        (True, "ACTIVATION", network.activation, ""),
        (True, "INITIALIZER", network.initializer, ""),
        (facts["dropout"] == "same", "DROPOUT", dropout[0], "share of each layer's outputs"),
        (facts["dropout"] == "each", "DROPOUT", dropout, "share of each layer's outputs"),
        (facts["l2"], "L2", network.l2, "penalty on squared weights"),
        (True, "LEARNING_RATE", config.optimizer.learning_rate, ""),
        (True, "BATCH_SIZE", config.batch_size, ""),
        (True, "EPOCHS", training.epochs, "at most" if stopping else ""),
        (stopping, "PATIENCE", stopping and stopping.patience, "epochs without improvement"),
        (plateau, "FACTOR", lowering.factor, "factor of the learning rate on a plateau"),
        (
            plateau,
            "PLATEAU",
            lowering.patience,
            "epochs without improvement that count as a plateau",
        ),
    ]
    return [(name, value, comment) for needed, name, value, comment in every if needed]
