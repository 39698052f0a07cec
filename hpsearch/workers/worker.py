"""A worker: one process that claims trials and trains them until there are none left."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from functools import partial
from types import FrameType

import psutil

from hpsearch.data.arrays import Progress, silent
from hpsearch.data.cache import open_dataset
from hpsearch.data.dataset import Dataset
from hpsearch.data.drawing import split
from hpsearch.data.facts import split_fingerprint
from hpsearch.data.parts import Parts
from hpsearch.data.section import DatasetSection
from hpsearch.environment import (
    ALONE_VARIABLE,
    GPU_MEMORY_VARIABLE,
    KNOWN_VARIABLE,
    RECORDED_VARIABLE,
    SUPERVISOR_VARIABLE,
    THREADS_VARIABLE,
)
from hpsearch.errors import EXIT_OK, EXIT_SIGINT, EXIT_SIGTERM, InputError
from hpsearch.home import Home
from hpsearch.objective import CrowdedError, Objective
from hpsearch.outputs.leftovers import tidy
from hpsearch.search import budget, claims
from hpsearch.search.attributes import DEVICE_KEY, WORKER_KEY
from hpsearch.search.lookup import load_study
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy
from hpsearch.share import Share
from hpsearch.study_file import load_dataset_override
from hpsearch.training.outcome import Trainer
from hpsearch.training.start import start_tensorflow
from hpsearch.workers.identity import identity, worker_name
from hpsearch.workers.lease import AWAY_FOR, BEAT, HeartbeatThread
from hpsearch.workers.precision import settle_precision
from hpsearch.workers.presence import present
from hpsearch.workers.sharing import Device, device_key
from hpsearch.workers.slots import WORKER_MEMORY

MAX_TRIALS = 200
"""Trials after which a worker starts anew, however little it has grown."""

MAX_GROWTH = WORKER_MEMORY - 2**29
"""Bytes (1 GiB) that a worker may grow by after its first trial before it starts anew: nothing of
a trial should be kept, but libraries change, and a search must not end for want of memory. After
its first trial a worker takes less than half a GiB (scripts/bench/results/memory.md), so that it
stays within what the number of workers was reckoned with."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What asks a worker to leave; SIGHUP comes when the terminal is closed."""

MakesTrainer = Callable[..., Trainer]
"""Starts what trains: told what settles a study's precision, and ``alone``, whether it may have all
of the device's memory."""

_log = logging.getLogger(__name__)


class Stopper:
    """Notes signals, a lost supervisor and ``hpsearch stop``: a trial is left in good order.

    A second signal, to a worker that no supervisor started, ends it at once.

    Attributes:
        signal: the first one that came, or None.
        is_last: whether the running trial is the last one: SIGUSR1 came, as another study's turn
            is next (``hpsearch.server``).
        heartbeat: who hears of ``hpsearch stop``, when there is somebody.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.is_last = False
        self.heartbeat: HeartbeatThread | None = None
        supervisor = os.environ.get(SUPERVISOR_VARIABLE)
        self._supervisor = int(supervisor) if supervisor else None

    def begin(self) -> None:
        """Forget what was asked of another study's worker, before the next one."""
        self.is_last, self.heartbeat = False, None

    def listen(self) -> None:
        """Take SIGINT, SIGTERM and, unless nohup has it ignored, SIGHUP.

        Children of a background shell inherit SIGINT ignored.
        """
        for number in SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._note)
        signal.signal(signal.SIGUSR1, self._note_last)

    def _note_last(self, _number: int, _frame: FrameType | None) -> None:
        self.is_last = True

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is None or self.is_supervised:
            self.signal = self.signal or number  # a supervisor kills, where it is in a hurry
            return
        # The main thread may be in the middle of a transaction.
        by = f"a second signal ({signal.Signals(number).name})"
        if self.heartbeat is None:
            os._exit(self.exit_code)
        threading.Thread(target=self.heartbeat.end_now, args=(by, self.exit_code)).start()

    def __call__(self) -> bool:
        """Whether to stop now."""
        orphaned = self.is_supervised and os.getppid() != self._supervisor
        asked = self.heartbeat is not None and self.heartbeat.stop is not None
        return self.signal is not None or orphaned or asked

    @property
    def is_supervised(self) -> bool:
        """Whether a supervisor started this process."""
        return self._supervisor is not None

    @property
    def exit_code(self) -> int:
        """130 after SIGINT, 143 after SIGTERM or SIGHUP, else 0."""
        if self.signal is None:
            return EXIT_OK
        return EXIT_SIGINT if self.signal == signal.SIGINT else EXIT_SIGTERM


@dataclass
class Kept:
    """What a process keeps from one study to the next: signals, TensorFlow, and how worn it is."""

    stopper: Stopper = field(default_factory=Stopper)
    makes_trainer: MakesTrainer | None = None
    """Gives the trainer where TensorFlow runs already; None: it is started."""
    trials: int = 0
    """That it has run."""
    at_first: int = 0
    """Bytes that it took after the first one."""

    def worn(self) -> str:
        """Count a trial; why the process should start anew after it, or nothing."""
        self.trials += 1
        self.at_first = self.at_first or memory_used()
        growth = memory_used() - self.at_first
        is_worn = growth > MAX_GROWTH or self.trials >= MAX_TRIALS
        return f"after {self.trials} trials, grown by {growth / 1e6:.0f} MB" if is_worn else ""


def work(
    name: str,
    *,
    url: str,
    home: Home,
    overrides: Sequence[str] = (),
    trainer: Trainer | None = None,
    force: bool = False,
    kept: Kept | None = None,
) -> int:
    """Run trials of the study ``name`` until none is left or a signal comes.

    Args:
        name: the study.
        url: its storage.
        home: where data sets and runs are kept on this machine.
        overrides: ``--set dataset.path=...``, for a machine that has the data elsewhere.
        trainer: what trains; None for Keras (imported here, so that the CLI stays light).
        force: open SQLite on a network file system too.
        kept: what a process keeps that works for one study after the other; None: this is the only
            one.

    Returns:
        An exit code.

    Raises:
        HpsearchError: wrong input, or storage or data out of reach.
    """
    if kept is None:
        kept = Kept()
        kept.stopper.listen()
    stopper = kept.stopper
    carried = _number(ALONE_VARIABLE, least=0)
    os.environ.pop(ALONE_VARIABLE, None)
    # Of one that starts anew the storage was there a moment ago.
    before = frozenset(os.environ)
    known = bool({KNOWN_VARIABLE, RECORDED_VARIABLE} & before)
    opened = open_storage(
        url, create=False, force=force, patience=AWAY_FOR, awaited=known, hurried=stopper
    )
    with closing(opened) as storage:
        os.environ[KNOWN_VARIABLE] = "1"
        storage.owner = identity()
        study = load_study(storage, name)
        if budget.stop_requested(study) and carried is None:
            _log.info("study %s was stopped (hpsearch stop); hpsearch run FILE resumes it", name)
            return EXIT_OK
        with present(study) as presence:
            if KNOWN_VARIABLE in before:  # it was there then
                home.check()
            section = load_dataset_override(study.file, overrides)
            dataset = open_study_data(study, section, home)
            parts = split(dataset, section)
            _check_split(study, parts)
            make = partial(
                Objective,
                study=study,
                parts=parts,
                home=home,
                split=lambda other: split(dataset, other),
                stop_now=stopper,
                share=Share.find(home, study.name, study.key),
            )
            settle = partial(settle_precision, study, parts, home, stopper)
            heartbeat = HeartbeatThread(study, presence)
            if trainer is None:
                makes = kept.makes_trainer or keras_trainer
                trainer_of = partial(makes, settle, alone=carried is not None)
            else:
                trainer_of = partial(_given, trainer)
            return _work(study, make, home, kept, heartbeat, carried, trainer_of)


def _work(  # noqa: PLR0917  # those of work, opened
    study: OpenStudy,
    make: Callable[..., Objective],
    home: Home,
    kept: Kept,
    heartbeat: HeartbeatThread,
    carried: int | None,
    trainer_of: Callable[[], Trainer],
) -> int:
    """Run trials, sending heartbeats; the exit code.

    Args:
        study: the study.
        make: makes the objective, given ``trainer`` and ``alive``.
        home: whose devices are shared.
        kept: what the process keeps beyond this study.
        heartbeat: sends the heartbeats.
        carried: a running trial that is to be tried alone on the device.
        trainer_of: starts what trains.
    """
    owner, stopper = study.storage.owner, kept.stopper
    device = Device(home, device_key())
    stopper.heartbeat = heartbeat
    heartbeat.start()
    try:
        # A trial that is carried lives on while its process waits for the device, and starts up.
        with heartbeat.alive(carried) if carried is not None else nullcontext():
            if not (device.share if carried is None else device.take)(stopper):
                if carried is not None:
                    claims.interrupt(study, carried)
                return stopper.exit_code
            trainer = trainer_of()
        objective = make(trainer=trainer, alive=heartbeat.alive)
        _log.info("worker %s is ready on %s", owner[WORKER_KEY], owner[DEVICE_KEY])
        if carried is None:
            _run_trials(objective, device, kept)
        else:
            objective.try_alone(carried)
            tidy(study, home, share=objective.share)
            # A supervisor starts the next worker; it may have settled on fewer for this device.
            if not stopper.is_supervised:
                start_anew(f"trial {carried} had the device alone", study, stopper)
    finally:
        heartbeat.end()
        heartbeat.join(timeout=BEAT)
        device.close()
    _log.info("worker %s exits", worker_name(os.getpid()))
    return stopper.exit_code


def _run_trials(objective: Objective, device: Device, kept: Kept) -> None:
    """Run trials until none is left or it is time to stop; may start this process anew."""
    study, stopper = objective.study, kept.stopper
    while not (stopper() or stopper.is_last) and budget.ending(study) is None:
        try:
            if not objective.run_one():
                return
        except CrowdedError as error:
            why = f"trial {error.number} is tried alone on the device: {error}"
            start_anew(why, study, stopper, carry=error.number)
            claims.interrupt(study, error.number)
            return
        tidy(study, objective.home, share=objective.share)
        if worn := kept.worn():
            start_anew(worn, study, stopper)
        elif device.is_wanted:
            start_anew("another worker wants the device alone for a trial", study, stopper)


def memory_used() -> int:
    """Bytes of this process in memory, without pages of files: data that all workers share."""
    found = psutil.Process().memory_info()
    return int(found.rss - found.shared)


def start_anew(why: str, study: OpenStudy, stopper: Stopper, carry: int | None = None) -> None:
    """Replace this process by one with the same command line, pid and environment.

    It is the only way to get back all that libraries took. Returns only where it is time to stop,
    or another study's turn: a process that starts anew would not know of it. (A signal of the last
    moment may still be lost; a supervisor sends another one.)

    Args:
        why: for the log.
        study: its storage is closed.
        stopper: whether to stop.
        carry: a running trial that the new process is to try alone on the device.
    """
    if stopper() or (stopper.is_last and carry is None):
        return
    study.storage.close()
    if carry is not None:
        os.environ[ALONE_VARIABLE] = str(carry)
    _log.info("worker restarts: %s", why)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # ourselves


def _given(trainer: Trainer) -> Trainer:
    return trainer


def keras_trainer(settle: Callable[[], None], *, alone: bool = False) -> Trainer:
    """Start TensorFlow, with this worker's share of cores and memory; what trains with it.

    Args:
        settle: settles a study's precision, when TensorFlow has started.
        alone: with all of the device's memory.

    Raises:
        InputError: the share in the environment is none.
    """
    start_tensorflow(_number(THREADS_VARIABLE), None if alone else _number(GPU_MEMORY_VARIABLE))
    settle()
    from hpsearch.training.train import train  # noqa: PLC0415  # needs TensorFlow

    return train


def _number(variable: str, *, least: int = 1) -> int | None:
    """A whole number from ``least`` in the environment; None: it is not set.

    Raises:
        InputError: it is something else.
    """
    text = os.environ.get(variable)
    if not text:
        return None
    if not text.isdecimal() or int(text) < least:
        raise InputError(f"{variable} = {text!r}: write a whole number from {least}, or unset it")
    return int(text)


def open_study_data(
    study: OpenStudy, section: DatasetSection, home: Home, progress: Progress = silent
) -> Dataset:
    """The study's data set on this machine; the arguments are ``open_dataset``'s.

    Raises:
        InputError: it is not the data that the study was started with.
    """
    dataset = open_dataset(section, home, progress)
    expected = study.data.get("fingerprint")
    if dataset.fingerprint != expected:
        raise InputError(
            f"study {study.name}: the data on this machine have fingerprint"
            f" {dataset.fingerprint[:12]}, those of the study {str(expected)[:12]}; put the same"
            " data back, or name their place (--set dataset.path=..., but not on a service), or"
            " start another study under another name"
        )
    return dataset


def _check_split(study: OpenStudy, parts: Parts) -> None:
    """Refuse to compare trials that are validated on different examples.

    Raises:
        InputError: the same data are split otherwise here than where the study was made.
    """
    expected = study.data.get("split_fingerprint")
    found = split_fingerprint(parts)
    if expected not in (None, found):
        raise InputError(
            f"study {study.name}: the data are split differently on this machine (fingerprint"
            f" {found[:12]}, the study's {expected[:12]}); use the versions of NumPy and"
            f" scikit-learn that hpsearch show {study.name} --provenance names"
        )


def log_to_stderr() -> None:
    """Write this process's log lines to standard error, with time and level."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
