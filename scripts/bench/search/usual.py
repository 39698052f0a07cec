"""The search of time_to_target.py as it is usually written: run by that, not by hand.

    PYTHON usual.py script|ray DATA.npz SEED OUT.csv

Needs the environment of peers.lock. ``script`` is ``study.optimize`` with Optuna's defaults (TPE,
median pruner) and Keras' ``fit``; ``ray`` is Ray Tune with ASHA and Optuna, two trials at a time.
Space, epochs and early stopping are those that ``init`` wrote before there were presets
(../defaults/old_space.py). DATA.npz is as ``cases.write_arrays`` writes it. Every epoch adds a line
to OUT.csv: the time (seconds since 1970) and the validation accuracy.
"""

import os
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "defaults"))

from dense import Data, Tried, read, train  # isort: skip  # of the folder beside
from old_space import dense_space, table_space  # isort: skip  # see above

DEFAULTS = Path(__file__).parents[1] / "defaults"
TRIALS = 100_000
"""More than any run has time for; it is ended from outside."""
SPACES = {"images": dense_space, "vectors": dense_space, "tables": table_space}
"""By the kind of data."""


def trained(trial: Any, data: Data, seed: int, out: str, callback: Any) -> Tried:
    """Train the network that a trial draws.

    Args:
        trial: of Optuna.
        data: what the network learns from.
        seed: of its training.
        out: the file that gets a line an epoch.
        callback: of Keras, what the search does after each epoch.
    """
    import keras  # noqa: PLC0415 - each process imports what it needs

    def note(_epoch: int, logs: Mapping[str, float]) -> None:
        with Path(out).open("a", encoding="utf-8") as file:
            # Rounded, as it is in single precision: 0.885 must not miss a target of 0.885.
            file.write(f"{time.time()},{logs['val_accuracy']:.6f}\n")

    # Noted first: a callback that prunes ends the training.
    callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=note), callback]
    return train(SPACES[data.kind](trial), data, seed, data.patience, callbacks)


def script(data: Data, seed: int, out: str) -> None:
    """The usual script: ``study.optimize`` in one process, with a pruning callback."""
    import optuna  # noqa: PLC0415 - see above
    from optuna_integration import KerasPruningCallback  # noqa: PLC0415 - see above

    def objective(trial: optuna.Trial) -> float:
        pruning = KerasPruningCallback(trial, "val_accuracy")
        return trained(trial, data, 10_000 * seed + trial.number, out, pruning).value

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=TRIALS)


def space(kind: str, trial: Any) -> None:
    """Ask for what a network of a kind of data needs: Ray Tune takes the trial's parameters."""
    SPACES[kind](trial)


def ray(data: Data, seed: int, out: str) -> None:
    """Ray Tune: ASHA and Optuna's TPE, two trials at a time, a core each."""
    import ray as engine  # noqa: PLC0415 - see above
    from ray import tune  # noqa: PLC0415 - see above
    from ray.tune.schedulers import ASHAScheduler  # noqa: PLC0415 - see above
    from ray.tune.search import ConcurrencyLimiter  # noqa: PLC0415 - see above
    from ray.tune.search.optuna import OptunaSearch  # noqa: PLC0415 - see above

    def objective(config: dict[str, Any], data: Data) -> None:
        import keras  # noqa: PLC0415 - see above
        import optuna  # noqa: PLC0415 - see above

        def report(_epoch: int, logs: Mapping[str, float]) -> None:
            tune.report({"val_accuracy": logs["val_accuracy"]})

        own = int(tune.get_context().get_trial_id(), 16)  # at random: Ray numbers no trials
        reporting = keras.callbacks.LambdaCallback(on_epoch_end=report)
        drawn = optuna.trial.FixedTrial(config)
        trained(drawn, data, own, out, reporting)

    engine.init(
        num_cpus=2,
        include_dashboard=False,
        _node_ip_address="127.0.0.1",
        runtime_env={"env_vars": {"PYTHONPATH": str(DEFAULTS)}},
        log_to_driver=False,
    )
    asking = partial(space, data.kind)  # Ray pickles it
    search = OptunaSearch(asking, metric="val_accuracy", mode="max", seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        tune.Tuner(
            tune.with_resources(tune.with_parameters(objective, data=data), {"cpu": 1}),
            tune_config=tune.TuneConfig(
                metric="val_accuracy",
                mode="max",
                search_alg=ConcurrencyLimiter(search, 2),
                scheduler=ASHAScheduler(max_t=data.epochs),
                num_samples=TRIALS,
            ),
            run_config=tune.RunConfig(
                storage_path=folder,
                verbose=0,
                failure_config=tune.FailureConfig(fail_fast=True),  # else it goes on without
            ),
        ).fit()


def main() -> None:
    """Run one of them until it is ended from outside."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    name, data_file, seed, out = sys.argv[1:]
    {"script": script, "ray": ray}[name](read(Path(data_file)), int(seed), out)


if __name__ == "__main__":
    main()
