"""The objective: claim, train, report, prune, tell. The one file that knows both sides."""

import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState

from hpsearch.config import TrialConfig, count_parameters, describe
from hpsearch.data.parts import Parts
from hpsearch.errors import Failure, InputError, TrialFailedError
from hpsearch.home import Home
from hpsearch.search import budget
from hpsearch.search.export import recipe_of, trial_seed
from hpsearch.search.study import OpenStudy
from hpsearch.space import suggest_config
from hpsearch.training.outcome import Epoch, Outcome, Trainer, Watch

_log = logging.getLogger(__name__)

MAX_REDRAWS = 200
"""Configurations over ``budget.max_parameters`` in a row before the search gives up."""


def worker_name(pid: int) -> str:
    """What a trial's attribute ``worker`` says of the process ``pid`` of this machine."""
    return f"{socket.gethostname()}:{pid}"


def identity() -> dict[str, Any]:
    """The attributes that say which process runs a trial: "host:pid" and its start (epoch s)."""
    process = psutil.Process()
    return {
        "worker": worker_name(process.pid),
        "worker_started": process.create_time(),
    }


def owner_is_gone(trial: FrozenTrial) -> bool:
    """Whether a running trial's process ran on this host and is no longer there."""
    host, _, pid = str(trial.user_attrs.get("worker", "")).rpartition(":")
    if host != socket.gethostname():
        return False
    try:
        process = psutil.Process(int(pid))
        # A process that started at another time only has the same number; a zombie is dead.
        same = abs(process.create_time() - trial.user_attrs["worker_started"]) < 1.0
        return not same or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@dataclass(frozen=True, kw_only=True)
class Objective:
    """Runs the trials of one study in this process, one after the other."""

    study: OpenStudy
    parts: Parts
    home: Home
    trainer: Trainer
    stop_now: Callable[[], bool] = lambda: False
    """Asked several times a second: True interrupts the running trial."""

    def run_one(self) -> bool:
        """Claim a trial and bring it to an end.

        Returns:
            False where the budget has no free place.

        Raises:
            InputError: hardly any configuration is within ``budget.max_parameters``.
            Exception: whatever the trainer raises beside TrialFailedError is a fault of the
                program; the trial is marked so and the error goes on.
        """
        for _ in range(MAX_REDRAWS):
            trial = budget.claim(self.study)
            if trial is None:
                return False
            try:
                config = suggest_config(self.study.file.space, trial)
                if self._too_large(trial, config):
                    continue
                self._train(trial)
            except UpdateFinishedTrialError:
                # Somebody took this process for dead and gave the trial to another one.
                _log.warning("trial %d was taken away; going on with the next", trial.number)
                return True
            except KeyboardInterrupt:
                budget.interrupt(self.study, trial.number)
                raise
            except Exception as error:
                budget.fail(self.study, trial.number, Failure.PROGRAM_ERROR, repr(error))
                raise
            return True
        raise InputError(
            f"study {self.study.name}: {MAX_REDRAWS} configurations in a row were over"
            f" budget.max_parameters = {self.study.budget.max_parameters}; raise it or narrow"
            " the space"
        )

    def _too_large(self, trial: Trial, config: TrialConfig) -> bool:
        """Note the configuration's size; end the trial where it is over the limit."""
        parameters = count_parameters(config, self.parts.inputs, self.parts.classes)
        trial.set_user_attr("parameters", parameters)
        limit = self.study.budget.max_parameters
        if limit is None or parameters <= limit:
            return False
        message = f"{parameters} parameters, at most {limit}"
        budget.fail(self.study, trial.number, Failure.TOO_LARGE, message)
        return True

    def _train(self, trial: Trial) -> None:
        """Train one trial and tell its result."""
        frozen = self.study.storage.get_trial(self.study.trial_id(trial.number))
        trial.set_user_attr("seed", trial_seed(self.study, frozen))
        run = self.home.trial_run(self.study.name, trial.number)
        pruned = False

        def on_epoch(epoch: Epoch) -> bool:
            nonlocal pruned
            trial.report(getattr(epoch, self.study.file.objective.metric), epoch.epoch)
            pruned = trial.should_prune()
            return pruned

        deadline = self._deadline()
        watch = Watch(
            on_epoch=on_epoch,
            interrupted=lambda: self.stop_now() or time.monotonic() > deadline,
        )
        try:
            recipe = recipe_of(self.study, frozen)
            _log.info("trial %d starts: %s", trial.number, describe(recipe.config))
            outcome = self.trainer(recipe, self.parts, run, watch)
        except TrialFailedError as error:
            self._failed(trial, error)
        else:
            self._tell(trial, outcome, pruned=pruned)

    def _deadline(self) -> float:
        """The moment (``time.monotonic``) at which the study's time is used up."""
        timeout = self.study.budget.timeout
        if timeout is None:
            return float("inf")
        # This trial runs from now on without a gap, so that the time used grows as the clock.
        return time.monotonic() + timeout - budget.seconds_used(self.study.trials())

    def _failed(self, trial: Trial, error: TrialFailedError) -> None:
        """Tell a failure of training; an interrupted trial goes back into the queue."""
        _log.info("trial %d ends: %s: %s", trial.number, error.failure, error)
        if error.failure is Failure.INTERRUPTED:
            budget.interrupt(self.study, trial.number)
            return
        if error.epoch is not None:
            trial.set_user_attr("failure_epoch", error.epoch)
        budget.fail(self.study, trial.number, error.failure, str(error))

    def _tell(self, trial: Trial, outcome: Outcome, *, pruned: bool) -> None:
        """Keep the summary of a trial as user attributes, then its value."""
        _log.info(
            "trial %d ends: %s %.4f after %d epochs, %.1f s",
            trial.number,
            "pruned" if pruned else "complete",
            outcome.value,
            outcome.epochs,
            outcome.seconds,
        )
        summary = {
            "epochs": outcome.epochs,
            "best_epoch": outcome.best_epoch,
            "train_accuracy": outcome.train_accuracy,
            "gap": outcome.gap,
            "seconds": round(outcome.seconds, 3),
            "examples_per_second": round(outcome.examples_per_second, 1),
        }
        for key, value in summary.items():
            trial.set_user_attr(key, value)
        if pruned:
            self.study.optuna.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
        else:
            self.study.optuna.tell(trial, outcome.value, skip_if_finished=True)
