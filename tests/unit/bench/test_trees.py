"""The objectives of scripts/bench/search/conditional.py: where they are best."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import optuna
import pytest

BENCH = Path(__file__).parents[3] / "scripts" / "bench"


@pytest.fixture
def trees() -> Iterator[Any]:
    path, known = [*sys.path], {*sys.modules}
    sys.path.insert(0, str(BENCH / "search"))
    yield import_module("trees")
    sys.path[:] = path
    for name in sys.modules.keys() - known:
        if str(BENCH) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_the_optimum_of_a_synthetic_tree_is_zero_and_none_is_below(trees: Any) -> None:
    best = {
        "long branch wins": {"kind": "long", "at": trees.AIMS},
        "short branch wins": {"kind": "short", "at": [0.83]},
        "layers and optimizers": {
            "layers": 3, "units": [512, 64, 256], "dropout": [0.1, 0.4, 0.2],
            "kind": "adam", "rate": 2e-3, "momentum": None,
        },
        "nested networks": {
            "rate": 1e-2, "network": "conv", "sizes": [0.3, 0.6, 0.9],
            "head": "hidden", "hidden": (0.7, 0.25),
        },
    }  # fmt: skip
    for name, point in best.items():
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        made = trees.tree(name)
        assert made.loss(point) == pytest.approx(0.0, abs=1e-12)
        assert min(made.loss(made.walk(study.ask())) for _ in range(200)) > 0


def test_a_forest_tells_apart_what_it_was_fitted_on(trees: Any) -> None:
    configs = [
        trees.TrialConfig.model_validate({"layers": 1 + number % 3, "units": 32, "batch_size": 32})
        for number in range(60)
    ]
    forest = trees.Forest(configs, trees.np.array([config.network.layers for config in configs]))
    assert forest.explained > 0.9
    assert [round(forest.loss(config)) for config in configs[:3]] == [1, 2, 3]
