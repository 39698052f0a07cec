"""``init``'s spaces before presets took their place, drawn by Optuna or KerasTuner."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True)
class Network:
    """A dense network and how it is trained."""

    units: tuple[int, ...]
    dropout: tuple[float, ...]
    """Behind each hidden layer."""
    optimizer: str
    """Keras' name."""
    settings: Mapping[str, float | bool]
    """Of the optimizer, ``learning_rate`` among them."""
    activation: str = "relu"
    batch_norm: bool = False
    l2: float = 0.0
    initializer: str = "glorot_uniform"
    batch_size: int = 64
    schedule: str = "constant"


class Ask(Protocol):
    """Draws values, as Optuna's trials do."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """A whole number, both ends included."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of some values."""


def dense_space(ask: Ask) -> Network:
    """``init``'s space for images and vectors until presets took its place."""
    layers = range(ask.suggest_int("layers", 1, 5))
    kind = ask.suggest_categorical("optimizer", ["adam", "adamw", "sgd"])
    settings: dict[str, float | bool] = {}
    if kind == "sgd":
        settings["learning_rate"] = ask.suggest_float("sgd.learning_rate", 1e-2, 1e-1, log=True)
        settings["momentum"] = ask.suggest_float("sgd.momentum", 0.5, 0.95)
        settings["nesterov"] = True
    else:
        name = f"{kind}.learning_rate"
        settings["learning_rate"] = ask.suggest_float(name, 5e-4, 1e-2, log=True)
    if kind == "adamw":
        name = "adamw.weight_decay"
        settings["weight_decay"] = ask.suggest_float(name, 1e-5, 1e-3, log=True)
    schedules = ["constant", "plateau", "cosine", "warmup_cosine"]
    return Network(
        units=tuple(ask.suggest_int(f"units_{i}", 64, 2048, log=True) for i in layers),
        dropout=tuple(ask.suggest_float(f"dropout_{i}", 0.0, 0.5) for i in layers),
        activation=ask.suggest_categorical("activation", ["relu", "gelu", "tanh"]),
        batch_norm=ask.suggest_categorical("batch_norm", [True, False]),
        l2=ask.suggest_categorical("l2", [0.0, 1e-5, 1e-4]),
        initializer=ask.suggest_categorical("initializer", ["he_normal", "glorot_uniform"]),
        batch_size=ask.suggest_categorical("batch_size", [32, 64, 128]),
        schedule=ask.suggest_categorical("lr_schedule", schedules),
        optimizer=kind,
        settings=settings,
    )


def table_space(ask: Ask) -> Network:
    """``init``'s space for tables until presets took its place, without what Keras has not.

    That is embeddings of numbers, several members in one network, scales of inputs that are
    learnt, and the schedule "coslog4".
    """
    layers = ask.suggest_int("layers", 1, 4)
    return Network(
        units=(ask.suggest_int("units", 64, 512, log=True),) * layers,
        dropout=(ask.suggest_float("dropout", 0.0, 0.5),) * layers,
        activation=ask.suggest_categorical("activation", ["relu", "gelu", "mish"]),
        batch_size=ask.suggest_categorical("batch_size", [64, 128, 256]),
        schedule=ask.suggest_categorical("lr_schedule", ["constant", "cosine"]),
        optimizer="adamw",
        settings={
            "learning_rate": ask.suggest_float("adamw.learning_rate", 5e-4, 1e-2, log=True),
            "weight_decay": ask.suggest_float("adamw.weight_decay", 1e-4, 1e-1, log=True),
        },
    )


@dataclass(frozen=True)
class Hyper:
    """KerasTuner's hyperparameters, asked as Optuna's."""

    hp: Any

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """A whole number, both ends included."""
        return int(self.hp.Int(name, low, high, sampling="log" if log else "linear"))

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number."""
        return float(self.hp.Float(name, low, high, sampling="log" if log else "linear"))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of some values."""
        if all(isinstance(choice, bool) for choice in choices):
            return self.hp.Boolean(name)
        return self.hp.Choice(name, list(choices))
