"""The search of time_to_target.py as it is usually written: run by that, not by hand.

    PYTHON usual.py script|ray DATA.npz SEED EPOCHS OUT.csv

Needs the environment of peers.lock. ``script`` is ``study.optimize`` with Optuna's defaults (TPE,
median pruner) and Keras' ``fit``; ``ray`` is Ray Tune with ASHA and Optuna, two trials at a time.
Space, early stopping and the limit on parameters are those of the study that hpsearch is given.
Every epoch adds a line to OUT.csv: the time (seconds since 1970) and the validation accuracy.
"""

import math
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))

from peers import arrays, build  # of the folder above

MAX_PARAMETERS = 5_000_000
TRIALS = 100_000
"""More than any run has time for; it is ended from outside."""


def space(trial: Any) -> None:
    """The space of studies/cifar10.toml, asked for as a script asks for it."""
    for layer in range(trial.suggest_int("layers", 1, 5)):
        trial.suggest_int(f"units_{layer}", 64, 2048, log=True)
        trial.suggest_float(f"dropout_{layer}", 0.0, 0.5)
    trial.suggest_categorical("activation", ["relu", "gelu", "tanh"])
    trial.suggest_categorical("batch_norm", [True, False])
    trial.suggest_categorical("l2", [0.0, 1e-5, 5e-5, 1e-4])
    trial.suggest_categorical("initializer", ["he_normal", "glorot_uniform"])
    trial.suggest_categorical("batch_size", [32, 64, 128, 256])
    schedules = ["constant", "plateau", "cosine", "step", "warmup_cosine"]
    trial.suggest_categorical("lr_schedule", schedules)
    kind = trial.suggest_categorical("optimizer", ["adam", "adamw", "sgd", "rmsprop"])
    if kind == "adam":
        trial.suggest_float("adam.learning_rate", 5e-4, 1e-2, log=True)
        trial.suggest_float("adam.beta_1", 0.8, 0.95)
        trial.suggest_float("adam.beta_2", 0.98, 0.9999)
    elif kind == "adamw":
        trial.suggest_float("adamw.learning_rate", 5e-4, 1e-2, log=True)
        trial.suggest_float("adamw.weight_decay", 1e-5, 1e-4, log=True)
    elif kind == "sgd":
        trial.suggest_float("sgd.learning_rate", 1e-2, 1e-1, log=True)
        trial.suggest_float("sgd.momentum", 0.0, 0.95)
        trial.suggest_categorical("sgd.nesterov", [True, False])
    else:
        trial.suggest_float("rmsprop.learning_rate", 1e-4, 1e-2, log=True)
        trial.suggest_float("rmsprop.rho", 0.8, 0.99)


def rate(schedule: str, base: float, steps: int) -> Any:
    """The learning rate, by Keras' own schedules."""
    from keras.optimizers import schedules  # noqa: PLC0415 - each process imports what it needs

    if schedule == "cosine":
        return schedules.CosineDecay(base, steps)
    if schedule == "step":
        ends = [steps // 2, 3 * steps // 4]
        return schedules.PiecewiseConstantDecay(ends, [base, base / 10, base / 100])
    if schedule == "warmup_cosine":
        warmup = max(1, steps // 20)
        return schedules.CosineDecay(
            0.0, max(1, steps - warmup), warmup_target=base, warmup_steps=warmup
        )
    return base


def parameters(params: Mapping[str, Any], inputs: int) -> int:
    """Trainable parameters of a network with ten outputs."""
    widths = [inputs, *(params[f"units_{layer}"] for layer in range(params["layers"]))]
    per_unit = 2 if params["batch_norm"] else 1
    hidden = sum(a * b + per_unit * b for a, b in pairwise(widths))
    return int(hidden + 10 * widths[-1] + 10)


def train(
    params: Mapping[str, Any], data: Any, epochs: int, out: str, callbacks: list[Any]
) -> float | None:
    """Build and fit the network of some parameters.

    Returns:
        The best validation accuracy; None where the network is too large to be trained.
    """
    import keras  # noqa: PLC0415 - see above

    x, y, x_val, y_val = data
    if parameters(params, math.prod(x.shape[1:])) > MAX_PARAMETERS:
        return None
    kind = params["optimizer"]
    settings = {
        name.partition(".")[2]: value
        for name, value in params.items()
        if name.startswith(f"{kind}.")
    }
    steps = epochs * math.ceil(len(x) / params["batch_size"])
    settings["learning_rate"] = rate(params["lr_schedule"], settings["learning_rate"], steps)
    layers = range(params["layers"])
    keras.backend.clear_session()
    model = build(
        {
            "units": [params[f"units_{layer}"] for layer in layers],
            "dropout": [params[f"dropout_{layer}"] for layer in layers],
            "optimizer": {"type": kind, **settings},
            **{
                key: params[key]
                for key in ("activation", "batch_norm", "l2", "initializer", "batch_size")
            },
        },
        x.shape[1:],
    )

    def note(_epoch: int, logs: Mapping[str, float]) -> None:
        with Path(out).open("a") as file:
            # Rounded, as it is in single precision: 0.885 must not miss a target of 0.885.
            file.write(f"{time.time()},{logs['val_accuracy']:.6f}\n")

    if params["lr_schedule"] == "plateau":
        callbacks = [
            *callbacks,
            keras.callbacks.ReduceLROnPlateau(
                monitor="val_loss", factor=0.5, patience=2, min_delta=0.0
            ),
        ]
    history = model.fit(
        x,
        y,
        batch_size=params["batch_size"],
        epochs=epochs,
        validation_data=(x_val, y_val),
        verbose=0,
        callbacks=[
            keras.callbacks.LambdaCallback(on_epoch_end=note),
            keras.callbacks.EarlyStopping(
                monitor="val_accuracy", patience=5, restore_best_weights=True
            ),
            *callbacks,
        ],
    )
    return float(max(history.history["val_accuracy"]))


def script(data_file: str, seed: int, epochs: int, out: str) -> None:
    """The usual script: ``study.optimize`` in one process, with a pruning callback."""
    import optuna  # noqa: PLC0415 - see above
    from optuna_integration import KerasPruningCallback  # noqa: PLC0415 - see above

    data = arrays(data_file)

    def objective(trial: optuna.Trial) -> float:
        space(trial)
        pruning = KerasPruningCallback(trial, "val_accuracy")
        value = train(trial.params, data, epochs, out, [pruning])
        if value is None:
            raise optuna.TrialPruned
        return value

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=TRIALS)


def ray(data_file: str, seed: int, epochs: int, out: str) -> None:
    """Ray Tune: ASHA and Optuna's TPE, two trials at a time, a core each."""
    import ray as engine  # noqa: PLC0415 - see above
    from ray import tune  # noqa: PLC0415 - see above
    from ray.tune.schedulers import ASHAScheduler  # noqa: PLC0415 - see above
    from ray.tune.search import ConcurrencyLimiter  # noqa: PLC0415 - see above
    from ray.tune.search.optuna import OptunaSearch  # noqa: PLC0415 - see above

    def objective(config: dict[str, Any], data: Any) -> None:
        import keras  # noqa: PLC0415 - see above

        def report(_epoch: int, logs: Mapping[str, float]) -> None:
            tune.report({"val_accuracy": logs["val_accuracy"]})

        reporting = keras.callbacks.LambdaCallback(on_epoch_end=report)
        train(config, data, epochs, out, [reporting])  # too large: nothing is reported

    here = Path(__file__).parent
    engine.init(
        num_cpus=2,
        include_dashboard=False,
        _node_ip_address="127.0.0.1",
        runtime_env={"env_vars": {"PYTHONPATH": f"{here}:{here.parent}"}},
        log_to_driver=False,
    )
    search = OptunaSearch(space, metric="val_accuracy", mode="max", seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        tune.Tuner(
            tune.with_resources(
                tune.with_parameters(objective, data=arrays(data_file)), {"cpu": 1}
            ),
            tune_config=tune.TuneConfig(
                metric="val_accuracy",
                mode="max",
                search_alg=ConcurrencyLimiter(search, 2),
                scheduler=ASHAScheduler(max_t=epochs),
                num_samples=TRIALS,
            ),
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        ).fit()


def main() -> None:
    """Run one of them until it is ended from outside."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["TUNE_DISABLE_STRICT_METRIC_CHECKING"] = "1"  # see above: too large
    name, data_file, seed, epochs, out = sys.argv[1:]
    {"script": script, "ray": ray}[name](data_file, int(seed), int(epochs), out)


if __name__ == "__main__":
    main()
