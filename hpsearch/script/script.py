"""A recipe as a plain Keras script: reads the same data, makes the same split, trains alike."""

import textwrap
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from hpsearch import __version__
from hpsearch.data.dataset import Dataset
from hpsearch.data.importing import TEST_SHARE, TEST_SPLIT_SEED
from hpsearch.data.parts import Parts
from hpsearch.data.transform import pooled
from hpsearch.ranking import by_direction
from hpsearch.recipe import Recipe
from hpsearch.script.literals import assignment, literal
from hpsearch.script.sources import reader
from hpsearch.tasks.classification import METRICS

MARK = "Written by hpsearch"
"""How one of the first lines of every script begins."""

_TEMPLATES = Path(__file__).with_name("templates")


def script(recipe: Recipe, dataset: Dataset, parts: Parts) -> str:
    """The source of a script that trains a recipe and needs no hpsearch.

    It holds what this recipe needs and nothing else, and is the same in every call.

    Args:
        recipe: what to train; its path absolute.
        dataset: its data set.
        parts: the training and validation parts; only numbers and constants of them matter.

    Raises:
        InputError: files of the data that are damaged.
        UnreachableError: files of the data that cannot be read.
    """
    facts = reader(recipe.dataset, dataset) | _split(recipe, dataset, parts) | _training(recipe)
    constants = [line for constant in _constants(recipe, facts) for line in assignment(*constant)]
    return _template().render(
        facts,
        docstring=_docstring(recipe),
        has_path=facts["data"] is not None,
        constants=constants,
    )


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
    found = "" if value is None else f"({recipe.objective.metric} {value:.6g})"
    study = f" from study {source['study']}, {who}{found}" if "study" in source else ""
    needs = (
        "Needs tensorflow, scikit-learn and pillow, but not hpsearch. With --test it also reads"
        " the test split, after the network is trained."
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


def _split(recipe: Recipe, dataset: Dataset, parts: Parts) -> dict[str, Any]:
    """How the data are split and scaled."""
    section = recipe.dataset
    given = section.validation == "given"
    before = dataset.train_size - (0 if given else len(parts.validation))
    limit = "all"
    if section.limit is not None and section.limit < before:
        few_left = before - section.limit < parts.classes  # see hpsearch.data.stratify
        limit = "most" if few_left else "some"
    bounds = {"none": "", "unit": ", from 0 to 1", "symmetric": ", from -1 to 1"}
    return {
        "source": section.source,
        "test_taken": dataset.test_taken,
        "given": given,
        "limit": limit,
        "drawn": dataset.test_taken or not given or limit == "some",
        "count": "round(VALIDATION * len(y))",
        "scale": section.scale,
        "range": bounds.get(section.scale, ""),
        "maximum": dataset.maximum,
        "axes": _axes(len(parts.input_shape)),
        "together": section.include_validation,
        "constant": len(parts.input_shape) == 1 or bool((parts.transform.multiplier == 1).any()),
        "balanced": section.class_weights == "balanced",
        "input_shape": parts.input_shape,
        "classes": parts.classes,
    }


def _axes(dimensions: int) -> str:
    """What is standardized together, as NumPy is told; "": all values."""
    axes = pooled(dimensions)
    if len(axes) == 1:
        return str(axes[0])
    return "" if len(axes) == dimensions + 1 else str(axes)


def _training(recipe: Recipe) -> dict[str, Any]:
    """The network and how it is trained."""
    config, training = recipe.config, recipe.training
    callbacks = _callbacks(recipe)
    dropout = "none"
    if any(config.dropout):
        dropout = "same" if len(set(config.dropout)) == 1 else "each"
    settings = config.optimizer.model_dump(exclude={"type", "learning_rate"})
    defaults = {name: field.default for name, field in type(config.optimizer).model_fields.items()}
    return {
        "batch_norm": config.batch_norm,
        "l2": config.l2 > 0,
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
    penalized = metric == "val_loss" and recipe.config.l2 > 0
    name = "val_cross_entropy" if penalized else metric
    mode = by_direction(METRICS[metric], "max", "min")
    return [(f'monitor="{name}"', ""), (f'mode="{mode}"', "")]


def _constants(recipe: Recipe, facts: dict[str, Any]) -> list[tuple[str, object, str]]:
    """The constants at the top of the script: name, value, what it means."""
    config, section, training = recipe.config, recipe.dataset, recipe.training
    maximum = facts["maximum"]
    drawn = not facts["given"] or facts["limit"] != "all"
    share, dropout = section.validation, list(config.dropout)
    lowering = training.reduce_lr_on_plateau
    plateau, stopping = config.lr_schedule == "plateau", training.early_stopping
    every = [
        (facts["data"], "DATA", facts["data"], "path of the data"),
        (facts["files"], "FILES", facts["files"], ""),
        (facts.get("folders"), "FOLDERS", facts.get("folders"), "folder of each part"),
        (facts.get("litter"), "LITTER", facts.get("litter"), "files that desktops leave behind"),
        (facts.get("skipped"), "SKIPPED", facts.get("skipped"), "files that are not images"),
        (facts.get("size"), "HEIGHT", facts.get("height"), "images are resized to HEIGHT x WIDTH"),
        (facts.get("size"), "WIDTH", facts.get("width"), ""),
        (True, "INPUT_SHAPE", facts["input_shape"], "shape of one example"),
        (True, "CLASSES", facts["classes"], ""),
        (facts["test_taken"], "TEST_SHARE", TEST_SHARE, "share of all examples that is set aside"),
        (facts["test_taken"], "TEST_SEED", TEST_SPLIT_SEED, ""),
        (not facts["given"], "VALIDATION", share, "share of the training split"),
        (drawn, "SPLIT_SEED", section.split_seed, "seed of the validation split"),
        (facts["limit"] != "all", "LIMIT", section.limit, "training examples that are used"),
        (
            section.scale in ("unit", "symmetric"),
            "MAXIMUM",
            _whole(maximum),
            "largest value of the inputs",
        ),
        (True, "SEED", recipe.seed, "seed of weights and shuffling"),
        (True, "UNITS", list(config.units), "width of each hidden layer"),
        (True, "ACTIVATION", config.activation, ""),
        (True, "INITIALIZER", config.initializer, ""),
        (facts["dropout"] == "same", "DROPOUT", dropout[0], "share of each layer's outputs"),
        (facts["dropout"] == "each", "DROPOUT", dropout, "share of each layer's outputs"),
        (facts["l2"], "L2", config.l2, "penalty on squared weights"),
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


def _whole(number: float | None) -> float | None:
    """255.0 as 255."""
    return int(number) if number is not None and number == int(number) else number
