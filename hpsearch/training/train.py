"""Train one recipe: build, fit, keep the weights that count, say what came of it."""

import contextlib
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from hpsearch.data.inputs import write_inputs
from hpsearch.data.parts import Parts, check_values
from hpsearch.errors import Failure, TrialFailedError
from hpsearch.home import INPUTS, WEIGHTS
from hpsearch.recipe import Recipe
from hpsearch.training import (
    board,
    checkpoint,
    curves,
    devices,
    memory,
    model,
    optimizers,
    seeds,
    tasks,
    weights,
)
from hpsearch.training.callbacks import Guard, Recorder, of_keras
from hpsearch.training.checkpoint import Checkpoint
from hpsearch.training.engine import BEGINNING, Engine, Position, evaluation_batch
from hpsearch.training.outcome import Outcome, Watch
from hpsearch.training.resident import Resident
from hpsearch.training.resume import Checkpointer, Training
from hpsearch.training.schedules import SCHEDULES

_log = logging.getLogger(__name__)


def train(recipe: Recipe, parts: Parts, run: Path, watch: Watch) -> Outcome:
    """Train a recipe; a :class:`hpsearch.training.outcome.Trainer`.

    ``hpsearch.training.devices.set_up`` comes first, once in a process.

    Args:
        recipe: what to train.
        parts: its data.
        run: folder for ``curves.csv``, ``best.weights.h5``, checkpoints and TensorBoard's logs;
            made when there is none. Weights are written, whole or not at all, when training came
            to its own end, not when the watch ended it. Checkpoints stay: who asked for them
            removes them when the outcome is safe.
        watch: how the training is followed and ended.

    Raises:
        TrialFailedError: diverged, out of memory, timed out or interrupted.
        DataError: it diverged because the data are damaged.
        UnreachableError: the folder cannot be written.
    """
    try:
        came_of_it = _attempt(recipe, parts, run, watch)
    finally:
        # Only here does nothing hold the network any more, neither a callback nor a traceback.
        devices.release()
    if isinstance(came_of_it, TrialFailedError):
        raise came_of_it
    return came_of_it


def build_engine(recipe: Recipe, parts: Parts) -> Engine:
    """The network, optimizer and data of a recipe, ready to train from its first epoch."""
    config, training = recipe.config, recipe.training
    network = model.build_for(recipe, parts)
    steps = -(-len(parts.train) // config.batch_size) * training.epochs
    rate = SCHEDULES[config.lr_schedule](config.optimizer.learning_rate, steps)
    return Engine(
        network,
        optimizers.build(config.optimizer, rate, training.precision),
        Resident(parts),
        tasks.MAKERS[recipe.task.name](config, parts),
        batch_size=config.batch_size,
        seed=recipe.seed,
        macs=config.network.macs(parts.shape, parts.outputs),
        augment=config.augment,
        grey=parts.grey,
    )


def gap_rows(recipe: Recipe, parts: Parts) -> npt.NDArray[np.int64]:
    """Which training examples the generalisation gap is measured on, in the part's order.

    As many as there are validation examples, drawn by the recipe's seed: more would cost time
    at the end of every trial and make the gap hardly more certain.
    """
    return seeds.order(recipe.seed, 0, len(parts.train))[: len(parts.validation)]


def logits(
    recipe: Recipe, parts: Parts, kept: Path, x: npt.NDArray[np.generic]
) -> npt.NDArray[np.floating]:
    """What the network of a recipe gives: logits, or predictions in the target's own unit.

    Args:
        recipe: what was trained.
        parts: its data; only shape, classes and scaling are used.
        kept: a ``best.weights.h5`` that :func:`train` wrote for the recipe.
        x: examples as they are stored, shape (n, *input_shape).

    Returns:
        shape (n, outputs).
    """
    found = _outputs(recipe, parts, kept, x)
    return found if parts.target is None else parts.target.restored(found)


def _outputs(
    recipe: Recipe, parts: Parts, kept: Path, x: npt.NDArray[np.generic]
) -> npt.NDArray[np.float32]:
    """What the network itself gives. Arguments as of :func:`logits`."""
    network = model.build_for(recipe, parts)
    network.load_weights(kept)
    batch = evaluation_batch(network)
    found = [
        np.asarray(network(np.asarray(x[start : start + batch]), training=False), np.float32)
        for start in range(0, len(x), batch)
    ]
    return np.concatenate([np.empty((0, parts.outputs), np.float32), *found])


def validated(recipe: Recipe, parts: Parts, kept: Path) -> dict[str, float]:
    """The values of kept weights on the validation examples, named as training names them.

    Arguments as of :func:`logits`.
    """
    part, task = parts.validation, tasks.MAKERS[recipe.task.name](recipe.config, parts)
    outputs = _outputs(recipe, parts, kept, part.x[part.rows])
    scores = task.score(tf.constant(part.y[part.rows]), tf.constant(outputs))
    values = task.values([[np.asarray(one) for one in scores]])
    return {f"val_{name}": value for name, value in values.items()}


def _attempt(recipe: Recipe, parts: Parts, run: Path, watch: Watch) -> Outcome | TrialFailedError:
    """All of :func:`train` but giving memory back; a failure of the trial is returned."""
    guard = Guard(watch, recipe.training.trial_timeout)
    try:
        return _train(recipe, parts, run, watch, guard)
    except TrialFailedError as error:
        if error.failure is Failure.DIVERGED:
            check_values(parts)  # what diverges on damaged data is not the configuration's fault
        return error.with_traceback(None)
    except memory.CANDIDATES as error:
        if not memory.is_out_of_memory(error):
            raise
        return TrialFailedError(Failure.OUT_OF_MEMORY, memory.describe(error), epoch=guard.epoch)


def _train(recipe: Recipe, parts: Parts, run: Path, watch: Watch, guard: Guard) -> Outcome:
    """Build, fit, evaluate and save; failures are raised."""
    curves.start(run, recipe.task.curves)
    engine = build_engine(recipe, parts)
    recorder = Recorder(engine.network, recipe, run, watch, guard)
    counting = of_keras(recipe.training, recipe.config.lr_schedule)
    key = checkpoint.key_of(recipe, parts)
    training = Training(engine=engine, guard=guard, recorder=recorder, counting=counting)
    checkpointer = Checkpointer(training, run, key, watch.checkpoint_every)
    start, last = BEGINNING, []
    if math.isfinite(watch.checkpoint_every):
        last = [checkpointer]
        found = checkpoint.load([run, *watch.earlier], key, checkpointer.check)
        start = _resume(checkpointer, found)
    if recorder.epochs:
        watch.on_resume(tuple(recorder.epochs))
    with _board(recipe, run) as writers:
        called = [guard, recorder, *counting, *writers, *last]
        engine.fit(epochs=recipe.training.epochs, callbacks=called, start=start)
    guard.check()
    learned: float | None = None
    if not recorder.asked_to_stop:
        recorder.restore()
        rows = gap_rows(recipe, parts)
        learned = engine.evaluate(engine.train_rows[rows])[recipe.task.gap]
        write_inputs(run / INPUTS, parts)
        weights.save(engine.network, run / WEIGHTS)
    return _outcome(recipe, engine, recorder, train_value=learned, seconds=guard.seconds)


def _resume(checkpointer: Checkpointer, found: Checkpoint | None) -> Position:
    """Where training begins: at the checkpoint's place, or at the beginning."""
    if found is None:
        return BEGINNING
    start = checkpointer.resume(found)
    _log.info("resumes in epoch %d, after %d examples", start.epoch + 1, start.examples)
    return start


@contextlib.contextmanager
def _board(recipe: Recipe, run: Path) -> Iterator[list[keras.callbacks.Callback]]:
    """TensorBoard's callback where it is asked for; its files are closed however training ends."""
    section = recipe.training.tensorboard
    if not section:
        yield []
        return
    board.write_hyperparameters(recipe.config, run)
    writer = board.callback(section, run)
    try:
        yield [writer]
    except BaseException:
        # Keras calls this only where fit comes to its end.
        writer.on_train_end()
        raise


def _outcome(
    recipe: Recipe,
    engine: Engine,
    recorder: Recorder,
    *,
    train_value: float | None,
    seconds: float,
) -> Outcome:
    """The outcome of a training that came to its end or was asked to stop."""
    kept, best, gap = recorder.kept, recorder.best or recorder.kept, recipe.task.gap
    trained = len(recorder.epochs)
    stopped: Literal["epochs", "early_stopping", "watch"] = "epochs"
    if recorder.asked_to_stop:
        stopped = "watch"
    elif trained < recipe.training.epochs:
        stopped = "early_stopping"
    return Outcome(
        value=kept.values[recipe.objective.metric],
        epochs=trained,
        best_epoch=best.epoch,
        parameters=engine.parameters,
        stopped=stopped,
        train_value=train_value,
        gap=None if train_value is None else train_value - kept.values[f"val_{gap}"],
        seconds=seconds,
        examples_per_second=(
            len(engine.train_rows) * trained / sum(epoch.seconds for epoch in recorder.epochs)
        ),
        curves=tuple(recorder.epochs),
    )
