"""TrialConfig: one fully resolved point of a search space, everything that shapes the network."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, Strict

from hpsearch.augment import Augment
from hpsearch.networks import NETWORKS, AnyNetwork
from hpsearch.networks.dense import Dense
from hpsearch.networks.python import Python
from hpsearch.optimizers import Adam, AnyOptimizer
from hpsearch.searchable import Searchable, kind_of, lift, traits

DEFAULT_NETWORK = kind_of(Dense)
"""The kind whose fields need no table of their own."""

BatchSize = Annotated[int, Strict(), Field(ge=1, le=65536)]
LabelSmoothing = Annotated[float, Strict(), Field(ge=0.0, lt=1.0)]
LRSchedule = Literal["constant", "plateau", "cosine", "step", "warmup_cosine", "coslog4"]


class TrialConfig(Searchable):
    """One network with its training settings; nothing left to choose."""

    network: AnyNetwork = Dense()
    """One table with a ``type``, or one for each that may be chosen; none for a dense network."""
    batch_size: BatchSize = 32
    """Examples of one step."""
    lr_schedule: LRSchedule = "constant"
    """How the rate changes: not at all, by ``reduce_lr_on_plateau``, ..."""
    label_smoothing: LabelSmoothing = 0.0
    """Share of each label that training spreads over all classes (Szegedy et al., 2016)."""
    augment: Augment = Augment()
    """A table of its own: what is done to images at random."""
    optimizer: AnyOptimizer = Adam()
    """One table with a ``type``, or one for each that may be chosen; settings as in Keras."""


_USUAL = (kind_of(Adam), Adam().learning_rate, "constant")
"""What a network is trained with where nothing is said."""


def flat(config: TrialConfig) -> dict[str, Any]:
    """The configuration as a plain JSON-ready object, in the order of the fields."""
    return config.model_dump(mode="json")


def is_whole(config: Mapping[str, Any] | None) -> bool:
    """Whether a plain configuration is resolved, as :func:`flat` gives it.

    That of a waiting trial has Optuna's names, and some of them; of a trial that another program
    told nothing may be known.
    """
    try:
        table = lift(TrialConfig, config or {})
    except ValueError:
        return False
    network, optimizer = table["network"], table.get("optimizer")
    if not isinstance(network, Mapping) or not isinstance(optimizer, Mapping):
        return False
    kind = NETWORKS.get(str(network.get("type", DEFAULT_NETWORK)))
    if kind is None or not optimizer.keys() >= {"type", "learning_rate"}:
        return False
    known = {trait.name for trait in traits(kind)}
    return table.keys() >= TrialConfig.model_fields.keys() and network.keys() >= known


def without_places(config: TrialConfig) -> TrialConfig:
    """A configuration that does not say where anything of it lies."""
    return config.model_copy(update={"network": config.network.without_place()})


def network_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The network of a configuration as :func:`flat` gives it: its fields and its ``type``."""
    network: Mapping[str, Any] = lift(TrialConfig, config)["network"]
    return {"type": DEFAULT_NETWORK, **network}


def describe(config: TrialConfig) -> str:
    """One short line for tables; see :func:`summary`."""
    return summary(flat(config))


def summary(config: Mapping[str, Any]) -> str:
    """A configuration, as :func:`flat` gives it, in one short line.

    "512-256 gelu bn drop 0.25 adam 1.2e-03 cosine b64"
    """
    network, optimizer = network_of(config), config["optimizer"]
    words = NETWORKS[network["type"]].summary(network)
    trained = (optimizer["type"], optimizer["learning_rate"], config["lr_schedule"])
    # A model of the user's own that comes compiled has others, and these are the defaults.
    if network["type"] != kind_of(Python) or trained != _USUAL:
        words += [f"{trained[0]} {trained[1]:.1e}", trained[2]]
    words.append(f"b{config['batch_size']}")
    words += Augment.model_validate(config.get("augment", {})).summary()
    return " ".join(words)
