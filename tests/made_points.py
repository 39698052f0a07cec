"""Trials for figures, made up: one with chosen fields, or a whole study."""

import random
from typing import Any

from hpsearch.config import TrialConfig, flat
from hpsearch.figures.points import Point, point

CONFIG = flat(TrialConfig(layers=2, units=(512, 256), dropout=(0.2, 0.4)))


def made(number: int, value: float | None = None, **fields: Any) -> Point:
    """A complete trial; keyword arguments replace fields."""
    known: dict[str, Any] = {
        "state": "complete",
        "config": CONFIG,
        "parameters": 1000 + number,
        "val_loss": None,
        "seconds": 10.0 + number,
        "epochs": 2,
        "train_accuracy": None if value is None else value + 0.1,
        "gap": 0.1,
        "failure": None,
        "curve": () if value is None else ((1, value / 2), (2, value)),
        "test": None,
    }
    return Point(number=number, value=value, **(known | fields))


def search(trials: int, *, epochs: int = 30, layers: int = 5, seed: int = 0) -> list[Point]:
    """A study as they are: more than half of the trials pruned, a few failed, the last one runs."""
    draw = random.Random(seed)  # noqa: S311  # made-up data need no secret numbers
    return [
        point(_row(draw, number, layers, number == trials - 1), _curve(draw, epochs))
        for number in range(trials)
    ]


def _curve(draw: random.Random, epochs: int) -> dict[int, float]:
    return {epoch: draw.uniform(0.1, 0.6) for epoch in range(1, epochs + 1)}


def _row(draw: random.Random, number: int, layers: int, running: bool) -> dict[str, Any]:
    state = draw.choices(["complete", "pruned", "failed"], [45, 50, 5])[0]
    complete = state == "complete" and not running
    depth = draw.randint(max(1, layers - 4), layers)
    config = {
        **CONFIG,
        "layers": depth,
        "units": [draw.randint(64, 2048) for _ in range(depth)],
        "dropout": [draw.uniform(0, 0.5) for _ in range(depth)],
        "batch_norm": draw.random() < 0.5,
        "l2": draw.choice([0.0, 1e-5, 5e-5, 1e-4]),
        "lr_schedule": "warmup_cosine",
        "optimizer": {
            "type": draw.choice(["adam", "adamw", "sgd", "rmsprop"]),
            "learning_rate": 10 ** draw.uniform(-4, -1),
        },
    }
    return {
        "number": number,
        "state": "running" if running else state,
        "values": [draw.uniform(0.3, 0.6)] if complete else None,
        "config": config,
        "parameters": draw.randint(10**4, 10**7),
        "epochs": 30,
        "val_loss": draw.uniform(0.5, 2.0) if complete else None,
        "seconds": None if running else round(draw.uniform(1, 1000), 3),
        "train_accuracy": draw.uniform(0.6, 0.9) if complete else None,
        "gap": draw.uniform(0, 0.4) if complete else None,
        "failure": "diverged" if state == "failed" else None,
    }
