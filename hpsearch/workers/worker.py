"""A worker: one process that claims trials and trains them until there are none left."""

import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

import psutil

from hpsearch.data.cache import open_dataset
from hpsearch.data.dataset import Dataset
from hpsearch.data.parts import split
from hpsearch.environment import (
    DEVICE_VARIABLE,
    GPU_MEMORY_VARIABLE,
    SUPERVISOR_VARIABLE,
    THREADS_VARIABLE,
)
from hpsearch.errors import EXIT_OK, EXIT_SIGINT, EXIT_SIGTERM, InputError
from hpsearch.home import WEIGHTS, Home
from hpsearch.objective import Objective
from hpsearch.recipe import DatasetSection
from hpsearch.search import budget
from hpsearch.search.opening import open_storage
from hpsearch.search.study import DATASET_KEY, OpenStudy, load_study
from hpsearch.search.trials import is_complete
from hpsearch.study_file import load_dataset_override
from hpsearch.training.outcome import Trainer
from hpsearch.training.start import start_tensorflow
from hpsearch.workers.identity import identity

KEEP = 5
"""Best trials of a study whose weights stay on the disk."""

MAX_GROWTH = 3 * 2**29
"""Bytes (1.5 GiB) that a worker may grow by after its first trial before it starts anew: nothing of
a trial should be kept, but libraries change, and a search must not end for want of memory."""

_log = logging.getLogger(__name__)


class Stopper:
    """Notes signals and a lost supervisor, so that a trial is left in good order."""

    def __init__(self) -> None:
        self.signal: int | None = None
        supervisor = os.environ.get(SUPERVISOR_VARIABLE)
        self._supervisor = int(supervisor) if supervisor else None

    def listen(self) -> None:
        """Take SIGINT and SIGTERM; children of a background shell inherit SIGINT ignored."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.signal = number

    def __call__(self) -> bool:
        """Whether to stop now."""
        orphaned = self._supervisor is not None and os.getppid() != self._supervisor
        return self.signal is not None or orphaned

    @property
    def exit_code(self) -> int:
        """130 after SIGINT, 143 after SIGTERM, else 0."""
        if self.signal is None:
            return EXIT_OK
        return EXIT_SIGINT if self.signal == signal.SIGINT else EXIT_SIGTERM


def work(
    name: str,
    *,
    url: str,
    home: Home,
    overrides: Sequence[str] = (),
    trainer: Trainer | None = None,
    force: bool = False,
) -> int:
    """Run trials of the study ``name`` until none is left or a signal comes.

    Args:
        name: the study.
        url: its storage.
        home: where data sets and runs are kept on this machine.
        overrides: ``--set dataset.path=...``, for a machine that has the data elsewhere.
        trainer: what trains; None for Keras (imported here, so that the CLI stays light).
        force: open SQLite on a network file system too.

    Returns:
        An exit code.

    Raises:
        HpsearchError: wrong input, or storage or data out of reach.
    """
    stopper = Stopper()
    stopper.listen()
    storage = open_storage(url, create=False, force=force)
    storage.owner = identity()
    study = load_study(storage, name)
    section = load_dataset_override(study.file, overrides)
    dataset = open_study_data(study, section, home)
    if trainer is None:
        trainer = _keras_trainer()
    objective = Objective(
        study=study,
        parts=split(dataset, section),
        home=home,
        trainer=trainer,
        stop_now=stopper,
    )
    device = os.environ.get(DEVICE_VARIABLE, "any device that it sees")
    _log.info("worker %s is ready on %s", storage.owner["worker"], device)
    after_first: int | None = None
    while not stopper() and budget.ending(study) is None and objective.run_one():
        keep_best_weights(study, home)
        after_first = after_first or memory_used()
        # A signal that was noted would be forgotten by the process that starts anew.
        if memory_used() - after_first > MAX_GROWTH and not stopper():
            storage.close()
            start_anew()
    _log.info("worker %s leaves", storage.owner["worker"])
    return stopper.exit_code


def memory_used() -> int:
    """Bytes of this process in memory."""
    return int(psutil.Process().memory_info().rss)


def start_anew() -> NoReturn:
    """Replace this process by one with the same command line, pid and environment.

    It is the only way to get back all that libraries took.
    """
    _log.info("worker starts anew: it has grown to %.1f GB", memory_used() / 1e9)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # ourselves


def _keras_trainer() -> Trainer:
    start_tensorflow(_number(THREADS_VARIABLE), _number(GPU_MEMORY_VARIABLE))
    from hpsearch.training.train import train  # noqa: PLC0415  # needs TensorFlow

    return train


def _number(variable: str) -> int | None:
    """A whole number from 1 in the environment; None: it is not set.

    Raises:
        InputError: it is something else.
    """
    text = os.environ.get(variable)
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise InputError(f"{variable} = {text!r}: write a whole number from 1, or unset it")
    return int(text)


def open_study_data(study: OpenStudy, section: DatasetSection, home: Home) -> Dataset:
    """The study's data set on this machine.

    Raises:
        InputError: it is not the data that the study was started with.
    """
    dataset = open_dataset(section, home)
    expected = (study.optuna.user_attrs.get(DATASET_KEY) or {}).get("fingerprint")
    if dataset.fingerprint != expected:
        raise InputError(
            f"study {study.name}: the data on this machine has fingerprint"
            f" {dataset.fingerprint[:12]}, the study's has {str(expected)[:12]}; use the same"
            " data (--set dataset.path=...) or start another study"
        )
    return dataset


def keep_best_weights(study: OpenStudy, home: Home, keep: int = KEEP) -> None:
    """Remove the weights of all complete trials but the best ``keep``: curves stay."""
    objective = study.file.objective
    complete = [t for t in study.trials() if is_complete(t)]
    complete.sort(key=lambda t: t.values[0], reverse=objective.goal == "maximize")
    for trial in complete[keep:]:
        weights_file(home, study.name, trial.number).unlink(missing_ok=True)


def weights_file(home: Home, study: str, number: int) -> Path:
    """Where the kept weights of a trial lie, if they are kept."""
    return home.trial_run(study, number) / WEIGHTS


def log_to_stderr() -> None:
    """Write this process's log lines to standard error, with time and level."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
