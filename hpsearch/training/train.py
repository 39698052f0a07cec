"""Train one recipe: build, fit, keep the weights that count, say what came of it."""

import contextlib
import logging
import math
import statistics
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from hpsearch.data.inputs import write_inputs
from hpsearch.data.parts import Parts, check_values
from hpsearch.errors import Failure, TrialFailedError
from hpsearch.home import INPUTS, WEIGHTS
from hpsearch.networks.network import Size
from hpsearch.recipe import Recipe, computing_in
from hpsearch.training import (
    board,
    checkpoint,
    curves,
    devices,
    memory,
    model,
    optimizers,
    own_fit,
    seeds,
    tasks,
    weights,
)
from hpsearch.training.callbacks import Guard, Recorder, of_keras
from hpsearch.training.checkpoint import Checkpoint
from hpsearch.training.engine import BEGINNING, Engine, Position
from hpsearch.training.export import load_weights
from hpsearch.training.folds import Finished, mean_of
from hpsearch.training.interrupting import PATIENCE
from hpsearch.training.networks.python import check_settings, compiled_in
from hpsearch.training.outcome import Outcome, Watch
from hpsearch.training.predicting import outputs_of
from hpsearch.training.resident import Resident
from hpsearch.training.resume import Checkpointer, Training, folds_of
from hpsearch.training.schedules import SCHEDULES
from hpsearch.training.tasks.own import with_own

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


def build_engine(recipe: Recipe, parts: Parts, searched: Collection[str] = ()) -> Engine:
    """The network, optimizer and data of a recipe, ready to train from its first epoch.

    Args:
        recipe: what to train.
        parts: its data.
        searched: fields of its configuration that a study has ranges in.

    Raises:
        InputError: a model of the user's own does not fit the data, or the configuration.
    """
    config, training = recipe.config, recipe.training
    network = model.build_for(recipe, parts)
    size = config.network.size(parts.shape, parts.outputs) or model.size_of(network)
    own = compiled_in(network)
    if own is not None:
        check_settings(own, config, searched)
    steps = -(-len(parts.train) // config.batch_size) * training.epochs
    rate = SCHEDULES[config.lr_schedule](config.optimizer.learning_rate, steps)
    has_loop = own_fit.is_wanted(recipe)
    optimizer = optimizers.build(config.optimizer, rate, training.precision, stock=has_loop)
    if has_loop:
        optimizer = own_fit.with_optimizer(network, recipe, optimizer)
    elif own is not None:
        optimizer = optimizers.kept(own.optimizer)
    task = tasks.MAKERS[recipe.task.name](config, parts)
    return Engine(
        network,
        optimizer,
        Resident(parts),
        with_own(task, network, own, parts),
        batch_size=config.batch_size,
        seed=recipe.seed,
        macs=size.macs,
        augment=config.augment,
        grey=parts.grey,
    )


def size_of(recipe: Recipe, parts: Parts) -> Size:
    """What a recipe's network takes; built for that only where it cannot be told before."""
    known = recipe.config.network.size(parts.shape, parts.outputs)
    if known is not None:
        return known
    training = computing_in(recipe.training, "float32")  # it may not be settled yet
    one = recipe.model_copy(update={"training": training})
    return model.size_of(model.build_for(one, parts.first(1, 1)))


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
    network = model.build_for(recipe, parts)
    load_weights(network, kept)
    found = outputs_of(network, parts, x)
    return found if parts.answers is None else parts.answers.restored(found)


FoldOutputs = tuple[Parts, npt.NDArray[np.float32]]
"""A fold, and what its network puts out for its validation examples, shape (n, outputs)."""


def validated(recipe: Recipe, parts: Parts, kept: Path) -> dict[str, float]:
    """The values of kept weights on the validation examples, named as training names them.

    With folds the mean of those of each on its own. Arguments as of :func:`logits`.
    """
    return values_of(recipe, fold_outputs(recipe, parts, kept))


def fold_outputs(recipe: Recipe, parts: Parts, kept: Path) -> Iterator[FoldOutputs]:
    """What each fold's network puts out for its validation examples, which it was not trained on.

    Without a cross-validation there is one. Arguments as of :func:`logits`.
    """
    network = model.build_for(recipe, parts)
    load_weights(network, kept)
    left = network.get_weights()
    for fold in parts.folds:
        own = model.build_for(recipe, fold)
        own.set_weights(left[: len(own.weights)])
        del left[: len(own.weights)]
        yield fold, outputs_of(own, fold, fold.validation.x[fold.validation.rows])


def values_of(recipe: Recipe, found: Iterable[FoldOutputs]) -> dict[str, float]:
    """The validation values of some folds' outputs, the mean over them; see :func:`validated`."""
    every: list[dict[str, float]] = []
    for fold, outputs in found:
        part, task = fold.validation, tasks.MAKERS[recipe.task.name](recipe.config, fold)
        scores = task.score(tf.constant(part.y[part.rows]), tf.constant(outputs))
        every.append(task.values([[np.asarray(one) for one in scores]]))
    return {f"val_{name}": statistics.fmean(values[name] for values in every) for name in every[0]}


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
    """Build, fit, evaluate and save, one fold after the other; failures are raised."""
    attempt = _Attempt(recipe, parts, run, watch, guard)
    attempt.fit(attempt.resume())
    while not attempt.is_over:
        attempt.begin_next()
        attempt.fit(BEGINNING)
    if attempt.is_cut_short:
        return attempt.stopped()
    if not attempt.pruned:
        write_inputs(run / INPUTS, parts)
        weights.save(attempt.network(), run / WEIGHTS)
    return attempt.outcome()


@dataclass(frozen=True, kw_only=True)
class _Session:
    """What trains one fold."""

    engine: Engine
    recorder: Recorder
    counting: Sequence[keras.callbacks.Callback]
    writing: Sequence[Checkpointer]
    """What writes checkpoints, if anything does."""


class _Attempt:
    """A training, fold by fold; without a cross-validation there is one.

    Attributes:
        finished: the folds that are trained.
        session: what trains the next one.
        pruned: whether the watch ended training after a fold.
        is_cut_short: whether it ended training within the first.
    """

    session: _Session

    def __init__(self, recipe: Recipe, parts: Parts, run: Path, watch: Watch, guard: Guard) -> None:
        self._recipe, self._parts, self._run = recipe, parts, run
        self._watch, self._guard = watch, guard
        self._key = checkpoint.key_of(recipe, parts)
        self._folds = parts.folds
        self.finished: list[Finished] = []
        self.pruned = self.is_cut_short = False
        self._every = watch.checkpoint_every
        if own_fit.is_wanted(recipe) and math.isfinite(self._every):
            self._every = min(self._every, PATIENCE)  # between two epochs alone
        self._due = time.monotonic() + self._every
        curves.start(run, recipe.task.curves)

    @property
    def fold(self) -> int:
        """The number of the one that is trained next, from 0."""
        return len(self.finished)

    @property
    def is_over(self) -> bool:
        """Whether there is no other fold to train."""
        return self.is_cut_short or self.pruned or self.fold == len(self._folds)

    def fit(self, start: Position) -> None:
        """Train the session's fold, and keep what it came to; a failure is raised."""
        session, recipe = self.session, self._recipe
        with _board(recipe, self._run, self.fold) as writers:
            called = [self._guard, session.recorder, *session.counting, *writers, *session.writing]
            if own_fit.is_wanted(recipe):
                part = self._folds[self.fold]
                own_fit.fit(
                    recipe,
                    part,
                    session.engine,
                    callbacks=called,
                    guard=self._guard,
                    start=start,
                    rows=gap_rows(recipe, part),
                )
            else:
                session.engine.fit(epochs=recipe.training.epochs, callbacks=called, start=start)
        self._guard.check()
        self.is_cut_short = session.recorder.asked_to_stop
        if not self.is_cut_short:
            self._finish()

    def begin_next(self) -> None:
        """Make what trains the next fold, when nothing holds the last one's network any more."""
        self._due = min((one.due for one in self.session.writing), default=self._due)
        del self.session
        self.session = self._make(self.fold)

    def resume(self) -> Position:
        """Where training begins: at a checkpoint's place, or at the beginning."""
        if math.isinf(self._watch.checkpoint_every):
            self.session = self._make(0)
            return BEGINNING
        found = checkpoint.load([self._run, *self._watch.earlier], self._key, self._check)
        if found is None:
            self.finished.clear()
            self.session = self._make(0)
            return BEGINNING
        start = self.session.writing[0].resume(found)
        at = f"fold {self.fold + 1}, " if len(self._folds) > 1 else ""
        _log.info("resumes in %sepoch %d, after %d examples", at, start.epoch + 1, start.examples)
        for fold, one in enumerate(self.finished):
            curves.start(self._run, self._recipe.task.curves, one.curves, fold)
        self._tell_what_was()
        return start

    def _check(self, found: Checkpoint) -> None:
        """Refuse a checkpoint that is no state of this training; else make what goes on from it.

        Raises:
            ValueError: what is wrong with it.
        """
        self.finished[:] = folds_of(found)
        if self.fold >= len(self._folds):
            raise ValueError("it has more folds than the training")
        self.session = self._make(self.fold)
        self.session.writing[0].check(found)

    def _tell_what_was(self) -> None:
        """Report the epochs and folds that are trained."""
        first = self.finished[0].curves if self.finished else self.session.recorder.epochs
        if first:
            self._watch.on_resume(tuple(first))
        for number in range(2, self.fold + 1):
            mean = mean_of(self.finished[:number], self._recipe.objective.metric)
            self._watch.on_fold(number, mean)

    def _make(self, fold: int) -> _Session:
        """What trains a fold, from its first epoch."""
        recipe, watch = self._recipe, self._watch
        if fold > 0:
            watch = replace(watch, on_epoch=lambda _: False)
            curves.start(self._run, recipe.task.curves, fold=fold)
        engine = build_engine(recipe, self._folds[fold], watch.searched)
        watch.on_size(Size(parameters=engine.parameters, macs=engine.macs))
        recorder = Recorder(engine.network, recipe, self._run, watch, self._guard, fold=fold)
        # A loop of the user's own lowers its rate itself.
        schedule = "constant" if own_fit.is_wanted(recipe) else recipe.config.lr_schedule
        counting = of_keras(recipe.training, recipe.objective, schedule)
        training = Training(
            engine=engine,
            guard=self._guard,
            recorder=recorder,
            counting=counting,
            finished=self.finished,
        )
        writing = [Checkpointer(training, self._run, self._key, self._every, self._due)]
        return _Session(
            engine=engine,
            recorder=recorder,
            counting=counting,
            writing=writing if math.isfinite(self._every) else [],
        )

    def _finish(self) -> None:
        """Keep what the session came to, and tell the mean of several folds."""
        recorder, engine = self.session.recorder, self.session.engine
        recorder.restore()
        rows = gap_rows(self._recipe, self._folds[self.fold])
        learned = engine.evaluate(engine.train_rows[rows])[self._recipe.task.gap]
        best = recorder.best or recorder.kept
        self.finished.append(
            Finished(
                curves=tuple(recorder.epochs),
                kept=recorder.kept.epoch,
                best=best.epoch,
                train_value=learned,
                weights=engine.network.get_weights(),
            )
        )
        if self.fold > 1:
            mean = mean_of(self.finished, self._recipe.objective.metric)
            more = self.fold < len(self._folds)
            self.pruned = self._watch.on_fold(self.fold, mean) and more

    def network(self) -> keras.Model:
        """The trained network; of several folds that which averages theirs."""
        if len(self._folds) == 1:
            return self.session.engine.network
        network = model.build_for(self._recipe, self._parts)
        network.set_weights([weight for one in self.finished for weight in one.weights])
        return network

    def stopped(self) -> Outcome:
        """The outcome of a training that the watch ended within its first fold."""
        recorder = self.session.recorder
        kept, best = recorder.kept, recorder.best or recorder.kept
        return self._outcome(
            value=kept.values[self._recipe.objective.metric],
            val_loss=kept.values["val_loss"],
            best_epoch=best.epoch,
            stopped="watch",
            train_value=None,
            gap=None,
            curves=tuple(recorder.epochs),
        )

    def outcome(self) -> Outcome:
        """The outcome of a training that came to its end, or was ended after a fold."""
        metric, done, first = self._recipe.objective.metric, self.finished, self.finished[0]
        train_value = statistics.fmean(one.train_value for one in done)
        stopped: Literal["epochs", "early_stopping", "watch"] = "epochs"
        if self.pruned:
            stopped = "watch"
        elif len(first.curves) < self._recipe.training.epochs:
            stopped = "early_stopping"
        several = len(self._folds) > 1
        return self._outcome(
            value=mean_of(done, metric),
            val_loss=mean_of(done, "val_loss"),
            best_epoch=first.best,
            stopped=stopped,
            train_value=train_value,
            gap=train_value - mean_of(done, f"val_{self._recipe.task.gap}"),
            curves=first.curves,
            folds=tuple((one.value(metric), one.best) for one in done) if several else (),
        )

    def _outcome(self, **known: Any) -> Outcome:
        """An outcome with all that follows from the curves and the engine."""
        every = [one.curves for one in self.finished] or [known["curves"]]
        examples = sum(
            len(fold.train) * len(curve) for fold, curve in zip(self._folds, every, strict=False)
        )
        return Outcome(
            epochs=len(known["curves"]),
            parameters=self.session.engine.parameters,
            seconds=self._guard.seconds,
            examples_per_second=(
                examples / sum(epoch.seconds for curve in every for epoch in curve)
            ),
            **known,
        )


@contextlib.contextmanager
def _board(recipe: Recipe, run: Path, fold: int) -> Iterator[list[keras.callbacks.Callback]]:
    """TensorBoard's callback where it is asked for, of the first fold; its files are closed however
    training ends.
    """
    section = recipe.training.tensorboard
    if not section or fold > 0:
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
