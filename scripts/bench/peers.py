"""The same twelve configurations as other tools are used: run by throughput.py, not by hand.

    PYTHON peers.py script|script2|keras_tuner|ray DATA.npz OUT.jsonl
    PYTHON peers.py overhead EPOCHS DATA.npz OUT.jsonl

Needs the environment of peers.lock. Each network is built and trained as their documentation
shows it: ``model.fit`` on NumPy arrays of float32. Writes a line for each configuration: its
index, seconds from building the network to its last epoch, and validation accuracy; for
overhead.py seconds from one trial's end to the next and the seconds of each epoch.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from configurations import CONFIGURATIONS, Table
from usual_layers import hidden

EPOCHS = 2
Arrays = tuple[Any, Any, Any, Any]


def arrays(path: str) -> Arrays:
    """x_train, y_train, x_val, y_val; inputs as float32 in [-1, 1]."""
    import numpy as np  # noqa: PLC0415 - each process imports what it needs

    with np.load(path) as data:
        x, x_val = (data[name].astype("float32") / 127.5 - 1 for name in ("x_train", "x_val"))
        return x, data["y_train"], x_val, data["y_val"]


def build(config: Table, shape: tuple[int, ...]) -> Any:
    """The network of a configuration, compiled."""
    import keras  # noqa: PLC0415 - see above

    penalty = keras.regularizers.L2(config["l2"]) if config["l2"] else None
    model = hidden(
        shape,
        config["units"],
        config["dropout"],
        config["activation"],
        config["initializer"],
        config["l2"],
        batch_norm=config["batch_norm"],
    )
    model.add(
        keras.layers.Dense(10, kernel_initializer=config["initializer"], kernel_regularizer=penalty)
    )
    model.compile(
        optimizer=keras.optimizers.get(
            {
                "class_name": config["optimizer"]["type"],
                "config": {k: v for k, v in config["optimizer"].items() if k != "type"},
            }
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def fit(config: Table, data: Arrays, callbacks: list[Any], epochs: int = EPOCHS) -> float:
    """Build and train one network; its last validation accuracy."""
    x, y, x_val, y_val = data
    model = build(config, x.shape[1:])
    history = model.fit(
        x,
        y,
        batch_size=config["batch_size"],
        epochs=epochs,
        validation_data=(x_val, y_val),
        callbacks=callbacks,
        verbose=0,
    )
    return float(history.history["val_accuracy"][-1])


def note(out: str, index: int, began: float, accuracy: float) -> None:
    """Add a line to the results; short enough to be written at once by several processes."""
    line = {"index": index, "seconds": time.perf_counter() - began, "accuracy": accuracy}
    with Path(out).open("a") as file:
        file.write(json.dumps(line) + "\n")


def script(data_file: str, out: str, chosen: list[int], url: str | None = None) -> None:
    """The usual script: ``study.optimize`` with a pruning callback."""
    import keras  # noqa: PLC0415 - see above
    import optuna  # noqa: PLC0415 - see above
    from optuna_integration import KerasPruningCallback  # noqa: PLC0415 - see above

    data, left = arrays(data_file), iter(chosen)

    def objective(trial: optuna.Trial) -> float:
        began = time.perf_counter()
        keras.backend.clear_session()
        # Not enqueued: two processes would claim the same waiting trial now and then.
        index = next(left)
        trial.suggest_int("index", index, index)
        callback = KerasPruningCallback(trial, "val_accuracy")
        accuracy = fit(CONFIGURATIONS[index], data, [callback])
        note(out, index, began, accuracy)
        return accuracy

    study = optuna.create_study(
        study_name="peer",
        storage=url,
        load_if_exists=True,
        direction="maximize",
        pruner=optuna.pruners.NopPruner(),
        sampler=optuna.samplers.RandomSampler(0),
    )
    study.optimize(objective, n_trials=len(chosen))


def script2(data_file: str, out: str) -> None:
    """The usual script in two processes that share a study in SQLite."""
    import subprocess  # noqa: PLC0415 - see above

    import optuna  # noqa: PLC0415 - see above

    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/study.db"
        optuna.create_study(study_name="peer", storage=url, direction="maximize")
        command = [sys.executable, __file__, "half", data_file, out, url]
        halves = [
            subprocess.Popen([*command, str(half)])  # noqa: S603 - ourselves
            for half in range(2)
        ]
        codes = [process.wait() for process in halves]
        if any(codes):
            sys.exit(1)


def overhead(epochs: int, data_file: str, out: str) -> None:
    """The usual script again, with the times at which trials and epochs end."""
    import keras  # noqa: PLC0415 - see above
    import optuna  # noqa: PLC0415 - see above
    from optuna_integration import KerasPruningCallback  # noqa: PLC0415 - see above

    data = arrays(data_file)
    lines: list[dict[str, Any]] = []
    ends = [time.perf_counter()]

    def objective(trial: optuna.Trial) -> float:
        keras.backend.clear_session()
        index = trial.number
        trial.suggest_int("index", index, index)
        marks = []
        clock = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda *_: marks.append(time.perf_counter()),
            on_epoch_end=lambda *_: marks.append(time.perf_counter()),
        )
        pruning = KerasPruningCallback(trial, "val_accuracy")
        accuracy = fit(CONFIGURATIONS[index], data, [pruning, clock], epochs)
        seconds = [end - begin for begin, end in zip(marks[::2], marks[1::2], strict=True)]
        lines.append({"index": index, "epochs": seconds})
        return accuracy

    def told(_study: Any, _trial: Any) -> None:
        ends.append(time.perf_counter())
        lines[-1]["seconds"] = ends[-1] - ends[-2]

    sampler, pruner = optuna.samplers.RandomSampler(0), optuna.pruners.NopPruner()
    study = optuna.create_study(direction="maximize", pruner=pruner, sampler=sampler)
    study.optimize(objective, n_trials=len(CONFIGURATIONS), callbacks=[told])
    Path(out).write_text("".join(json.dumps(line) + "\n" for line in lines))


def keras_tuner(data_file: str, out: str) -> None:
    """KerasTuner: a grid of one choice."""
    import keras_tuner as kt  # noqa: PLC0415 - see above

    x, y, x_val, y_val = arrays(data_file)

    class Hyper(kt.HyperModel):  # type: ignore[misc] # keras_tuner has no types here
        def build(self, hp: Any) -> Any:
            self.began = time.perf_counter()
            index = hp.Choice("index", list(range(len(CONFIGURATIONS))))
            return build(CONFIGURATIONS[index], x.shape[1:])

        def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
            index = hp.get("index")
            size = CONFIGURATIONS[index]["batch_size"]
            history = model.fit(*args, batch_size=size, **kwargs)
            note(out, index, self.began, float(history.history["val_accuracy"][-1]))
            return history

    with tempfile.TemporaryDirectory() as folder:
        tuner = kt.GridSearch(
            Hyper(), objective="val_accuracy", max_trials=len(CONFIGURATIONS), directory=folder
        )
        tuner.search(x, y, validation_data=(x_val, y_val), epochs=EPOCHS, verbose=0)


def ray(data_file: str, out: str) -> None:
    """Ray Tune: two trials at a time, a core each."""
    import ray as engine  # noqa: PLC0415 - see above
    from ray import tune  # noqa: PLC0415 - see above

    def objective(config: Table, data: Arrays) -> None:
        began = time.perf_counter()
        index = config["index"]
        accuracy = fit(CONFIGURATIONS[index], data, [])
        note(out, index, began, accuracy)
        tune.report({"val_accuracy": accuracy})

    here = str(Path(__file__).parent)
    engine.init(
        num_cpus=2,
        include_dashboard=False,
        _node_ip_address="127.0.0.1",
        runtime_env={"env_vars": {"PYTHONPATH": here}},
        log_to_driver=False,
    )
    with tempfile.TemporaryDirectory() as folder:
        tune.Tuner(
            tune.with_resources(
                tune.with_parameters(objective, data=arrays(data_file)), {"cpu": 1}
            ),
            param_space={"index": tune.grid_search(list(range(len(CONFIGURATIONS))))},
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        ).fit()
    engine.shutdown()


def main() -> None:
    """Run one peer."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if sys.argv[1] == "overhead":
        overhead(int(sys.argv[2]), *sys.argv[3:5])
        return
    name, data_file, out, *rest = sys.argv[1:]
    everything = list(range(len(CONFIGURATIONS)))
    if name == "script":
        script(data_file, out, everything)
    elif name == "half":
        script(data_file, out, everything[int(rest[1]) :: 2], rest[0])
    else:
        {"script2": script2, "keras_tuner": keras_tuner, "ray": ray}[name](data_file, out)


if __name__ == "__main__":
    main()
