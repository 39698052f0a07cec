"""Data and recipes small enough that a test spends its time in TensorFlow's tracing alone."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hpsearch.data.parts import Part, Parts
from hpsearch.data.transform import Affine
from hpsearch.recipe import Recipe
from hpsearch.training import devices, users


@pytest.fixture(scope="session", autouse=True)
def _devices() -> None:
    devices.set_up()


@pytest.fixture(autouse=True)
def _no_files_of_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test's files are the user's own in another test."""
    monkeypatch.setattr(users, "_modules", {})


@pytest.fixture(scope="session")
def blobs() -> Parts:
    """Three clouds of bytes: 53 examples to train on, 21 to validate."""
    random = np.random.default_rng(7)
    y = random.integers(0, 3, 74)
    centres = np.array([[40, 40, 200, 90, 10], [200, 60, 40, 90, 250], [120, 220, 120, 90, 130]])
    x = np.clip(centres[y] + random.normal(0, 25, (74, 5)), 0, 255).astype(np.uint8)
    rows = random.permutation(74)
    return Parts(
        train=Part(x=x, y=y, rows=np.sort(rows[:53])),
        validation=Part(x=x, y=y, rows=np.sort(rows[53:])),
        input_shape=(5,),
        class_names=("red", "green", "blue"),
        transform=Affine(multiplier=np.float32([1 / 127.5]), offset=np.float32([-1])),
        class_weights=None,
        fingerprint="",
    )


@pytest.fixture(scope="session")
def with_nan() -> Callable[[Parts, str], Parts]:
    """Parts with a NaN in one example of a part ("train" or "validation")."""

    def spoil(parts: Parts, which: str) -> Parts:
        x = parts.train.x.astype(np.float32)
        x[getattr(parts, which).rows[-1]] = np.nan
        return replace(
            parts, train=replace(parts.train, x=x), validation=replace(parts.validation, x=x)
        )

    return spoil


@pytest.fixture(scope="session")
def make_recipe() -> Callable[..., Recipe]:
    """A recipe from its sections; one hidden layer of four units unless told otherwise."""

    def make(seed: int = 1, **sections: Any) -> Recipe:
        config = {"layers": 1, "units": 4, "batch_size": 8} | sections.pop("config", {})
        training = {"epochs": 2, "early_stopping": False} | sections.pop("training", {})
        return Recipe(
            seed=seed,
            config=config,
            dataset={"source": "digits"},
            training=training,
            **sections,
        )

    return make
