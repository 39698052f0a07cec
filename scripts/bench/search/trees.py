"""Objectives over conditional spaces that cost nothing: synthetic trees, and recorded trainings.

Of the synthetic ones the optimum is known, 0. The others are forests fitted on what configurations
came to: the 300 curves of curves.py, whose configurations follow from their seeds, and the record
of the portfolios, of convolutional networks and of tables.
"""

import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna
from curves import TABLE
from setting import space
from sklearn.ensemble import RandomForestRegressor

from hpsearch.config import TrialConfig, flat
from hpsearch.ranges import Suggest
from hpsearch.search.sampling.seeds import derive_seed
from hpsearch.space import Space, suggest_config

sys.path.append(str(Path(__file__).parents[1] / "portfolio"))
from candidates import SPACES, read  # isort: skip  # of that folder
from recording import lines  # isort: skip
from regrets import recorded, regrets, weights  # isort: skip

Floats = npt.NDArray[np.float64]
NOISE = 0.1
"""Of a recorded regret: 0.3 of the 3.3 points of accuracy that lie between the best and the median
curve, which is what another seed makes (samplers.py)."""
DRAWS = 4_000
"""Random configurations, of which a forest's least loss is taken for the optimum."""
TREES = 50


@dataclass(frozen=True, kw_only=True)
class Tree:
    """An objective over a conditional space; less is better."""

    walk: Callable[[Suggest], Any]
    """Asks for one configuration."""
    loss: Callable[[Any], float]
    """Of a configuration."""
    noise: float = 0.0
    """Standard deviation of what a search is told of a loss."""
    told: str = ""
    """What it was fitted on; "": it is synthetic, and its optimum is 0."""


# --- synthetic ones --------------------------------------------------------------------------


def branches(ask: Suggest) -> dict[str, Any]:
    """A branch with one parameter beside one with six."""
    kind = ask.suggest_categorical("kind", ("short", "long"))
    names = ["x"] if kind == "short" else [f"y_{number}" for number in range(6)]
    return {"kind": kind, "at": [ask.suggest_float(name, 0.0, 1.0) for name in names]}


AIMS = (0.2, 0.7, 0.5, 0.9, 0.35, 0.6)
"""Where the long branch is best."""


def long_wins(point: Mapping[str, Any]) -> float:
    """The long branch has the optimum, and is the worse one on average."""
    if point["kind"] == "short":
        return 0.2 + float(point["at"][0] - 0.3) ** 2
    return 3.0 * _squares(point["at"], AIMS)


def short_wins(point: Mapping[str, Any]) -> float:
    """The short branch has the optimum, in a narrow place, and is the worse one on average."""
    if point["kind"] == "short":
        return min(1.0, 40.0 * float(point["at"][0] - 0.83) ** 2)
    return 0.15 + _squares(point["at"], AIMS)


def layered(ask: Suggest) -> dict[str, Any]:
    """One to four layers with units and dropout of their own, and an optimizer with settings."""
    count = ask.suggest_int("layers", 1, 4)
    units = [ask.suggest_int(f"units_{layer}", 16, 1024, log=True) for layer in range(count)]
    dropout = [ask.suggest_float(f"dropout_{layer}", 0.0, 0.5) for layer in range(count)]
    kind = ask.suggest_categorical("optimizer", ("sgd", "adam", "rmsprop"))
    rate = ask.suggest_float(f"{kind}.learning_rate", 1e-4, 1e-1, log=True)
    momentum = ask.suggest_float("sgd.momentum", 0.0, 0.99) if kind == "sgd" else None
    return {
        "layers": count, "units": units, "dropout": dropout,
        "kind": kind, "rate": rate, "momentum": momentum,
    }  # fmt: skip


def layers_loss(point: Mapping[str, Any]) -> float:
    """Best with three layers, 512-64-256, and Adam at 2e-3; SGD is nearly as good."""
    units = _squares(np.log2(point["units"]) / 3, np.log2([512, 64, 256, 128]) / 3)
    dropout = 4.0 * _squares(point["dropout"], (0.1, 0.4, 0.2, 0.0))
    best = {"sgd": 3e-2, "adam": 2e-3, "rmsprop": 5e-4}[point["kind"]]
    found: float = 0.15 * abs(point["layers"] - 3) + units + dropout
    found += {"sgd": 0.05, "adam": 0.0, "rmsprop": 0.15}[point["kind"]]
    found += float(np.log10(point["rate"] / best)) ** 2 / 3
    return found + (0.0 if point["momentum"] is None else float(point["momentum"] - 0.9) ** 2)


def nested(ask: Suggest) -> dict[str, Any]:
    """Dense or convolutional networks; conditions within conditions."""
    rate = ask.suggest_float("rate", 1e-4, 1e-1, log=True)
    kind = ask.suggest_categorical("network", ("dense", "conv"))
    if kind == "dense":
        layers = ask.suggest_int("layers", 1, 4)
        sizes = [ask.suggest_float(f"units_{layer}", 0.0, 1.0) for layer in range(layers)]
        return {"rate": rate, "network": kind, "sizes": sizes}
    blocks = ask.suggest_int("blocks", 1, 3)
    sizes = [ask.suggest_float(f"filters_{block}", 0.0, 1.0) for block in range(blocks)]
    head = ask.suggest_categorical("head", ("gap", "flatten", "hidden"))
    hidden = ask.suggest_float("hidden.units", 0.0, 1.0) if head == "hidden" else None
    drop = ask.suggest_float("hidden.dropout", 0.0, 1.0) if head == "hidden" else None
    return {
        "rate": rate, "network": kind, "sizes": sizes, "head": head, "hidden": (hidden, drop)
    }  # fmt: skip


def nested_loss(point: Mapping[str, Any]) -> float:
    """Best with three blocks and a hidden layer of the right kind; of another kind it is worst."""
    dense = point["network"] == "dense"
    found = float(np.log10(point["rate"] / (1e-3 if dense else 1e-2))) ** 2 / 3
    if dense:
        return found + 0.2 + _squares(point["sizes"], (0.8, 0.4, 0.4, 0.2))
    found += 0.15 * (3 - len(point["sizes"])) + 2.0 * _squares(point["sizes"], (0.3, 0.6, 0.9))
    if point["head"] != "hidden":
        return found + (0.1 if point["head"] == "gap" else 0.2)
    return found + 1.5 * _squares(point["hidden"], (0.7, 0.25))


def _squares(values: Sequence[float] | Floats, aims: Sequence[float] | Floats) -> float:
    """The mean square of what is between values and aims, of which there may be more."""
    return float(np.mean((np.array(values) - np.array(aims)[: len(values)]) ** 2))


# --- recorded ones ---------------------------------------------------------------------------


class Forest:
    """The loss of configurations by a random forest."""

    def __init__(self, configs: Sequence[TrialConfig], losses: Floats) -> None:
        """Args: what was trained; what came of it."""
        self._names: dict[str, dict[Any, float]] = {}
        for config in configs:
            for name, value in features(config).items():
                known = self._names.setdefault(name, {})
                known.setdefault(value, float(len(known)))
        rows = np.array([self._row(config) for config in configs])
        forest = RandomForestRegressor(TREES, oob_score=True, max_features=0.5, random_state=0)
        forest.fit(rows, losses)
        self.explained: float = forest.oob_score_
        """Share of the variance, of trainings that a tree was not fitted on."""
        self._trees = [one.tree_ for one in forest.estimators_]

    def loss(self, config: TrialConfig) -> float:
        """Of one configuration, the mean over the trees."""
        row = self._row(config)[None].astype(np.float32)
        return float(np.mean([tree.predict(row) for tree in self._trees]))

    def _row(self, config: TrialConfig) -> Floats:
        """Numbers as they are, choices by their place, -1 for what it does not have."""
        has, row = features(config), np.full(len(self._names), -1.0)
        for column, (name, places) in enumerate(self._names.items()):
            if name in has:
                value = has[name]
                is_number = isinstance(value, int | float)
                row[column] = value if is_number else places.get(value, -1.0)
        return row


def features(config: TrialConfig) -> dict[str, Any]:
    """Every value of a configuration by its name; of an optimizer's settings its own."""
    found: dict[str, Any] = {}

    def enter(table: Mapping[str, Any], prefix: str) -> None:
        kind = f"{table['type']}." if "type" in table else ""
        for key, value in table.items():
            if isinstance(value, Mapping):
                enter(value, f"{prefix}{key}.")
            elif isinstance(value, list | tuple):
                found.update({f"{prefix}{kind}{key}_{n}": one for n, one in enumerate(value)})
            else:
                found[f"{prefix}{'' if key == 'type' else kind}{key}"] = value

    enter(flat(config), "")
    return found


def of_curves() -> Tree:
    """The regret of the best validation accuracy of the 300 curves."""
    configs, losses = [], []
    for row in TABLE.rows():
        seed = derive_seed(0, "trial", int(row["number"])) % 2**32
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
        config = suggest_config(space(), study.ask())
        if (config.lr_schedule, config.optimizer.type) != (row["lr_schedule"], row["optimizer"]):
            raise SystemExit(f"curve {row['number']} is of another configuration")
        if curve := [float(row[key]) for key in row if key.isdecimal() and row[key]]:
            configs.append(config)
            losses.append(1 - max(curve))
    return _fitted(space(), configs, regrets(np.array([losses]))[0])


def of_portfolio(kind: str) -> Tree:
    """The mean regret over the recorded sets of a kind."""
    table, known = recorded(kind, lines()), read()
    text = (SPACES / f"{kind}.toml").read_text(encoding="utf-8")
    wide = Space.model_validate(tomllib.loads(text)["space"])
    configs = [known[kind, number].config for number in table.candidates]
    losses = weights(table.families) @ regrets(table.pooled)
    return _fitted(wide, configs, losses)


def _fitted(of: Space, configs: Sequence[TrialConfig], losses: Floats) -> Tree:
    forest = Forest(configs, losses)
    return Tree(
        walk=partial(suggest_config, of),
        loss=forest.loss,
        noise=NOISE,
        told=f"forest of {len(configs)} configurations, {forest.explained:.0%} explained",
    )


MAKERS: dict[str, Callable[[], Tree]] = {
    "long branch wins": lambda: Tree(walk=branches, loss=long_wins),
    "short branch wins": lambda: Tree(walk=branches, loss=short_wins),
    "layers and optimizers": lambda: Tree(walk=layered, loss=layers_loss, noise=0.01),
    "nested networks": lambda: Tree(walk=nested, loss=nested_loss, noise=0.01),
    "curves": of_curves,
    "conv": partial(of_portfolio, "conv"),
    "tables": partial(of_portfolio, "tables"),
}


@cache
def tree(name: str) -> Tree:
    """One of ``MAKERS``; fitted once in a process."""
    return MAKERS[name]()


@cache
def extent(name: str) -> tuple[float, float]:
    """The optimum of a tree, and the median loss of random configurations."""
    of, sampler = tree(name), optuna.samplers.RandomSampler(seed=0)
    losses = []
    for number in range(DRAWS):
        if number % 100 == 0:  # each of a study's trials is slower than the last
            study = optuna.create_study(sampler=sampler)
        losses.append(of.loss(of.walk(study.ask())))
    return min(losses) if of.told else 0.0, float(np.median(losses))
