"""Resuming: writes where a trial stands while it trains, and takes a new process to that place."""

import json
import logging
import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import keras
from pydantic import Field, TypeAdapter

from hpsearch.errors import Failure, UnreachableError
from hpsearch.training import checkpoint
from hpsearch.training.callbacks import Guard, Logs, Recorder
from hpsearch.training.checkpoint import Checkpoint
from hpsearch.training.engine import Engine, Position
from hpsearch.training.folds import Finished, finished_of, state_of
from hpsearch.training.outcome import Epoch

COST = 20
"""After a checkpoint training goes on for at least so many times as long as writing it took, so
that checkpoints of large networks on slow disks take no more than 5 % of the time."""

_Counter = Literal["wait", "best", "best_epoch", "stopped_epoch", "cooldown_counter"]
"""What Keras' EarlyStopping and ReduceLROnPlateau keep from epoch to epoch."""

_log = logging.getLogger(__name__)

_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, kw_only=True)
class _Recorded:
    """What a checkpoint has of the recorder."""

    epochs: list[dict[str, float]]
    """Rows of ``Epoch``."""
    best: int | None
    epoch_seconds: _Seconds


@dataclass(frozen=True, kw_only=True)
class _Fold:
    """What a checkpoint has of a fold that is trained; see ``hpsearch.training.folds``."""

    epochs: list[dict[str, float]]
    kept: int
    best: int
    train_value: float
    weights: int


@dataclass(frozen=True, kw_only=True)
class _State:
    """What a checkpoint has beside arrays."""

    position: dict[str, float]
    """Epoch, examples, and what the task counted of them."""
    seconds: _Seconds
    recorder: _Recorded
    counts: list[dict[_Counter, float | int | None]]
    folds: list[_Fold] = field(default_factory=list)
    """Those that are trained."""


_STATE = TypeAdapter(_State)


@dataclass(frozen=True, kw_only=True)
class Training:
    """The parts of a running training that hold its state."""

    engine: Engine
    guard: Guard
    recorder: Recorder
    counting: Sequence[keras.callbacks.Callback]
    """Keras' callbacks that count epochs, always in the same order."""
    finished: Sequence[Finished] = ()
    """The folds that are trained."""


class Checkpointer(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """Writes a checkpoint every so often, and when training is interrupted.

    Called after all other callbacks: what these have counted belongs to the same moment as the
    weights. A disk that cannot take a checkpoint does not end the trial; it is logged.
    """

    def __init__(  # each is another thing
        self, training: Training, run: Path, key: str, every: float, due: float | None = None
    ) -> None:
        """Begin to count the time.

        Args:
            training: whose state is written.
            run: the trial's folder.
            key: the training's, from ``hpsearch.training.checkpoint.key_of``.
            every: seconds of training between two checkpoints.
            due: when the first is (``time.monotonic``); None: after so many seconds.
        """
        super().__init__()
        self._training = training
        self._run = run
        self._key = key
        self._every = every
        self.due = time.monotonic() + every if due is None else due
        self._counts: list[dict[_Counter, float | int | None]] | None = None
        """What Keras' callbacks had counted where training goes on."""
        self._ended = False
        """Whether the interruption has its checkpoint: callbacks are called some more times."""

    def check(self, found: Checkpoint) -> None:
        """Refuse a checkpoint that is no state of this training, whoever wrote it.

        Raises:
            ValueError: what is wrong with it.
        """
        engine, network = self._training.engine, self._training.engine.network
        state = _state(found)
        engine.check_variables(found.arrays)
        kept = {name: a.shape for name, a in found.arrays.items() if name.startswith("best.")}
        own = {f"best.{i}": tuple(weight.shape) for i, weight in enumerate(network.weights)}
        if kept and kept != own:
            raise ValueError("the kept weights are of another network")
        position = _position(state)
        recorder = self._training.recorder
        names = None if recorder.is_open else recorder.names
        rows = [_epoch(row, names, recorder.needed) for row in state.recorder.epochs]
        if rows != [*range(1, position.epoch + 1)]:
            raise ValueError("its epochs are not those before its position")
        if state.recorder.best not in (None, *rows):
            raise ValueError("its best epoch is none of its epochs")
        examples, whole = position.examples, len(engine.train_rows)
        if not 0 <= examples <= whole or (examples % engine.batch_size and examples != whole):
            raise ValueError("its position is between two steps")
        if examples and position.totals.keys() != {*engine.task.totals}:
            raise ValueError("its position is of another task")
        if len(state.counts) != len(self._training.counting):
            raise ValueError("its counts are of other callbacks")

    def resume(self, found: Checkpoint) -> Position:
        """Take the state of a checkpoint on that was checked.

        Returns:
            where to go on: what ``Engine.fit`` begins with.
        """
        training, state = self._training, _state(found)
        training.engine.set_variables(found.arrays)
        training.recorder.set_state(asdict(state.recorder), found.arrays)
        training.guard.already(state.seconds)
        self._counts = state.counts
        return _position(state)

    def on_train_begin(self, logs: Logs = None) -> None:
        """Give Keras' callbacks their counts back, which they have just set to nothing."""
        if self._counts is None:
            return
        for callback, counts in zip(self._training.counting, self._counts, strict=True):
            for name, value in counts.items():
                setattr(callback, name, value)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Write within an epoch, between two calls of the engine."""
        self._write_if_due()

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Write before the validation, which is done anew."""
        self._write_if_due()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write between two epochs; a training that has come to its end needs none."""
        if not self.model.stop_training:
            self._write_if_due()

    def _write_if_due(self) -> None:
        failure = self._training.guard.failure
        interrupted = failure is not None and failure.failure is Failure.INTERRUPTED
        if interrupted and not self._ended:
            self._ended = True
            self._write()
        elif failure is None and time.monotonic() >= self.due:
            self._write()

    def _write(self) -> None:
        """Write a checkpoint and settle when the next one is due."""
        began = time.monotonic()
        training = self._training
        recorded, best = training.recorder.get_state()
        at = training.engine.position
        values: dict[str, Any] = {
            "position": {"epoch": at.epoch, "examples": at.examples, **at.totals},
            "seconds": training.guard.seconds,
            "recorder": recorded,
            "counts": [_counts(callback) for callback in training.counting],
        }
        arrays = training.engine.get_variables() | best
        if training.finished:
            values["folds"], weights = state_of(training.finished)
            arrays |= weights
        try:
            checkpoint.save(self._run, Checkpoint(key=self._key, values=values, arrays=arrays))
        except UnreachableError as error:
            _log.warning("no checkpoint: %s", error)
        now = time.monotonic()
        self.due = now + max(self._every, COST * (now - began))


def folds_of(found: Checkpoint) -> list[Finished]:
    """The folds that were trained when a checkpoint was written.

    Raises:
        ValueError: it has something else.
        KeyError: likewise.
    """
    return finished_of([asdict(one) for one in _state(found).folds], found.arrays)


def _state(found: Checkpoint) -> _State:
    """What a checkpoint has beside arrays.

    Raises:
        ValueError: it has something else.
    """
    return _STATE.validate_json(json.dumps(found.values), strict=True)


def _position(state: _State) -> Position:
    """Where training stands.

    Raises:
        ValueError: it is no position.
    """
    rest = dict(state.position)
    try:
        epoch, examples = int(rest.pop("epoch")), int(rest.pop("examples"))
    except (KeyError, OverflowError) as error:
        raise ValueError(f"its position is none: {error}") from None
    return Position(epoch=epoch, examples=examples, totals=rest)


def _epoch(row: Mapping[str, float], names: Sequence[str] | None, needed: Set[str]) -> int:
    """Which epoch a row is of.

    Args:
        row: as a checkpoint has it.
        names: that its values may have; None: any.
        needed: those that it must have.

    Raises:
        ValueError: it is no row, lacks a value that is needed, or has one of no such name.
    """
    try:
        epoch = Epoch.of_row(row)
    except (KeyError, OverflowError) as error:
        raise ValueError(f"it has a row that is no epoch: {error}") from None
    if not needed <= epoch.values.keys() or (names is not None and epoch.values.keys() - {*names}):
        raise ValueError("its epochs are of another task")
    return epoch.epoch


def _counts(callback: keras.callbacks.Callback) -> dict[str, Any]:
    found = {
        name: getattr(callback, name) for name in get_args(_Counter) if hasattr(callback, name)
    }
    return {name: value if value is None else _plain(value) for name, value in found.items()}


def _plain(value: Any) -> float | int:
    """A NumPy or TensorFlow number as Python's."""
    return value if isinstance(value, int) else float(value)
