"""An ensemble as a plain Keras script that trains its networks and averages them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hpsearch.config import TrialConfig
from hpsearch.data.parts import Parts
from hpsearch.recipe import Recipe
from hpsearch.script import pieces
from hpsearch.script.literals import literal, mapping
from hpsearch.script.shared import Shared
from hpsearch.text import plural


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network of an ensemble, and by how much it counts."""

    name: str
    """Of its configuration, "trial 12"; networks that differ in their seeds alone share it."""
    recipe: Recipe
    weight: float
    """Above 0; the sum over an ensemble's networks is 1."""


def ensemble_script(
    networks: Sequence[Network], study: str, value: float, parts: Parts, data: Path
) -> str:
    """The source of a script that trains an ensemble and needs no hpsearch.

    It has one function that trains, the configurations, and of each network its configuration,
    seed and weight; all else is as of :func:`hpsearch.script.script.script`.

    Args:
        networks: at least one, of one study: they share data, training and objective.
        study: its name.
        value: the ensemble's, in the objective's metric; of refits it is not told.
        parts: the training and validation parts, on which all networks are trained, also those
            that had other splits; of several folds the first.
        data: the file of their arrays, absolute or from the script's folder.
    """
    recipes = [network.recipe for network in networks]
    first, configs, shared = recipes[0], [recipe.config for recipe in recipes], Shared()
    builders, schedules = _builders(configs, shared), _schedules(configs, shared)
    if parts.target:
        shared.add("hpsearch.training.targets", "restored")
    facts = pieces.common(recipes, parts, shared)
    facts["docstring"] = _docstring(recipes, f"study {study}", value, parts)
    facts["constants"] = [
        *pieces.constants(recipes, parts, data),
        *_own(networks, has_epochs=facts["epochs"] == "epochs"),
    ]
    always, some = set(schedules) == {"plateau"}, "plateau" in schedules
    lowering = pieces.lowering(first) if some else []
    facts["callbacks"] += lowering if always else []
    facts["lowering"] = [] if always else lowering
    facts["tables"] = [*_table("BUILDERS", builders), *_table("SCHEDULES", schedules)]
    facts["own"] = {
        "seed": "seed",
        "network": "config.network",
        "config": "config",
        "augment": "config.augment",
        "rate": "config.learning_rate",
        "build": _chosen(builders, "BUILDERS[config.builder]"),
        "schedule": _chosen(schedules, "SCHEDULES[config.lr_schedule]"),
        "optimizer": ["getattr(keras.optimizers, config.optimizer)(rate, **vars(config.settings))"],
    }
    return pieces.rendered("ensemble.jinja", facts)


def _docstring(recipes: Sequence[Recipe], study: str, value: float, parts: Parts) -> str:
    """What the script is and where it comes from."""
    first, who = recipes[0], f"the ensemble of {plural(len(recipes), 'network')}"
    # That of refits is of the networks before them.
    told = "" if first.dataset.include_validation else f" ({first.objective.metric} {value:.6g})"
    has_splits = len({recipe.dataset.split_seed for recipe in recipes}) > 1
    splits = ["Some of its networks had other splits there; here all have this one."]
    return pieces.docstring(
        "Trains the Keras networks of an ensemble and prints validation results of their average.",
        f"{study}, {who}{told}",
        first,
        parts,
        *(splits if has_splits else []),
    )


def _builders(configs: Sequence[TrialConfig], shared: Shared) -> dict[str, str]:
    """The functions that build networks, by kind; where there are several each has its name."""
    kinds = dict.fromkeys(config.network.builder for config in configs)
    found = {kind: "build" if len(kinds) == 1 else f"build_{kind}" for kind in kinds}
    for kind, name in found.items():
        shared.add(f"hpsearch.training.networks.{kind}", "build", name)
    return found


def _schedules(configs: Sequence[TrialConfig], shared: Shared) -> dict[str, str]:
    """The functions that are schedules, by name."""
    found: dict[str, str] = {config.lr_schedule: config.lr_schedule for config in configs}
    for name in found:
        shared.add("hpsearch.training.schedules", name)
    return found


def _chosen(functions: Mapping[str, str], of_several: str) -> str:
    """How training names a function: itself where there is but one."""
    names = list(functions.values())
    return names[0] if len(names) == 1 else of_several


def _table(name: str, functions: Mapping[str, str]) -> list[str]:
    """The lines of a dict of functions; none where there is but one."""
    if len(functions) == 1:
        return []
    lines = (f"    {literal(key)}: {function}," for key, function in functions.items())
    return [f"{name} = {{", *lines, "}"]


def _own(networks: Sequence[Network], *, has_epochs: bool) -> list[str]:
    """The lines of the configurations and of the networks that have them.

    Args:
        networks: see :func:`ensemble_script`.
        has_epochs: whether each says how long it is trained, as those of refits differ in it.
    """
    recipes = {network.name: network.recipe for network in networks}
    augmented = any(recipe.config.augment.is_on for recipe in recipes.values())
    several = len({recipe.config.network.builder for recipe in recipes.values()}) > 1
    every = {
        name: _fields(recipe.config, is_augmented=augmented, has_builder=several)
        for name, recipe in recipes.items()
    }
    rows = []
    for one in networks:
        epochs = f"{one.recipe.training.epochs}, " if has_epochs else ""
        rows.append(f"    ({literal(one.name)}, {one.recipe.seed}, {epochs}{literal(one.weight)}),")
    told = (
        f"# Of each network its configuration, seed, {'epochs, ' if has_epochs else ''}and the"
        " weight of its answers in the average."
    )
    return [*mapping("CONFIGURATIONS", every), told, "ENSEMBLE = [", *rows, "]"]


def _fields(config: TrialConfig, *, is_augmented: bool, has_builder: bool) -> dict[str, object]:
    """A configuration as training takes it.

    Args:
        config: the configuration.
        is_augmented: whether any network is: then each has settings, of others all are off.
        has_builder: whether it says which function builds its network.
    """
    optimizer = config.optimizer
    return {
        **({"builder": config.network.builder} if has_builder else {}),
        "network": config.network.model_dump(mode="json", exclude={"type"}),
        **pieces.plain(config),
        **({"augment": config.augment.model_dump(mode="json")} if is_augmented else {}),
        "optimizer": optimizer.keras,
        "learning_rate": optimizer.learning_rate,
        "settings": pieces.settings(optimizer),
    }
