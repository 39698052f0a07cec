"""Dense networks in Keras as others search for them: run by defaults.py, not by hand.

    PYTHON usual_ways.py WAY DATA.npz SEED OUT.json TRIALS ...

Needs the environment of peers.lock. WAY is one of ``WAYS``, DATA.npz as ``cases.write_arrays``
writes it. OUT.json has an object for each of TRIALS, ascending: the test score (accuracy, or RMSE
in the target's unit) of the best of so many trials by validation, trained once more on training
and validation rows for as many epochs as it took to its best one. What the ways are is told in
defaults.py.
"""

import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from dense import Data, Tried, built, came_to, fitting, read, score, train
from old_space import Ask, Hyper, Network, dense_space, table_space


def drawn(data: Data, ask: Ask) -> Network:
    """A network from the space of the data's kind."""
    return table_space(ask) if data.kind == "tables" else dense_space(ask)


def line(trials: int, tried: Sequence[Tried], data: Data, seed: int, began: float) -> Any:
    """What is written of so many trials: their best one by validation, judged."""
    whole = [one for one in tried if not math.isnan(one.value)]
    pick = max if data.classes else min
    best = pick(whole, key=lambda one: one.value)
    return {
        "trials": trials,
        "validation": best.value * data.deviation,
        "score": score(best.network, data, best.epochs, seed),
        "seconds": time.perf_counter() - began,
    }


def first_guess(data: Data, seed: int, _trials: Sequence[int]) -> list[Any]:
    """What an expert writes down first; nothing is searched."""
    began = time.perf_counter()
    if data.kind == "tables":
        network = Network(
            units=(256, 128),
            dropout=(0.2, 0.2),
            optimizer="adam",
            settings={"learning_rate": 1e-3},
        )
        return [line(0, [train(network, data, seed, 10)], data, seed, began)]
    network = Network(
        units=(1024, 512),
        dropout=(0.5, 0.5),
        optimizer="adamw",
        settings={"learning_rate": 1e-3, "weight_decay": 0.01},
    )
    found = score(network, data, 30, seed)
    return [{"trials": 0, "score": found, "seconds": time.perf_counter() - began}]


def seed_of(seed: int, trial: int) -> int:
    """Of a trial's training."""
    return 10_000 * seed + trial


def script(data: Data, seed: int, trials: Sequence[int], *, is_random: bool = False) -> list[Any]:
    """``study.optimize`` with a pruning callback, by Optuna's defaults or at random, unpruned."""
    import optuna  # noqa: PLC0415 - slow
    from optuna_integration import KerasPruningCallback  # noqa: PLC0415 - slow

    tried: list[Tried] = []

    def objective(trial: optuna.Trial) -> float:
        pruning = KerasPruningCallback(trial, f"val_{data.metric}")
        network, own = drawn(data, trial), seed_of(seed, trial.number)
        tried.append(train(network, data, own, data.patience, [pruning]))
        return tried[-1].value

    samplers, pruners = optuna.samplers, optuna.pruners
    study = optuna.create_study(
        direction="maximize" if data.classes else "minimize",
        sampler=(samplers.RandomSampler if is_random else samplers.TPESampler)(seed=seed),
        pruner=pruners.NopPruner() if is_random else pruners.MedianPruner(),
    )
    lines = []
    for count in trials:
        began = time.perf_counter()
        study.optimize(objective, n_trials=count - len(study.trials))
        lines.append(line(count, tried, data, seed, began))
    return lines


def keras_tuner(data: Data, seed: int, trials: Sequence[int]) -> list[Any]:
    """KerasTuner's ``RandomSearch`` over the same space."""
    import keras_tuner as kt  # noqa: PLC0415 - slow

    tried: list[Tried] = []
    ends: list[float] = []

    class Model(kt.HyperModel):  # type: ignore[misc] # keras_tuner has no types here
        def build(self, hp: Any) -> Any:
            network, own = drawn(data, Hyper(hp)), seed_of(seed, len(tried))
            return built(network, data, data.epochs, own)

        def fit(self, hp: Any, model: Any, *arrays: Any, **given: Any) -> Any:
            network = drawn(data, Hyper(hp))
            arguments = fitting(network, data, data.epochs, data.patience)
            arguments["callbacks"] += given["callbacks"]
            history = model.fit(*arrays, **arguments)
            tried.append(came_to(network, data, history.history[f"val_{data.metric}"]))
            ends.append(time.perf_counter())
            return history

    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        tuner = kt.RandomSearch(
            Model(),
            objective=kt.Objective(f"val_{data.metric}", data.mode),
            max_trials=trials[-1],
            seed=seed,
            directory=folder,
        )
        tuner.search(*data.train, verbose=0)
    lines = []
    for count in trials:
        since = time.perf_counter() - (ends[count - 1] - began)
        lines.append(line(count, tried[:count], data, seed, since))
    return lines


WAYS: Mapping[str, Callable[[Data, int, Sequence[int]], list[Any]]] = {
    "first guess": first_guess,
    "script": script,
    "random": partial(script, is_random=True),
    "keras tuner": keras_tuner,
}
"""By the name in the results."""


def main() -> None:
    """Search in one way."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    way, data_file, seed, out, *trials = sys.argv[1:]
    lines = WAYS[way](read(Path(data_file)), int(seed), sorted(map(int, trials)))
    Path(out).write_text(json.dumps(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
